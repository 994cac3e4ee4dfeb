//! Tables and floors, as text that can be pasted into a page.

/// One side's figures for small requests.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Requests in a second.
    pub(crate) rate: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    /// Milliseconds.
    pub(crate) p99: f64,
    /// CPU seconds for 100,000 requests.
    pub(crate) cpu: f64,
}

/// One side's figures for large bodies.
pub(crate) struct Bulk {
    pub(crate) name: &'static str,
    /// MiB in a second.
    pub(crate) rate: f64,
    /// CPU seconds for a GiB.
    pub(crate) cpu: f64,
}

pub(crate) fn print_rows(rows: &[Row]) {
    println!("| {:<28} | {:>8} | {:>8} | {:>8} | {:>14} |", "target", "req/s", "p50 ms", "p99 ms", "CPU-s/100k req");
    println!("|{:-<30}|{:->10}|{:->10}|{:->10}|{:->16}|", "", ":", ":", ":", ":");
    for row in rows {
        println!("| {:<28} | {:>8.0} | {:>8.2} | {:>8.2} | {:>14.2} |", row.name, row.rate, row.p50, row.p99, row.cpu);
    }
}

/// Compares requests per CPU second; whether every floor holds.
pub(crate) fn print_floors(ours: &Row, floors: &[(&Row, f64)]) -> bool {
    println!("\nrequests per CPU second:");
    let mut held = true;
    for (peer, floor) in floors {
        let ratio = peer.cpu / ours.cpu;
        let holds = ratio >= *floor;
        held &= holds;
        let verdict = if holds { "holds" } else { "DOES NOT HOLD" };
        println!("  {ratio:.2}x {} (floor {floor}: {verdict})", peer.name);
    }
    held
}

pub(crate) fn print_bulk(rows: &[Bulk]) {
    println!("| {:<28} | {:>8} | {:>10} |", "target", "MiB/s", "CPU-s/GiB");
    println!("|{:-<30}|{:->10}|{:->12}|", "", ":", ":");
    for row in rows {
        println!("| {:<28} | {:>8.0} | {:>10.2} |", row.name, row.rate, row.cpu);
    }
}

/// Prints median, 99th percentile and maximum of times in milliseconds.
pub(crate) fn print_times(what: &str, times: &[f64]) {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
    println!("{what}: median {:.1} ms, p99 {:.1} ms, max {:.1} ms ({} times)", at(0.5), at(0.99), at(1.0), times.len());
}

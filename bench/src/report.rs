//! Times, as text that can be pasted into a page.

/// Prints median, 99th percentile and maximum of times in milliseconds.
pub(crate) fn print_times(what: &str, times: &[f64]) {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
    println!("{what}: median {:.1} ms, p99 {:.1} ms, max {:.1} ms ({} times)", at(0.5), at(0.99), at(1.0), times.len());
}

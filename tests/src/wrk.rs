//! wrk: steady load from outside, and its own count of what failed.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::Process;
use crate::scratch::Scratch;

/// What wrk counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// Answers of any status.
    pub requests: u64,
    /// Answers that were neither 2xx nor 3xx.
    pub refused: u64,
    /// Connections that failed to open, to read, to write, or that timed out.
    pub socket_errors: u64,
    /// Answers in a second.
    pub rate: f64,
    /// The median latency.
    pub p50: Duration,
    /// The 99th percentile of the latency.
    pub p99: Duration,
}

/// One load against `url`.
#[derive(Debug)]
pub struct Wrk {
    command: Command,
}

impl Wrk {
    /// `connections` keep-alive connections for `duration`.
    #[must_use]
    pub fn new(url: &str, connections: u32, duration: Duration) -> Self {
        let mut command = Command::new("wrk");
        command.args(["-t1", "--latency", "--timeout", "10s"]).arg(format!("-c{connections}"));
        command.arg(format!("-d{}s", duration.as_secs())).arg(url);
        Self { command }
    }

    /// The same, with one more field in each request.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.command.args(["-H", &format!("{name}: {value}")]);
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When wrk is missing or fails.
    #[must_use]
    pub fn run(mut self) -> Counts {
        let output = self.command.stdin(Stdio::null()).output().expect("wrk is installed (cargo xtask setup)");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "wrk failed: {text}{}", String::from_utf8_lossy(&output.stderr));
        parse(&text)
    }

    /// Runs it beside the test, until it is stopped.
    ///
    /// # Panics
    /// When wrk is missing.
    #[must_use]
    pub fn start(self) -> Running {
        let scratch = Scratch::new();
        let mut command = self.command;
        let process = Process::start("wrk", &mut command, &scratch.join("report"));
        Running { process, _scratch: scratch }
    }
}

/// A load that goes on.
pub struct Running {
    process: Process,
    _scratch: Scratch,
}

impl Running {
    /// Stops the load and gives what was counted until then.
    ///
    /// # Panics
    /// When wrk ended before or does not report.
    #[must_use]
    pub fn stop(mut self) -> Counts {
        assert!(self.process.is_running(), "wrk ended before it was stopped: {}", self.process.log());
        self.process.signal("INT");
        let _ = self.process.finish(Duration::from_secs(30));
        parse(&self.process.log())
    }
}

/// Reads wrk's report.
fn parse(report: &str) -> Counts {
    let mut counts = Counts::default();
    for line in report.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["50%", value] => counts.p50 = duration(value),
            ["99%", value] => counts.p99 = duration(value),
            [count, "requests", "in", ..] => counts.requests = count.parse().unwrap_or_default(),
            ["Requests/sec:", value] => counts.rate = value.parse().unwrap_or_default(),
            ["Non-2xx", .., value] => counts.refused = value.parse().unwrap_or_default(),
            ["Socket", "errors:", rest @ ..] => {
                counts.socket_errors =
                    rest.iter().filter_map(|word| word.trim_end_matches(',').parse::<u64>().ok()).sum();
            }
            _ => {}
        }
    }
    assert!(counts.requests > 0, "wrk got no answer at all:\n{report}");
    counts
}

/// Reads `1.72ms`, `803.00us` or `1.02s`.
fn duration(text: &str) -> Duration {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let seconds = match &text[digits.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "m" => 60.0,
        _ => 1.0,
    };
    Duration::from_secs_f64(digits.parse::<f64>().unwrap_or_default() * seconds)
}

#[cfg(test)]
mod tests {
    use super::{Duration, parse};

    #[test]
    fn a_report_with_errors_is_read_whole() {
        let counts = parse(
            "Running 2s test @ http://127.0.0.1:1/\n  Latency Distribution\n     50%  803.00us\n     99%    4.03ms\n  \
             1234 requests in 2.00s, 1.5MB read\n  Socket errors: connect 0, read 2, write 1, timeout 3\n  \
             Non-2xx or 3xx responses: 17\nRequests/sec:    617.00\nTransfer/sec:      0.75MB\n",
        );
        assert_eq!((counts.requests, counts.socket_errors, counts.refused), (1234, 6, 17));
        assert_eq!((counts.p50, counts.p99), (Duration::from_micros(803), Duration::from_micros(4030)));
        assert!((counts.rate - 617.0).abs() < f64::EPSILON);
    }
}

//! Where log records go: to stderr, as lines for a person or as JSON for a machine. Stdout belongs to a command's
//! result.
//!
//! `RUST_LOG` narrows or widens what is logged (`RUST_LOG=adit_gateway=debug`); INFO without it.

use tracing_subscriber::EnvFilter;

/// How a log record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// One readable line per record.
    #[default]
    Text,
    /// One JSON object per record.
    Json,
}

/// Starts logging, from `level` up unless `RUST_LOG` says otherwise. Called once, before anything else runs.
pub(crate) fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let records = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start can only come from a test in the same process; the first one stays.
    let _ = match format {
        LogFormat::Text => records.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => records.json().flatten_event(true).try_init(),
    };
}

//! Where log records go: to stderr, as lines for a person or as JSON for a machine. Stdout belongs to a command's
//! result.
//!
//! `RUST_LOG` narrows or widens what is logged (`RUST_LOG=info,adit_gateway=debug`): levels, also of single modules. What
//! is in spans cannot be asked for: the machinery for that would take a part of what a connector's process may take.

pub(crate) use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

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
pub(crate) fn start(format: LogFormat, level: LevelFilter) {
    let (targets, refused) = match chosen(std::env::var("RUST_LOG").ok().as_deref(), level) {
        Ok(targets) => (targets, None),
        Err(error) => (Targets::new().with_default(level), Some(error)),
    };
    let records = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let records = match format {
        LogFormat::Text => records.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed(),
        LogFormat::Json => records.json().flatten_event(true).boxed(),
    };
    // A second start can only come from a test in the same process; the first one stays.
    let _ = tracing_subscriber::registry().with(targets).with(records).try_init();
    if let Some(error) = refused {
        tracing::warn!(%error, "RUST_LOG cannot be read, so it counts as not set");
    }
}

/// What is logged, by what `RUST_LOG` says. A list that names modules alone leaves the others out.
fn chosen(said: Option<&str>, level: LevelFilter) -> Result<Targets, ParseError> {
    match said.map(str::trim).filter(|said| !said.is_empty()) {
        Some(said) => said.parse(),
        None => Ok(Targets::new().with_default(level)),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn is_logged(said: Option<&str>, module: &str, level: Level) -> bool {
        chosen(said, LevelFilter::INFO).unwrap().would_enable(module, &level)
    }

    #[test]
    fn without_a_word_the_level_of_the_command_counts() {
        for said in [None, Some(""), Some(" ")] {
            assert!(is_logged(said, "adit_gateway", Level::INFO), "{said:?}");
            assert!(!is_logged(said, "adit_gateway", Level::DEBUG), "{said:?}");
        }
    }

    #[test]
    fn levels_are_chosen_for_all_and_for_single_modules() {
        let said = Some("warn,adit_gateway=debug");
        assert!(is_logged(said, "adit_gateway::forward", Level::DEBUG));
        assert!(is_logged(said, "adit_control", Level::WARN) && !is_logged(said, "adit_control", Level::INFO));
        assert!(!is_logged(Some("adit_gateway=debug"), "adit_control", Level::ERROR));
        assert!(is_logged(Some("trace"), "h2", Level::TRACE));
    }

    #[test]
    fn what_is_no_list_of_levels_is_refused() {
        assert!(chosen(Some("adit_gateway=loud"), LevelFilter::INFO).is_err());
    }
}

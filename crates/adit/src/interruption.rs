//! Being asked to stop: SIGTERM from a service manager, SIGINT from a terminal.
//!
//! The first asks for an orderly end. A second one during that end is obeyed at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask this process to stop.
pub(crate) struct Interruption {
    terminate: Signal,
    interrupt: Signal,
}

impl Interruption {
    /// Starts to listen for the signals; from here on they no longer end the process by themselves.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns when the process is asked to stop, with the signal's name.
    pub(crate) async fn requested(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Waits for the orderly end, or ends the process when asked a second time.
    pub(crate) async fn during<T>(mut self, end: impl Future<Output = T>) -> T {
        tokio::select! {
            ended = end => ended,
            signal = self.requested() => {
                eprintln!("{signal} a second time: stopped without waiting for what was under way");
                std::process::exit(1);
            }
        }
    }
}

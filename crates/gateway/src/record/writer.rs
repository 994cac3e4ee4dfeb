//! The thread that writes access records. Cores hand it batches through a bounded queue and never wait: what does not
//! fit, or cannot be written, is dropped and counted.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

use crate::limits;

/// How often it is logged that records cannot be written: a full disk must not fill another one.
const COMPLAIN: Duration = Duration::from_secs(60);

/// Where access records go. Called on a thread of its own, which may wait.
pub trait RecordDestination: Send + 'static {
    /// Writes whole lines of JSON.
    ///
    /// # Errors
    /// What the system reports; the lines are lost then, and counted.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;
}

#[derive(Debug)]
enum Handed {
    Lines(Vec<u8>, u64),
    Mark(#[expect(dead_code, reason = "what counts is when it is dropped")] mpsc::Sender<()>),
}

/// How cores reach the thread.
#[derive(Debug, Clone)]
pub(crate) struct RecordWriter {
    queue: SyncSender<Handed>,
    dropped: Counter,
}

impl RecordWriter {
    /// Starts the thread. Records that are lost are counted in `dropped`.
    pub(crate) fn start(mut destination: Box<dyn RecordDestination>, dropped: Counter) -> io::Result<Self> {
        let (queue, handed) = sync_channel(limits::RECORD_BATCHES);
        let lost = dropped.clone();
        let write = move || write_all(&handed, destination.as_mut(), &lost);
        std::thread::Builder::new().name("gateway-records".to_owned()).spawn(write)?;
        Ok(Self { queue, dropped })
    }

    /// Hands over `lines` of so many records, or drops them.
    pub(crate) fn hand_over(&self, lines: Vec<u8>, records: u64) {
        if self.queue.try_send(Handed::Lines(lines, records)).is_err() {
            self.dropped.inc_by(records);
        }
    }

    /// Has `reached` dropped once everything was written that was handed over before.
    pub(crate) fn mark(&self, reached: mpsc::Sender<()>) {
        // It is dropped at once where the queue is full: nobody waits for a disk that does not keep up.
        let _ = self.queue.try_send(Handed::Mark(reached));
    }
}

/// Writes until no core is left.
fn write_all(handed: &Receiver<Handed>, destination: &mut dyn RecordDestination, dropped: &Counter) {
    let mut complained: Option<Instant> = None;
    for handed in handed {
        let Handed::Lines(lines, records) = handed else { continue };
        let Err(error) = destination.write(&lines) else { continue };
        dropped.inc_by(records);
        if complained.is_none_or(|at| at.elapsed() >= COMPLAIN) {
            complained = Some(Instant::now());
            tracing::error!(%error, records, "access records cannot be written and are dropped");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl RecordDestination for Kept {
        fn write(&mut self, lines: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap().extend_from_slice(lines);
            Ok(())
        }
    }

    /// Writes nothing until it is let go on.
    struct Stuck(std::sync::mpsc::Receiver<()>);

    impl RecordDestination for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<()> {
            let _ = self.0.recv();
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[tokio::test]
    async fn what_was_handed_over_is_written_before_a_mark_is_reached() {
        let (kept, dropped) = (Kept::default(), Counter::default());
        let writer = RecordWriter::start(Box::new(kept.clone()), dropped.clone()).unwrap();
        for _ in 0..100 {
            writer.hand_over(b"{}\n".to_vec(), 1);
        }
        let (reached, mut all) = mpsc::channel(1);
        writer.mark(reached);
        assert_eq!(all.recv().await, None);
        assert_eq!(kept.0.lock().unwrap().len(), 300);
        assert_eq!(dropped.get(), 0);
    }

    #[tokio::test]
    async fn a_destination_that_does_not_keep_up_costs_records_and_no_waiting() {
        let (go_on, stuck) = std::sync::mpsc::channel();
        let dropped = Counter::default();
        let writer = RecordWriter::start(Box::new(Stuck(stuck)), dropped.clone()).unwrap();
        for _ in 0..limits::RECORD_BATCHES + 100 {
            writer.hand_over(b"{}\n".to_vec(), 1);
        }
        let at_once = dropped.get();
        assert!((99..=100).contains(&at_once), "one may be with the thread already: {at_once}");
        drop(go_on);
        let (reached, mut all) = mpsc::channel(1);
        while let Err(full) = writer.queue.try_send(Handed::Mark(reached.clone())) {
            drop(full);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(reached);
        assert_eq!(all.recv().await, None);
        assert_eq!(dropped.get(), limits::RECORD_BATCHES as u64 + 100, "what cannot be written is counted as well");
    }
}

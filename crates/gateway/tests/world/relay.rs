//! A network between connector and gateway that can break, or fall silent without telling either.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes bytes on until it is told not to.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    frozen: Arc<AtomicUsize>,
    broken: watch::Sender<usize>,
}

impl Relay {
    pub(crate) fn start(to: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, frozen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count, limit, broken) = (Arc::clone(&accepted), Arc::clone(&frozen), watch::Sender::new(0));
        let breaks = broken.subscribe();
        tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((near, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let far = TcpStream::connect(to).await.unwrap();
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                for (from, to) in [(near_read, far_write), (far_read, near_write)] {
                    let (limit, mut breaks) = (Arc::clone(&limit), breaks.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            () = pass(number, limit, from, to) => {}
                            _ = breaks.wait_for(|broken| number < *broken) => {}
                        }
                    });
                }
            }
        });
        Self { address, accepted, frozen, broken }
    }

    /// Ends the connections that are open.
    pub(crate) fn break_what_is_open(&self) {
        self.broken.send_replace(self.accepted.load(Ordering::SeqCst));
    }

    /// From here on nothing passes on the connections that are open, and neither end is told.
    pub(crate) fn freeze_what_is_open(&self) {
        self.frozen.store(self.accepted.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

async fn pass(
    number: usize,
    frozen: Arc<AtomicUsize>,
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if number < frozen.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

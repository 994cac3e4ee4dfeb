//! Tells the control plane which tunnels are up.
//!
//! It compares what is up with what was told, so that nothing is lost and the order is right however fast tunnels come
//! and go. Requests never wait for it.

use std::collections::HashMap;
use std::sync::Arc;

use adit_core::id::TunnelId;

use super::book::Book;
use crate::directory::{ConnectorDirectory, TunnelUp};

/// Runs until it is dropped.
pub(crate) async fn keep_presence(book: Arc<Book>, directory: Arc<dyn ConnectorDirectory>) {
    let mut told: HashMap<TunnelId, TunnelUp> = HashMap::new();
    loop {
        let present = book.present();
        let gone: Vec<TunnelId> = told.keys().filter(|tunnel| !present.contains_key(tunnel)).copied().collect();
        for tunnel in gone {
            told.remove(&tunnel);
            directory.tunnel_down(tunnel).await;
        }
        for (tunnel, up) in present {
            if told.insert(tunnel, up.clone()).is_none() {
                directory.tunnel_up(up).await;
            }
        }
        book.presence_changed().await;
    }
}

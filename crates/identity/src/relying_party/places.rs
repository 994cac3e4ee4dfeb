//! Places for those whose codes are exchanged: so many in all, so that a provider that is slow does not fill the gateway with
//! those who wait, and of these so many for one address, so that nobody keeps everybody else from signing in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::client_address::network;

/// The most codes that are exchanged at once.
pub(super) const EXCHANGES: usize = 64;

/// The most of one address, or of one network of IPv6.
const OF_A_CLIENT: usize = 8;

/// How long somebody waits for a place.
const PATIENCE: Duration = if cfg!(test) { Duration::from_millis(100) } else { Duration::from_secs(5) };

/// The places.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) all: Semaphore,
    clients: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

/// A place, until it is dropped.
pub(super) struct Place<'p> {
    _of_client: Option<Share<'p>>,
    _of_all: SemaphorePermit<'p>,
}

/// What one client has of the places, for one who has a part in it or waits for one.
struct Share<'p> {
    places: &'p Places,
    client: IpAddr,
    own: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self { all: Semaphore::new(EXCHANGES), clients: Mutex::default() }
    }

    /// Waits for a place for a while. An address that is not known, or stands for many clients, is none.
    pub(super) async fn take(&self, client: Option<IpAddr>) -> Option<Place<'_>> {
        timeout(PATIENCE, self.wait(client)).await.ok()?
    }

    /// The client's own share first: who waits for that takes nothing of the others.
    async fn wait(&self, client: Option<IpAddr>) -> Option<Place<'_>> {
        let of_client = match client {
            Some(client) => Some(self.share(network(client)).part().await?),
            None => None,
        };
        let of_all = self.all.acquire().await.ok()?;
        Some(Place { _of_client: of_client, _of_all: of_all })
    }

    fn share(&self, client: IpAddr) -> Share<'_> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let own = Arc::clone(clients.entry(client).or_insert_with(|| Arc::new(Semaphore::new(OF_A_CLIENT))));
        Share { places: self, client, own, taken: None }
    }
}

impl Share<'_> {
    async fn part(mut self) -> Option<Self> {
        self.taken = Some(Arc::clone(&self.own).acquire_owned().await.ok()?);
        Some(self)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut clients = self.places.clients.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.taken.take());
        // The list's and this one: nobody else has or awaits a part.
        if Arc::strong_count(&self.own) <= 2 {
            clients.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_has_its_share_of_the_places_and_others_find_room() {
        let places = Places::new();
        let from = |text: &str| Some(text.parse().unwrap());
        let mut held = Vec::new();
        for number in 0..OF_A_CLIENT {
            held.push(places.take(from(&format!("2001:db8::{number}"))).await.unwrap());
        }
        assert!(places.take(from("2001:db8::ffff")).await.is_none(), "it waits in vain, in the same network");
        assert_eq!(places.all.available_permits(), EXCHANGES - OF_A_CLIENT);
        for other in [from("192.0.2.1"), from("2001:db8:0:1::1"), None] {
            assert!(places.take(other).await.is_some(), "{other:?}");
        }
        let (waiting, _) = tokio::join!(places.take(from("2001:db8::ffff")), async { drop(held.pop()) });
        assert!(waiting.is_some(), "it is the next");
        drop((held, waiting));
        assert!(places.clients.lock().unwrap().is_empty(), "nothing is kept of who is gone");
        assert_eq!(places.all.available_permits(), EXCHANGES);
    }
}

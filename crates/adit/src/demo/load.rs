//! Requests that flow while the directory is changed: several clients ask without a pause, and every failure is kept.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use tokio::task::JoinSet;

use crate::api_client::transport::Client;
use crate::command_error::with_causes;

/// Clients at once: enough for both connectors to be busy, few enough for a small machine.
const CLIENTS: usize = 8;

/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(2);

/// A request that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Failures that are kept word for word; the others are only counted.
const KEPT: usize = 5;

/// What is asked again and again.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The method.
    pub(crate) method: Method,
    /// The URL.
    pub(crate) url: String,
    /// The body.
    pub(crate) body: &'static str,
}

/// Requests under way, until [`Load::stop`].
pub(crate) struct Load {
    tally: Arc<Tally>,
    clients: JoinSet<()>,
}

#[derive(Default)]
struct Tally {
    stopping: AtomicBool,
    answered: AtomicU64,
    failed: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Requests answered as they should be.
    pub(crate) answered: u64,
    /// The others.
    pub(crate) failed: u64,
    /// Some of what went wrong.
    pub(crate) failures: Vec<String>,
}

impl Load {
    /// Starts to ask, in turn, for each of `asked`.
    pub(crate) fn start(client: &Client, asked: &[Asked]) -> Self {
        let tally = Arc::new(Tally::default());
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(keep_asking(client.clone(), asked.to_vec(), Arc::clone(&tally)));
        }
        Self { tally, clients }
    }

    /// Requests answered so far.
    pub(crate) fn answered(&self) -> u64 {
        self.tally.answered.load(Ordering::Relaxed)
    }

    /// Lets requests under way finish, and adds up.
    pub(crate) async fn stop(self) -> Outcome {
        self.tally.stopping.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
        Outcome {
            answered: self.tally.answered.load(Ordering::Relaxed),
            failed: self.tally.failed.load(Ordering::Relaxed),
            failures: self.tally.failures.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

async fn keep_asking(client: Client, asked: Vec<Asked>, tally: Arc<Tally>) {
    for asked in asked.iter().cycle() {
        if tally.stopping.load(Ordering::Relaxed) {
            return;
        }
        match ask(&client, asked).await {
            Ok(_) => {
                tally.answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(failure) => tally.keep(format!("{} {}: {failure}", asked.method, asked.url)),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Tally {
    fn keep(&self, failure: String) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < KEPT {
            failures.push(failure);
        }
    }
}

/// Asks once and reads the whole answer, which has to be a success.
///
/// # Errors
/// A sentence.
pub(crate) async fn ask(client: &Client, asked: &Asked) -> Result<Bytes, String> {
    let request = Request::builder()
        .method(&asked.method)
        .uri(&asked.url)
        .body(Full::from(asked.body))
        .map_err(|error| error.to_string())?;
    let answered = async {
        let answer = client.request(request).await.map_err(|error| with_causes(&error))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| with_causes(&error))?.to_bytes();
        // A redirect is an answer of the application, too: where it leads is for a browser to find out.
        if status.is_success() || status.is_redirection() { Ok(body) } else { Err(format!("answered {status}")) }
    };
    tokio::time::timeout(PATIENCE, answered).await.map_err(|_| format!("no answer in {} s", PATIENCE.as_secs()))?
}

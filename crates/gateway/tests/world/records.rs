//! Access records, kept in memory for a test to look at.

use std::sync::{Arc, Mutex};

use adit_gateway::RecordDestination;
use serde_json::Value;

use super::eventually;

/// The records that were written so far.
#[derive(Clone, Default)]
pub(crate) struct Records(Arc<Mutex<String>>);

impl RecordDestination for Records {
    fn write(&mut self, lines: &[u8]) -> std::io::Result<()> {
        self.0.lock().unwrap().push_str(std::str::from_utf8(lines).expect("records are text"));
        Ok(())
    }
}

impl Records {
    /// All of them.
    pub(crate) fn all(&self) -> Vec<Value> {
        let text = self.0.lock().unwrap().clone();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    }

    /// The text of all of them.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    /// The record of the one request for `path`, once it is there.
    pub(crate) async fn of(&self, path: &str) -> Value {
        let find = || self.all().into_iter().find(|record| record["path"] == path);
        eventually(&format!("a record of {path}"), || find().is_some()).await;
        find().unwrap()
    }
}

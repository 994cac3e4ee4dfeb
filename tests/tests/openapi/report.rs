//! What schemathesis reports of a run.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde_json::Value;

/// The reports of one run.
pub(crate) struct Report {
    /// The summary.
    pub(crate) summary: Value,
    accepted: BTreeSet<String>,
    seen: BTreeSet<String>,
}

impl Report {
    /// Reads `report.json` and `events.ndjson` in `folder`.
    pub(crate) fn read(folder: &Path) -> Self {
        let summary = std::fs::read(folder.join("report.json")).expect("a summary");
        let summary: Value = serde_json::from_slice(&summary).expect("a summary in JSON");
        let mut report = Self { summary, accepted: BTreeSet::new(), seen: BTreeSet::new() };
        report.add_rates();
        report.add_examples(&folder.join("events.ndjson"));
        report
    }

    /// The operations of which no good request was ever accepted.
    pub(crate) fn never_accepted(&self) -> Vec<&str> {
        self.seen.difference(&self.accepted).map(String::as_str).collect()
    }

    /// The summary counts what was accepted in the phases that make requests by chance.
    fn add_rates(&mut self) {
        for (operation, phases) in self.summary["valid_rates"].as_object().expect("rates") {
            let phases = phases.as_object().expect("phases");
            let accepted: u64 = phases.values().filter_map(|phase| phase["accepted"].as_u64()).sum();
            self.seen.insert(operation.clone());
            if accepted > 0 {
                self.accepted.insert(operation.clone());
            }
        }
    }

    /// What became of the examples is in the events only.
    fn add_examples(&mut self, events: &Path) {
        let events = BufReader::new(std::fs::File::open(events).expect("the events"));
        for line in events.lines().map(|line| line.expect("an event")) {
            if !line.starts_with("{\"ScenarioFinished\"") || !line.contains("\"phase\":\"examples\"") {
                continue;
            }
            let event: Value = serde_json::from_str(&line).expect("an event in JSON");
            let recorder = &event["ScenarioFinished"]["recorder"];
            let Some(interactions) = recorder["interactions"].as_object() else { continue };
            let statuses = interactions.values().filter_map(|one| one["response"]["status_code"].as_u64());
            if statuses.into_iter().any(|status| (200..300).contains(&status)) {
                self.accepted.insert(recorder["label"].as_str().expect("an operation").to_owned());
            }
        }
    }
}

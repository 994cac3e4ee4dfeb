//! A request whose group has no connector at the moment: it waits, where one was lost a moment ago and may be restarting.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use adit_core::connector::ConnectorIdentity;
use tokio::time::{Instant, timeout_at};

use super::{Again, Job};
use crate::core::Core;
use crate::failure::Failure;
use crate::serving::LiveConnector;

/// A connector for an attempt.
pub(super) struct Chosen {
    pub(super) connector: Arc<LiveConnector>,
    /// Whether time has passed since it was asked for.
    pub(super) has_waited: bool,
}

/// Chooses a connector; where none is there and one is expected back, when it has come or is expected no longer.
pub(super) async fn choose(
    core: &Rc<Core>,
    job: Job<'_>,
    tried: &[ConnectorIdentity],
    last: &Option<(Failure, Again)>,
) -> Result<Chosen, Failure> {
    let chosen = super::choose(core, job, tried, last);
    let at_once = |connector| Chosen { connector, has_waited: false };
    if chosen.as_ref().is_ok_and(|connector| !connector.is_lost()) {
        return chosen.map(at_once);
    }
    // After what else may have been, the connectors that are there have said no.
    let may_wait = matches!(last, None | Some((_, Again::NothingArrived | Again::Idempotent)));
    if !may_wait || expected(core, job).is_none() {
        return chosen.map(at_once);
    }
    // One application that many ask for leaves places to the others.
    let places = (core.shared.waiting.try_acquire(), job.rules.ledger.waiting.places().try_acquire());
    let (Ok(_place), Ok(_of_the_application)) = places else { return chosen.map(at_once) };
    core.shared.metrics.waited.inc();
    // Boxed: room for it would be kept for every request, and few ever come here.
    Box::pin(returned(core, job)).await;
    super::choose(core, job, tried, last).map(|connector| Chosen { connector, has_waited: true })
}

/// Completes when a connector is there, or none is expected any more.
async fn returned(core: &Core, job: Job<'_>) {
    loop {
        let mut compiled = pin!(core.shared.book.compiled());
        // Before the look, so that nothing that is compiled after it is missed.
        compiled.as_mut().enable();
        let Some(until) = expected(core, job) else { return };
        if timeout_at(until, compiled).await.is_err() {
            return;
        }
    }
}

/// Until when a connector of the application's group is expected, if none is there.
fn expected(core: &Core, job: Job<'_>) -> Option<Instant> {
    let serving = core.serving();
    let current = serving.rules(job.rules.application.id)?;
    serving.expected_back(current.application.connector_group)
}

//! Active probes: where an application asks for them, each live connector of its group asks the upstream in its interval,
//! also while nobody uses the application.
//!
//! Each core probes its part of all pairs of an application and a connector. A pair's first probe comes at a random moment
//! of its interval, and each later one with some jitter, so that thousands are spread; and no more than
//! [`limits::PROBES_AT_ONCE`] are under way in the whole gateway. What is probed follows what is served: an application in
//! maintenance is not, nor through a connector that drains. What came of it is noted where requests note it
//! ([`crate::sight`]), marked as a probe's.

mod plan;
mod question;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use crate::core::Core;
use crate::limits;
use crate::serving::{ForwardingRules, LiveConnector, Serving};
use plan::{Pair, Plan};

/// The probes of one core.
struct Prober {
    core: Rc<Core>,
    /// What the plan was made by, and when.
    followed: Weak<Serving>,
    followed_at: Option<Instant>,
    plan: Plan,
    /// Pairs whose last probe is still under way.
    asking: Rc<RefCell<HashSet<Pair>>>,
}

/// Probes the core's part until the gateway drains.
pub(crate) async fn run(core: Rc<Core>) {
    let draining = core.shared.draining.clone();
    let mut prober =
        Prober { core, followed: Weak::new(), followed_at: None, plan: Plan::default(), asking: Rc::default() };
    loop {
        let look = Instant::now() + limits::PROBES_LOOKED_AT;
        sleep_until(prober.plan.next_at().map_or(look, |at| look.min(at))).await;
        if *draining.borrow() {
            return;
        }
        prober.follow();
        while let Some(pair) = prober.next_due() {
            // It fails only when the semaphore is closed, which it never is.
            let Ok(permit) = Arc::clone(&prober.core.shared.probes).acquire_owned().await else { return };
            if *draining.borrow() {
                return;
            }
            prober.begin(pair, permit);
        }
    }
}

impl Prober {
    /// Plans by what is served now; not for each of many changes at once, for it is looked through from end to end.
    fn follow(&mut self) {
        if self.followed_at.is_some_and(|at| at.elapsed() < limits::PROBES_LOOKED_AT) {
            return;
        }
        let serving = Arc::clone(&self.core.serving());
        let current = Arc::downgrade(&serving);
        if Weak::ptr_eq(&self.followed, &current) {
            return;
        }
        (self.followed, self.followed_at) = (current, Some(Instant::now()));
        let wanted = self.wanted(&serving);
        let ended = self.plan.follow(&wanted, Instant::now(), &mut self.core.random.borrow_mut());
        for pair in ended {
            if let Some(rules) = serving.rules(pair.application) {
                // What the last probe said counts no longer.
                rules.ledger.sights.seen(pair.connector, |sight| sight.probes_end());
            }
        }
    }

    /// The core's part of what is to be probed, and how often.
    fn wanted(&self, serving: &Serving) -> HashMap<Pair, Duration> {
        let mut wanted = HashMap::new();
        for rules in serving.probed() {
            let (application, interval) = (rules.application.id, rules.application.health_probe.interval());
            // What more of them see is not kept.
            let connectors = serving.connectors(rules.application.connector_group).iter().take(limits::SIGHTS);
            let pairs = connectors.map(|connector| Pair { application, connector: connector.identity });
            wanted.extend(pairs.filter(|pair| self.is_own(pair)).map(|pair| (pair, interval)));
        }
        wanted
    }

    /// Whether this core probes the pair.
    fn is_own(&self, pair: &Pair) -> bool {
        // The same on every core, and for as long as the process lives.
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(pair);
        let cores = u64::try_from(self.core.shared.cores.len()).unwrap_or(1).max(1);
        u64::try_from(self.core.index).is_ok_and(|own| hash % cores == own)
    }

    fn next_due(&mut self) -> Option<Pair> {
        self.plan.next_due(Instant::now(), &mut self.core.random.borrow_mut())
    }

    /// Asks, unless the last probe of the pair is still under way. Looked up at this moment: what has come into maintenance or
    /// begun to drain since is not asked.
    fn begin(&self, pair: Pair, permit: OwnedSemaphorePermit) {
        let Some((rules, connector)) = self.found(pair) else { return };
        if !self.asking.borrow_mut().insert(pair) {
            return;
        }
        let (core, asking) = (Rc::clone(&self.core), Rc::clone(&self.asking));
        spawn_local(async move {
            question::ask(&core, &rules, &connector).await;
            asking.borrow_mut().remove(&pair);
            drop(permit);
        });
    }

    fn found(&self, pair: Pair) -> Option<(Arc<ForwardingRules>, Arc<LiveConnector>)> {
        let serving = self.core.serving();
        let rules = serving.rules(pair.application).filter(|rules| rules.is_probed())?;
        let connector = serving.find(rules.application.connector_group, pair.connector)?;
        Some((Arc::clone(rules), Arc::clone(connector)))
    }
}

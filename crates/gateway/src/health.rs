//! Reports how groups and applications are, from the book of tunnels and the ledgers of the applications; and counts them
//! for the metrics, when these are read.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use adit_core::explain::{Availability, ConnectorFacts};
use adit_core::health::{self, ApplicationHealth, GroupHealth, Health, HealthReporter};
use adit_core::id::{ApplicationId, ConnectorGroupId, ConnectorId};
use adit_core::snapshot::PublishedApplication;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use tokio::time::Instant;

use crate::core::Shared;
use crate::serving::Serving;
use crate::sight::Now;

/// Reports on behalf of a running gateway.
pub(crate) struct GatewayHealth(pub(crate) Arc<Shared>);

impl fmt::Debug for GatewayHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayHealth").finish_non_exhaustive()
    }
}

/// What is known at one moment.
struct Picture {
    serving: Arc<Serving>,
    now: Now,
    live: HashMap<ConnectorId, bool>,
    groups: Vec<GroupHealth>,
    by_group: HashMap<ConnectorGroupId, Health>,
}

impl Picture {
    fn take(shared: &Shared) -> Self {
        let serving = shared.serving.load_full();
        let facts = shared.book.connector_facts();
        let groups = health::groups(&serving.snapshot, &facts);
        let takes = |facts: &ConnectorFacts| (facts.id, facts.serving + facts.proving > 0);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            now: Now::new(Instant::now(), wall),
            live: facts.iter().map(takes).collect(),
            by_group: groups.iter().map(|group| (group.group, group.health)).collect(),
            groups,
            serving,
        }
    }

    fn application(&self, application: &PublishedApplication) -> ApplicationHealth {
        let (group, snapshot) = (application.connector_group, &self.serving.snapshot);
        let group_health = self.by_group.get(&group).copied().unwrap_or(Health::Down);
        let is_of_group = |connector| snapshot.connector(connector).is_some_and(|own| own.connector_group == group);
        let is_live = |connector| self.live.get(&connector).copied().unwrap_or_default();
        let rules = self.serving.rules(application.id);
        let sightings = rules.map(|rules| rules.ledger.sights.sightings(self.now, is_of_group, is_live));
        let sightings = sightings.unwrap_or_default();
        ApplicationHealth {
            application: application.id,
            name: application.name.clone(),
            health: health::of_application(group_health, &sightings),
            group,
            group_health,
            sightings,
        }
    }
}

impl HealthReporter for GatewayHealth {
    fn groups(&self) -> Vec<GroupHealth> {
        Picture::take(&self.0).groups
    }

    fn application(&self, application: ApplicationId) -> Option<ApplicationHealth> {
        let picture = Picture::take(&self.0);
        let published = picture.serving.rules(application).map(|rules| Arc::clone(&rules.application))?;
        Some(picture.application(&published))
    }

    fn applications(&self) -> Vec<ApplicationHealth> {
        let picture = Picture::take(&self.0);
        picture.serving.snapshot.applications().map(|application| picture.application(application)).collect()
    }
}

/// Words that are counted under one name.
const AVAILABILITIES: [Availability; 5] = [
    Availability::Available,
    Availability::Busy,
    Availability::Proving,
    Availability::Resting,
    Availability::NotConnected,
];

impl Collector for GatewayHealth {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let picture = Picture::take(&self.0);
        let groups = |wanted| picture.groups.iter().filter(|group| group.health == wanted).count();
        // A group always is something.
        let states = Health::ALL.into_iter().filter(|health| *health != Health::Unknown);
        let counted = states.map(|health| (health.as_str(), groups(health)));
        gauge(&mut encoder, ("connector_groups", "Connector groups, by how they are"), "health", counted)?;

        let connectors: Vec<Availability> =
            picture.groups.iter().flat_map(|group| &group.connectors).map(|connector| connector.availability).collect();
        let count = |wanted| connectors.iter().filter(|availability| **availability == wanted).count();
        let counted = AVAILABILITIES.into_iter().map(|wanted| (wanted.as_str(), count(wanted)));
        gauge(&mut encoder, ("connectors", "Connectors, by whether they can be taken"), "availability", counted)?;

        let applications = picture.serving.snapshot.applications();
        let all: Vec<Health> = applications.map(|application| picture.application(application).health).collect();
        let count = |wanted| all.iter().filter(|health| **health == wanted).count();
        let counted = Health::ALL.into_iter().map(|wanted| (wanted.as_str(), count(wanted)));
        gauge(&mut encoder, ("applications", "Published applications, by how they are"), "health", counted)
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder,
    (name, help): (&str, &str),
    label: &str,
    counted: impl Iterator<Item = (&'static str, usize)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (word, count) in counted {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        family.encode_family(&[(label, word)])?.encode_gauge(&count)?;
    }
    Ok(())
}

//! Adds up what the cores counted, when the metrics are read.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::histogram::{BOUNDS, Histogram};
use super::{CoreMeters, STATUSES};
use crate::reason::Reason;
use crate::record::Outcome;

/// The meters of all cores.
#[derive(Debug)]
pub(super) struct Collected {
    pub(super) cores: Arc<[Arc<CoreMeters>]>,
}

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        self.requests(&mut encoder)?;
        self.refused(&mut encoder)?;
        self.bytes(&mut encoder, "received", "Bytes of request bodies", |core| &core.received)?;
        self.bytes(&mut encoder, "sent", "Bytes of answers' bodies", |core| &core.sent)?;
        self.durations(&mut encoder, "first_byte", "Until the upstream's answer began", |core| &core.first_byte)?;
        self.durations(&mut encoder, "request", "Until the answer ended, WebSockets left out", |core| &core.total)
    }
}

impl Collected {
    fn sum<'c>(&'c self, count: impl Fn(&'c CoreMeters) -> Option<&'c AtomicU64>) -> u64 {
        let counts = self.cores.iter().filter_map(|core| count(core));
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    fn requests(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Requests that have ended, by how and by class of status";
        let mut family = encoder.encode_descriptor("requests", help, None, MetricType::Counter)?;
        for outcome in Outcome::ALL {
            for (class, status) in STATUSES.iter().enumerate() {
                let ended = self.sum(|core| core.ended.get(outcome as usize)?.get(class));
                // Most pairs never occur; one that has occurred stays.
                if ended > 0 {
                    let labels = [("outcome", outcome.as_str()), ("status", *status)];
                    family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&ended, None)?;
                }
            }
        }
        Ok(())
    }

    fn refused(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Requests that the gateway answered itself, by reason";
        let mut family = encoder.encode_descriptor("failed_requests", help, None, MetricType::Counter)?;
        for reason in Reason::ALL {
            let refused = self.sum(|core| core.refused.get(reason as usize));
            if refused > 0 {
                let labels = [("reason", reason.as_str())];
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&refused, None)?;
            }
        }
        Ok(())
    }

    fn bytes(
        &self,
        encoder: &mut DescriptorEncoder,
        name: &str,
        help: &str,
        count: impl Fn(&CoreMeters) -> &AtomicU64,
    ) -> fmt::Result {
        let total = self.sum(|core| Some(count(core)));
        let mut metric = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Counter)?;
        metric.encode_counter::<NoLabelSet, _, u64>(&total, None)
    }

    fn durations(
        &self,
        encoder: &mut DescriptorEncoder,
        name: &str,
        help: &str,
        histogram: impl Fn(&CoreMeters) -> &Histogram,
    ) -> fmt::Result {
        let mut counts = [0; BOUNDS.len() + 1];
        let mut micros = 0;
        for core in self.cores.iter() {
            let (of_core, sum) = histogram(core).read();
            counts.iter_mut().zip(of_core).for_each(|(count, more)| *count += more);
            micros += sum;
        }
        let ends = BOUNDS.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = ends.zip(counts).collect();
        let mut metric = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(seconds(micros), counts.iter().sum(), &buckets, None)
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::super::Metrics;
    use super::*;

    fn text(registry: &Registry) -> String {
        let mut text = String::new();
        encode(&mut text, registry).unwrap();
        text
    }

    #[test]
    fn what_each_core_counted_is_added_up_under_the_documented_names() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, 2);
        for core in 0..2 {
            let core = metrics.core(core);
            core.ended(Outcome::Complete, Some(StatusCode::OK));
            core.ended(Outcome::ClientGone, None);
            for invalid in [503, 600, 799, 999] {
                core.ended(Outcome::Complete, Some(StatusCode::from_u16(invalid).unwrap()));
            }
            core.moved(10, 100);
            core.first_byte.observe(Duration::from_millis(2));
        }
        metrics.core(1).refused(Reason::NoConnector);
        let text = text(&registry);
        for line in [
            "adit_gateway_requests_total{outcome=\"complete\",status=\"2xx\"} 2",
            "adit_gateway_requests_total{outcome=\"client_gone\",status=\"none\"} 2",
            "adit_gateway_requests_total{outcome=\"complete\",status=\"5xx\"} 8",
            "adit_gateway_failed_requests_total{reason=\"no_connector\"} 1",
            "adit_gateway_received_bytes_total 20",
            "adit_gateway_sent_bytes_total 200",
            "adit_gateway_first_byte_seconds_bucket{le=\"0.0025\"} 2",
            "adit_gateway_first_byte_seconds_count 2",
        ] {
            assert!(text.lines().any(|own| own == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_number_of_series_is_bounded_by_what_the_gateway_knows() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, 1);
        for status in 100..1000 {
            for outcome in Outcome::ALL {
                metrics.core(0).ended(outcome, StatusCode::from_u16(status).ok());
            }
        }
        Reason::ALL.into_iter().for_each(|reason| metrics.core(0).refused(reason));
        let series = text(&registry).lines().filter(|line| !line.starts_with('#')).count();
        assert!(series < 120, "{series}");
    }
}

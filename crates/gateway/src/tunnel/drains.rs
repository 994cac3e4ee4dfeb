//! What is still under way through connections that take nothing new, until there is none: whoever stops a connector, or
//! a gateway, can watch it.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::gauge::ConstGauge;

use super::book::Book;

/// Counts when the metrics are read.
#[derive(Debug)]
pub(crate) struct Drains(pub(crate) Arc<Book>);

impl Collector for Drains {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (connections, streams) = self.0.draining();
        let counts = [
            ("draining_tunnel_connections", "Connections from connectors that are leaving", connections),
            ("draining_streams", "Upstream connections and WebSockets still under way through them", streams),
        ];
        for (name, help, count) in counts {
            use prometheus_client::encoding::EncodeMetric as _;
            let gauge = ConstGauge::new(count);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

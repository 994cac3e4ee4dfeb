//! What the control plane counts, read when the metrics are.

use std::fmt;

use adit_control::ControlPlane;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Has the metrics ask `control`.
pub(super) fn register(control: &ControlPlane, registry: &mut Registry) {
    registry.register_collector(Box::new(Statements(control.clone())));
}

#[derive(Debug)]
struct Statements(ControlPlane);

impl Collector for Statements {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let gauge = ConstGauge::new(i64::try_from(self.0.unsigned_statements()).unwrap_or(i64::MAX));
        let help = "Statements for connectors that could not be signed when that was last tried";
        gauge.encode(encoder.encode_descriptor("adit_control_unsigned_statements", help, None, gauge.metric_type())?)
    }
}

//! Requests to the API that were refused, for the audit log: who asked for what, from where, and why it was refused.
//!
//! Nobody waits for it, and nothing fails by it. Of a flood only so many are recorded ([`crate::refusal`]).

use std::net::IpAddr;

use adit_core::OperationContext;
use adit_core::audit::Activity;
use serde_json::json;

use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::refusal::Refusal;

/// A request that was refused. Texts of clients are already cut to a length that may be kept; none is a secret.
#[derive(Debug, Clone)]
pub struct RefusedRequest {
    /// Who asked, as far as that was proved, and the request's id.
    pub context: OperationContext,
    /// Whom a token names that does not count.
    pub claimed: Option<String>,
    /// The program through which a user asked.
    pub client: Option<String>,
    /// Method and path, with the names of keys in place of keys: `GET /applications/{application}`.
    pub request: String,
    /// Why it was refused.
    pub reason: String,
    /// The permissions of which one is needed.
    pub needed: Option<String>,
}

impl ControlPlane {
    /// Notes that a request was refused that came from there. `describe` is asked only if it is recorded; the record is
    /// written after this has returned.
    pub fn note_refused_request(&self, kind: Refusal, from: Option<IpAddr>, describe: impl FnOnce() -> RefusedRequest) {
        if !self.has_room_for(kind, from) {
            return;
        }
        let (control, refused) = (self.clone(), describe());
        tokio::spawn(async move {
            if let Err(error) = control.write_refused_request(refused, from).await {
                tracing::warn!(%error, "the audit log lacks a refused request");
            }
        });
    }

    async fn write_refused_request(&self, refused: RefusedRequest, from: Option<IpAddr>) -> Result<(), Error> {
        let from = from.map(|address| address.to_canonical().to_string());
        let detail = json!({
            "reason": refused.reason, "needed_permissions": refused.needed, "claimed_identity": refused.claimed,
            "client": refused.client, "ip_address": from,
        });
        let mut record = self.record(&refused.context, Activity::RefuseRequest, refused.request, detail);
        record.actor.ip = from;
        let mut write = self.store().begin_presence().await?;
        write.append_audit(record);
        Ok(write.commit().await?)
    }
}

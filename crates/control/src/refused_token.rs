//! Tokens that were refused, for the audit log: who asked by their own account, from where, and why there was none.
//!
//! Nothing of it is proved, so the record is the system's and names the client that was claimed as its target.

use std::net::IpAddr;

use adit_core::OperationContext;
use adit_core::audit::Activity;
use serde_json::json;
use uuid::Uuid;

use crate::control_plane::ControlPlane;
use crate::error::Error;
use crate::refusal::Refusal;

/// A token that was refused. Texts come from outside, already cut to a length that may be kept; none is a secret.
#[derive(Debug, Clone)]
pub struct RefusedToken {
    /// The client id that was claimed.
    pub client: Option<String>,
    /// The grant that was asked for.
    pub grant: Option<String>,
    /// Why there was none, as the client was told.
    pub reason: String,
    /// Where the request came from.
    pub from: Option<IpAddr>,
    /// By what the client can name the request.
    pub trace: Uuid,
}

impl ControlPlane {
    /// Notes that a token was refused, unless there were too many in the last minute.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn note_refused_token(&self, refused: RefusedToken) -> Result<(), Error> {
        if !self.has_room_for(Refusal::Token, refused.from) {
            return Ok(());
        }
        let detail = json!({
            "reason": refused.reason, "grant_type": refused.grant,
            "ip_address": refused.from.map(|address| address.to_canonical().to_string()),
        });
        let target = refused.client.unwrap_or_else(|| "unknown".to_owned());
        let context = OperationContext::system(refused.trace);
        let mut write = self.store().begin_presence().await?;
        write.append_audit(self.record(&context, Activity::RefuseToken, target, detail));
        Ok(write.commit().await?)
    }
}

//! What the gateway needs of the control plane for sessions of users, in the gateway's words.

use adit_control::ControlPlane;
use adit_gateway::SessionDirectory;
use adit_identity::session::SessionId;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;

/// Ends sessions for a gateway. The work is done on the runtime that the link was made on.
pub(super) struct SessionLink {
    control: ControlPlane,
    runtime: Handle,
}

impl SessionLink {
    /// A link whose work is done on the current runtime.
    pub(super) fn new(control: ControlPlane) -> Self {
        Self { control, runtime: Handle::current() }
    }
}

impl SessionDirectory for SessionLink {
    fn end(&self, session: SessionId, until: u64) -> BoxFuture<'static, Result<(), String>> {
        let control = self.control.clone();
        let task = self.runtime.spawn(async move { control.end_session(session, until).await });
        async move {
            match task.await {
                Ok(ended) => ended.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        }
        .boxed()
    }
}

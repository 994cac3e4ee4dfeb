//! The real control plane on a database file, outside of the simulated time: who asks it waits, and for the simulation
//! no time passes.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use adit_control::{
    CertificateAuthority, ControlPlane, NewApplication, NewConnectorGroup, Pem, PublishingPatch, RegistrationRequest,
    SealingKey, Settings,
};
use adit_core::application::{Attributes, PreAuthentication};
use adit_core::connector::ConnectorIdentity;
use adit_core::id::{ApplicationId, ConnectorGroupId, ConnectorId, TunnelId};
use adit_core::{DisplayName, ExternalUrl, InternalUrl, MachineName, OperationContext, RegistrationToken, Snapshot};
use adit_gateway::{ConnectorDirectory, Renewed, ServerCertificate, ServerCertificates, TunnelUp};
use adit_tunnel::message::{Binary, Refused, Register, Registered, Retry};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::client;
use crate::history::History;
use crate::plan::UPSTREAMS;
use crate::upstream;

/// The control planes of all simulations run here.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
});

/// A directory with two groups and three applications, which each simulation has a copy of.
static TEMPLATE: LazyLock<Template> = LazyLock::new(Template::make);

struct Template {
    folder: TempDir,
    authority: Pem,
    sealing_key: String,
    groups: [ConnectorGroupId; 2],
    applications: Vec<ApplicationId>,
}

impl Template {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (authority, pem) = CertificateAuthority::generate().expect("an authority");
        let (sealing_key, text) = SealingKey::generate().expect("a sealing key");
        let database = folder.path().join("directory.sqlite");
        let gateway_address = String::new();
        let settings =
            Settings { database: adit_control::Database::File(database), authority, sealing_key, gateway_address };
        let (groups, applications) = answered(|| async move {
            let control = ControlPlane::open(settings).await.expect("a directory");
            let groups = [group(&control, "North").await, group(&control, "South").await];
            let mut applications = Vec::new();
            for number in 0..UPSTREAMS {
                let id = application(&control, number).await;
                let group = groups[number.min(1)];
                control.assign_connector_group(&context(), id, group).await.expect("an assignment");
                applications.push(id);
            }
            control.close().await;
            (groups, applications)
        });
        Self { folder, authority: pem, sealing_key: text.to_string(), groups, applications }
    }
}

async fn group(control: &ControlPlane, name: &str) -> ConnectorGroupId {
    let name = DisplayName::parse(name).expect("a name");
    control.create_connector_group(&context(), NewConnectorGroup { name, region: None }).await.expect("a group").id
}

async fn application(control: &ControlPlane, number: usize) -> ApplicationId {
    let path = if number == 1 { "area/" } else { "" };
    let external = format!("https://app-{number}.example.com/{path}");
    let internal = format!("http://upstream-{number}:{}/{path}", upstream::PORT);
    let publishing = PublishingPatch {
        external_url: Some(ExternalUrl::parse(&external).expect("an external URL")),
        internal_url: Some(InternalUrl::parse(&internal).expect("an internal URL")),
        pre_authentication: Some(PreAuthentication::Passthrough),
        ..PublishingPatch::default()
    };
    let display_name = DisplayName::parse(&format!("Application {number}")).expect("a name");
    let new = NewApplication { display_name, attributes: Attributes::new(), publishing: Some(publishing), owner: None };
    control.create_application(&context(), new).await.expect("an application").id
}

fn context() -> OperationContext {
    OperationContext::system(Uuid::now_v7())
}

/// Waits for work of the control plane, on a thread of its own: the calling one is the simulation's runtime. No simulated
/// time passes.
fn answered<T: Send, W: Future<Output = T>>(work: impl FnOnce() -> W + Send) -> T {
    std::thread::scope(|scope| scope.spawn(|| RUNTIME.block_on(work())).join()).expect("an answer of the control plane")
}

/// The control plane of one simulation.
pub(crate) struct Directory {
    control: ControlPlane,
    away: AtomicBool,
    history: Arc<Mutex<History>>,
    /// The connectors that each machine has registered.
    connectors: Mutex<Vec<(MachineName, ConnectorId)>>,
}

impl Directory {
    /// A copy of the template in `folder`.
    pub(crate) fn open(folder: &Path, history: Arc<Mutex<History>>) -> Arc<Self> {
        let database: PathBuf = folder.join("directory.sqlite");
        std::fs::copy(TEMPLATE.folder.path().join("directory.sqlite"), &database).expect("a copy");
        let settings = Settings {
            database: adit_control::Database::File(database),
            authority: CertificateAuthority::from_pem(&TEMPLATE.authority.certificate, &TEMPLATE.authority.key)
                .expect("the authority"),
            sealing_key: SealingKey::from_text(&TEMPLATE.sealing_key).expect("the sealing key"),
            gateway_address: String::new(),
        };
        let control = answered(|| async move { ControlPlane::open(settings).await.expect("a directory") });
        Arc::new(Self { control, away: AtomicBool::new(false), history, connectors: Mutex::default() })
    }

    pub(crate) fn close(&self) {
        let control = self.control.clone();
        answered(|| async move { control.close().await });
    }

    pub(crate) fn authority(&self) -> &CertificateAuthority {
        self.control.authority()
    }

    /// The directory as it is.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.control.snapshots().borrow())
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// A token for a connector of a gateway, in a group.
    pub(crate) fn token(&self, gateway: usize, group: usize) -> RegistrationToken {
        let control = self.control.clone();
        let group = TEMPLATE.groups[group];
        answered(|| async move {
            control.set_gateway_address(format!("gateway-{gateway}:{}", client::PORT));
            let lifetime = Duration::from_secs(3600);
            control.create_registration_token(&context(), group, None, lifetime).await.expect("a token").token
        })
    }

    /// Moves the connectors of a machine into a group.
    pub(crate) fn move_machine(&self, machine: &str, group: usize) {
        for connector in self.connectors_of(machine) {
            let control = self.control.clone();
            let group = TEMPLATE.groups[group];
            // One that was deleted cannot be moved any more.
            let _ = answered(|| async move { control.move_connector(&context(), connector, group).await });
        }
    }

    /// Deletes the connectors of a machine.
    pub(crate) fn delete_machine(&self, machine: &str) {
        for connector in self.connectors_of(machine) {
            let control = self.control.clone();
            answered(|| async move { control.delete_connector(&context(), connector).await }).expect("a connector");
        }
    }

    /// Assigns an application to a group.
    pub(crate) fn assign(&self, application: usize, group: usize) {
        let control = self.control.clone();
        let (application, group) = (TEMPLATE.applications[application], TEMPLATE.groups[group]);
        let assigned = answered(|| async move { control.assign_connector_group(&context(), application, group).await });
        assigned.expect("an assignment");
    }

    fn connectors_of(&self, machine: &str) -> Vec<ConnectorId> {
        let connectors = self.connectors.lock().unwrap();
        let of_machine = connectors.iter().filter(|(name, _)| name.as_str().starts_with(machine));
        of_machine.map(|(_, connector)| *connector).collect()
    }

    fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    fn redeem(&self, request: Register, from: IpAddr) -> Result<Registered, Refused> {
        let never = |reason: String| Refused { retry: Retry::Never, reason };
        let secret = request.secret.0.clone();
        let machine_name = MachineName::parse(&request.machine_name).map_err(|error| never(error.to_string()))?;
        let wanted = RegistrationRequest {
            secret: request.secret.0.try_into().map_err(|_| never("no token".to_owned()))?,
            csr_der: request.request.0,
            machine_name: machine_name.clone(),
            version: request.version,
        };
        let control = self.control.clone();
        let registered = answered(|| async move { control.register(wanted, from).await });
        let registered = registered.map_err(|refused| never(refused.to_string()))?;
        let connector = registered.identity.connector;
        self.history.lock().unwrap().redeemed.entry(secret).or_default().push(connector.to_string());
        self.connectors.lock().unwrap().push((machine_name, connector));
        Ok(Registered {
            connector: connector.to_string(),
            certificate: Binary(registered.certificate_der),
            not_after: registered.not_after.as_second(),
            now: None,
        })
    }
}

fn later() -> Refused {
    Refused { retry: Retry::Later, reason: "the control plane is away".to_owned() }
}

impl ConnectorDirectory for Directory {
    fn register(&self, request: Register, from: IpAddr) -> BoxFuture<'static, Result<Registered, Refused>> {
        ready(if self.is_away() { Err(later()) } else { self.redeem(request, from) }).boxed()
    }

    fn renew(&self, identity: ConnectorIdentity, request: Vec<u8>) -> BoxFuture<'static, Result<Renewed, Refused>> {
        if self.is_away() {
            return ready(Err(later())).boxed();
        }
        let control = self.control.clone();
        let issued = answered(|| async move { control.renew(identity, request).await });
        let renewed = issued
            .map_err(|_| later())
            .map(|issued| Renewed { certificate: issued.certificate_der, not_after: issued.not_after.as_second() });
        ready(renewed).boxed()
    }

    fn tunnel_up(&self, _: TunnelUp) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }

    fn tunnel_down(&self, _: TunnelId) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }
}

impl ServerCertificates for Directory {
    fn issue(&self, names: &[String]) -> Result<ServerCertificate, String> {
        let issued = self.authority().issue_server(names).map_err(|error| error.to_string())?;
        ServerCertificate::new(issued.chain, issued.key).map_err(|error| error.to_string())
    }
}

//! Fills a data folder with the large directory, through the use cases that the API calls too: each object is checked,
//! recorded and audited like any other. Many writers at once, so that they share syncs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use adit_control::{
    CertificateAuthority, ConnectorReference, ControlPlane, Expected, NewApplication, NewConnectorGroup,
    PublishingPatch, SealingKey, Settings,
};
use adit_core::application::Attributes;
use adit_core::{
    ApplicationId, ConnectorGroupId, DisplayName, ExternalUrl, InternalUrl, MachineName, OperationContext,
};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::content::{
    APPLICATIONS, CONNECTORS, GROUPS, PUBLISHED, application_name, group_name, published_application, published_as,
};

/// Commands under way at the same time: two full batches of the store, so that one gathers while the other is written.
const WRITERS: usize = 256;

/// Makes the directory in `database`, which a server has made and no server uses. The time it took.
pub(super) fn fill(database: &Path) -> Duration {
    let start = Instant::now();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let control = open(database).await;
        let groups = groups(&control).await;
        let applications = applications(&control, Arc::new(groups)).await;
        connectors(&control, Arc::new(applications)).await;
        control.close().await;
    });
    start.elapsed()
}

/// The keys are made up: nothing is signed or sealed under them.
async fn open(database: &Path) -> ControlPlane {
    let (authority, _) = CertificateAuthority::generate().expect("an authority");
    let (sealing_key, _) = SealingKey::generate().expect("a sealing key");
    let gateway_address = "localhost:8443".to_owned();
    let settings = Settings {
        database: adit_control::Database::File(database.to_owned()),
        authority,
        sealing_key,
        gateway_address,
    };
    ControlPlane::open(settings).await.expect("the directory opens")
}

async fn groups(control: &ControlPlane) -> Vec<ConnectorGroupId> {
    let control = control.clone();
    in_parallel("groups", GROUPS, move |number| {
        let control = control.clone();
        async move {
            let name = DisplayName::parse(&group_name(number)).expect("a name");
            let new = NewConnectorGroup { name, region: None };
            control.create_connector_group(&context(), new).await.expect("a group").id
        }
    })
    .await
}

/// The ids of the published ones, in their order.
async fn applications(control: &ControlPlane, groups: Arc<Vec<ConnectorGroupId>>) -> Vec<ApplicationId> {
    let own = control.clone();
    let made = in_parallel("applications", APPLICATIONS, move |number| {
        let (control, groups) = (own.clone(), Arc::clone(&groups));
        async move {
            let id = control.create_application(&context(), application(number)).await.expect("an application").id;
            if let Some(published) = published_as(number) {
                let group = groups[published];
                control.assign_connector_group(&context(), id, group).await.expect("an assignment");
            }
            id
        }
    })
    .await;
    (0..PUBLISHED).map(|published| made[published_application(published)]).collect()
}

/// Two connectors for each of the first published applications.
async fn connectors(control: &ControlPlane, applications: Arc<Vec<ApplicationId>>) {
    let control = control.clone();
    in_parallel("connectors", CONNECTORS, move |number| {
        let (control, application) = (control.clone(), applications[number / 2]);
        async move {
            let name = MachineName::parse(&format!("machine-{number:04}.bench.example")).expect("a name");
            let reference = ConnectorReference::MachineName(name);
            control
                .add_connector_to_application(&context(), application, Expected::Any, reference)
                .await
                .expect("a connector");
        }
    })
    .await;
}

fn application(number: usize) -> NewApplication {
    let mut attributes = Attributes::new();
    attributes.insert("signInAudience".to_owned(), json!("AzureADMyOrg"));
    attributes.insert("notes".to_owned(), json!(format!("Application {number} of a generated directory")));
    let publishing = published_as(number).map(|published| {
        let tags = ["WindowsAzureActiveDirectoryIntegratedApp", "WindowsAzureActiveDirectoryOnPremApp"];
        attributes.insert("tags".to_owned(), json!(tags));
        let external = format!("https://app-{published:05}.bench.example/");
        let internal = format!("http://app-{published:05}.internal.example/");
        PublishingPatch {
            external_url: Some(ExternalUrl::parse(&external).expect("an external URL")),
            internal_url: Some(InternalUrl::parse(&internal).expect("an internal URL")),
            ..PublishingPatch::default()
        }
    });
    let display_name = DisplayName::parse(&application_name(number)).expect("a name");
    NewApplication { display_name, attributes, publishing, owner: None }
}

fn context() -> OperationContext {
    OperationContext::system(Uuid::now_v7())
}

/// Does `work` for each number below `total`, with all writers, in about the order of the numbers. The results in
/// exactly that order.
async fn in_parallel<T, W, F>(what: &str, total: usize, work: W) -> Vec<T>
where
    T: Send + 'static,
    W: Fn(usize) -> F + Clone + Send + 'static,
    F: Future<Output = T> + Send,
{
    let start = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (next, work) = (Arc::clone(&next), work.clone());
        writers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    return done;
                }
                done.push((number, work(number).await));
            }
        });
    }
    let mut done: Vec<(usize, T)> = writers.join_all().await.into_iter().flatten().collect();
    done.sort_unstable_by_key(|(number, _)| *number);
    let seconds = start.elapsed().as_secs_f64();
    println!("  {total} {what} in {seconds:.1} s, {:.0} in a second", total as f64 / seconds);
    done.into_iter().map(|(_, made)| made).collect()
}

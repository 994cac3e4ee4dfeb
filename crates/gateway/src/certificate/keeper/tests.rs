//! A keeper with sources that the test holds in its hands.

use std::sync::Mutex;

use adit_core::application::{Application, Attributes, Publishing};
use adit_core::id::{ApplicationId, ConnectorGroupId};
use adit_core::revision::{Epoch, Revision};
use adit_core::snapshot::PublishedApplication;
use adit_core::{AppId, DisplayName, ExternalUrl, InternalUrl};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use prometheus_client::registry::Registry;
use uuid::Uuid;

use super::*;
use crate::certificate::ServerCertificate;
use crate::certificate::tests::certificate;
use crate::directory::UploadedCertificates;

/// Long ago, and in the far future.
const ENDED: (i64, i64) = (0, 1_000_000_000);
const NOW: (i64, i64) = (1_000_000_000, 4_000_000_000);

/// What the sources have, and how often they were asked.
#[derive(Default)]
struct Had {
    uploaded: Vec<(ApplicationId, ServerCertificate)>,
    failures: usize,
    issued: Vec<String>,
    asked_for: Vec<ApplicationId>,
}

struct Sources {
    had: Arc<Mutex<Had>>,
    provided: watch::Receiver<Arc<Vec<ProvidedCertificate>>>,
}

impl ServerCertificates for Sources {
    fn issue(&self, names: &[String]) -> Result<ServerCertificate, String> {
        self.had.lock().unwrap().issued.extend_from_slice(names);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Ok(certificate(&names, NOW.0, NOW.1))
    }

    fn uploaded(&self, applications: Vec<ApplicationId>) -> BoxFuture<'static, UploadedCertificates> {
        let mut had = self.had.lock().unwrap();
        if had.failures > 0 {
            had.failures -= 1;
            return std::future::ready(Err("not now".to_owned())).boxed();
        }
        had.asked_for.extend_from_slice(&applications);
        let found = had.uploaded.iter().filter(|(id, _)| applications.contains(id)).cloned().collect();
        std::future::ready(Ok(found)).boxed()
    }

    fn provided(&self) -> watch::Receiver<Arc<Vec<ProvidedCertificate>>> {
        self.provided.clone()
    }
}

struct World {
    keeper: CertificateKeeper,
    had: Arc<Mutex<Had>>,
    provided: watch::Sender<Arc<Vec<ProvidedCertificate>>>,
    revision: u64,
}

fn id(number: u128) -> ApplicationId {
    ApplicationId::new(Uuid::from_u128(number))
}

fn published(number: u128, host: &str, revision: u64) -> PublishedApplication {
    let external = ExternalUrl::parse(&format!("https://{host}/")).unwrap();
    let star = if host.starts_with('*') { "*." } else { "" };
    let internal = InternalUrl::parse(&format!("http://{star}internal/")).unwrap();
    let (app, name) = (AppId::new(Uuid::from_u128(number)), DisplayName::parse(host).unwrap());
    let mut application = Application::new(id(number), app, name, Timestamp::UNIX_EPOCH, Attributes::new());
    application.publish(Publishing::new(external, internal), ConnectorGroupId::new(Uuid::from_u128(1)));
    application.revision = Revision(revision);
    PublishedApplication::of(&application).unwrap()
}

impl World {
    fn new() -> Self {
        Self::with(None)
    }

    fn with(sign_in_host: Option<&str>) -> Self {
        let (provided, receiver) = watch::channel(Arc::default());
        let had: Arc<Mutex<Had>> = Arc::default();
        let sources = Arc::new(Sources { had: Arc::clone(&had), provided: receiver });
        let metrics = CertificateMetrics::register(&mut Registry::default());
        let keeper = CertificateKeeper::new(
            sources,
            vec!["gateway.example".to_owned()],
            sign_in_host.map(ToOwned::to_owned),
            metrics,
        )
        .unwrap();
        Self { keeper, had, provided, revision: 0 }
    }

    /// The next version: these applications, by number, host and revision.
    fn publish(&mut self, applications: &[(u128, &str, u64)]) {
        self.revision += 1;
        let published = applications.iter().map(|(number, host, revision)| published(*number, host, *revision));
        let snapshot = Snapshot::compile(Epoch(1), Revision(self.revision), published, []);
        self.keeper.follow(&Arc::new(snapshot));
    }

    fn upload(&self, number: u128, certificate: ServerCertificate) {
        let mut had = self.had.lock().unwrap();
        had.uploaded.retain(|(id, _)| *id != self::id(number));
        had.uploaded.push((self::id(number), certificate));
    }

    fn source(&self, host: &str) -> Option<CertificateSource> {
        self.keeper.browsers.current().of_host(host).map(|shown| shown.source)
    }

    fn issued(&self) -> Vec<String> {
        let mut issued = std::mem::take(&mut self.had.lock().unwrap().issued);
        // Hosts come in no order.
        issued.sort();
        issued
    }
}

#[tokio::test]
async fn uploaded_certificates_are_there_before_anything_is_shown() {
    let mut world = World::new();
    assert_eq!(world.issued(), ["gateway.example"]);
    world.upload(1, certificate(&["a.example"], NOW.0, NOW.1));
    world.publish(&[(1, "a.example", 1), (2, "b.example", 1)]);
    assert_eq!(world.source("a.example"), None, "nothing is chosen yet");
    world.keeper.catch_up().await;
    assert_eq!(world.source("a.example"), Some(CertificateSource::Uploaded));
    assert_eq!(world.source("b.example"), Some(CertificateSource::LocalCa));
    assert_eq!(world.issued(), ["b.example"], "none is issued where none is needed");
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_asked_for_when_its_application_changes_and_only_then() {
    let mut world = World::new();
    world.publish(&[(1, "a.example", 1), (2, "b.example", 1)]);
    world.keeper.catch_up().await;
    world.had.lock().unwrap().asked_for.clear();
    world.upload(1, certificate(&["a.example"], NOW.0, NOW.1));
    world.publish(&[(1, "a.example", 2), (2, "b.example", 1)]);
    assert_eq!(world.source("a.example"), Some(CertificateSource::LocalCa), "until the upload is there");
    world.keeper.attend().await;
    assert_eq!(world.source("a.example"), Some(CertificateSource::Uploaded));
    assert_eq!(world.had.lock().unwrap().asked_for, [id(1)]);

    world.had.lock().unwrap().uploaded.clear();
    world.publish(&[(1, "a.example", 3), (2, "b.example", 1)]);
    world.keeper.attend().await;
    assert_eq!(world.source("a.example"), Some(CertificateSource::LocalCa), "it was removed");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_for_is_asked_for_again_and_the_earlier_stays() {
    let mut world = World::new();
    world.upload(1, certificate(&["a.example"], NOW.0, NOW.1));
    world.had.lock().unwrap().failures = 2;
    world.publish(&[(1, "a.example", 1)]);
    world.keeper.catch_up().await;
    assert_eq!(world.source("a.example"), Some(CertificateSource::Uploaded), "after two failures");
    world.had.lock().unwrap().failures = 1;
    world.publish(&[(1, "a.example", 2)]);
    world.keeper.attend().await;
    assert_eq!(world.source("a.example"), Some(CertificateSource::Uploaded));
}

#[tokio::test]
async fn nothing_is_left_of_what_is_not_published_any_more() {
    let mut world = World::new();
    world.upload(1, certificate(&["a.example"], NOW.0, NOW.1));
    world.publish(&[(1, "a.example", 1), (2, "b.example", 1)]);
    world.keeper.catch_up().await;
    let held = world.keeper.browsers.current().of_host("a.example").unwrap().certificate.certified();
    world.publish(&[(2, "b.example", 1)]);
    assert_eq!(world.source("a.example"), None);
    world.had.lock().unwrap().uploaded.clear();
    assert_eq!(Arc::strong_count(&held), 1, "the key is held by nobody but this test");
}

#[tokio::test]
async fn an_upload_for_another_host_or_out_of_time_is_not_shown() {
    let mut world = World::new();
    world.upload(1, certificate(&["other.example"], NOW.0, NOW.1));
    world.upload(2, certificate(&["b.example"], ENDED.0, ENDED.1));
    world.publish(&[(1, "a.example", 1), (2, "b.example", 1), (3, "other.example", 1)]);
    world.keeper.catch_up().await;
    for host in ["a.example", "b.example", "other.example"] {
        assert_eq!(world.source(host), Some(CertificateSource::LocalCa), "{host}");
    }
    assert_eq!(world.keeper.passed_over.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_files_give_is_shown_and_taken_back() {
    let mut world = World::new();
    world.publish(&[(1, "a.example", 1), (2, "b.example", 1)]);
    world.keeper.catch_up().await;
    assert_eq!(world.issued(), ["a.example", "b.example", "gateway.example"]);
    let file = certificate(&["a.example", "c.example"], NOW.0, NOW.1);
    let file = ProvidedCertificate { source: CertificateSource::File, certificate: file };
    world.provided.send_replace(Arc::new(vec![file]));
    world.keeper.attend().await;
    assert_eq!(world.source("a.example"), Some(CertificateSource::File));
    assert_eq!(world.source("b.example"), Some(CertificateSource::LocalCa));
    assert_eq!(world.source("c.example"), None, "it is not published");
    world.provided.send_replace(Arc::default());
    world.keeper.attend().await;
    assert_eq!(world.source("a.example"), Some(CertificateSource::LocalCa));
    assert_eq!(world.issued(), ["a.example"], "the other one was kept");
}

#[tokio::test]
async fn the_choice_changes_with_the_time() {
    let mut world = World::new();
    world.upload(1, certificate(&["a.example"], NOW.0, NOW.0 + 1000));
    world.publish(&[(1, "a.example", 1)]);
    world.keeper.catch_up().await;
    let at = |seconds| Timestamp::from_second(NOW.0 + seconds).unwrap();
    world.keeper.choose(at(500));
    assert_eq!(world.source("a.example"), Some(CertificateSource::Uploaded));
    assert_eq!(world.keeper.look_again, at(1001));
    world.keeper.pass_time(at(1001));
    assert_eq!(world.source("a.example"), Some(CertificateSource::LocalCa));
}

#[tokio::test(start_paused = true)]
async fn names_below_a_wildcard_have_the_certificates_that_files_give_for_them() {
    let mut world = World::new();
    world.publish(&[(1, "*.apps.example", 1), (2, "known.apps.example", 1)]);
    world.keeper.catch_up().await;
    assert_eq!(world.source("*.apps.example"), Some(CertificateSource::LocalCa));
    let names = ["a.apps.example", "*.b.apps.example", "known.apps.example", "apps.example", "a.other.example"];
    let file = certificate(&names, NOW.0, NOW.1);
    world
        .provided
        .send_replace(Arc::new(vec![ProvidedCertificate { source: CertificateSource::File, certificate: file }]));
    world.keeper.attend().await;
    for host in ["a.apps.example", "*.b.apps.example", "known.apps.example"] {
        assert_eq!(world.source(host), Some(CertificateSource::File), "{host}");
    }
    for host in ["apps.example", "a.other.example"] {
        assert_eq!(world.source(host), None, "{host}");
    }
    assert_eq!(world.source("*.apps.example"), Some(CertificateSource::LocalCa));

    // An upload of the wildcard application goes before files for the names below it.
    world.upload(1, certificate(&["*.apps.example"], NOW.0, NOW.1));
    world.publish(&[(1, "*.apps.example", 2), (2, "known.apps.example", 1)]);
    world.keeper.attend().await;
    for (host, source) in [
        ("*.apps.example", CertificateSource::Uploaded),
        ("a.apps.example", CertificateSource::Uploaded),
        ("known.apps.example", CertificateSource::File),
    ] {
        assert_eq!(world.source(host), Some(source), "{host}");
    }
}

#[tokio::test]
async fn the_sign_in_host_has_a_certificate_whatever_is_published() {
    let mut world = World::with(Some("login.example"));
    world.keeper.catch_up().await;
    assert_eq!(world.source("login.example"), Some(CertificateSource::LocalCa));
    world.publish(&[(1, "a.example", 1)]);
    assert_eq!(world.issued(), ["a.example", "gateway.example", "login.example"]);
    world.publish(&[]);
    assert_eq!(world.source("login.example"), Some(CertificateSource::LocalCa));
    assert_eq!(world.issued(), [""; 0]);
}

#[tokio::test]
async fn hosts_that_come_and_go_are_chosen_for_by_themselves_and_it_is_as_if_all_were() {
    let mut world = World::with(Some("login.example"));
    let of_file = |names: &[&str]| ProvidedCertificate {
        source: CertificateSource::File,
        certificate: certificate(names, NOW.0, NOW.1),
    };
    let host = |number: u128| match number {
        1 => "*.apps.example".to_owned(),
        2 => "a.apps.example".to_owned(),
        3 => "x.b.apps.example".to_owned(),
        number => format!("app-{number}.{}.example", if number % 2 == 0 { "corp" } else { "elsewhere" }),
    };
    world.publish(&[]);
    world.keeper.catch_up().await;
    world.provided.send(Arc::new(vec![of_file(&["*.corp.example"]), of_file(&["a.apps.example"])])).unwrap();
    world.keeper.attend().await;
    let mut there: Vec<u128> = Vec::new();
    for number in [4, 5, 2, 1, 6, 2, 7, 1, 2, 5, 3, 1, 2, 4, 2, 1] {
        match there.iter().position(|other| *other == number) {
            Some(place) => _ = there.remove(place),
            None => there.push(number),
        }
        let hosts: Vec<(u128, String)> = there.iter().map(|number| (*number, host(*number))).collect();
        let published: Vec<_> = hosts.iter().map(|(number, host)| (*number, host.as_str(), 1)).collect();
        world.publish(&published);
        let shown = |world: &World| {
            let current = world.keeper.browsers.current();
            let mut shown: Vec<_> = current.iter().map(|(host, shown)| (host, shown.source, shown.published)).collect();
            shown.sort();
            let counted: usize = current.counts().map(|(_, _, count)| count).sum();
            assert_eq!(counted, shown.len());
            shown
        };
        let by_itself = shown(&world);
        world.keeper.choose(Timestamp::now());
        assert_eq!(by_itself, shown(&world), "{there:?}");
    }
}

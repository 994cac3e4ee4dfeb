//! The disk of the directory is full, or fails, or is slow: changes are refused or late, and nothing else happens. When the
//! disk works again so does everything, without a restart.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use adit_tests::graph::PROFILE;
use adit_tests::load::{Load, failures};
use adit_tests::{ConnectorProcess, Directory, Graph, Scratch, Upstream, namespace, settles};
use serde_json::json;

const HOST: &str = "localhost";

/// How long it may take until all is as it was.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory whose disk fails, with an application that is used meanwhile.
struct Scene {
    _connector: ConnectorProcess,
    _upstream: Upstream,
    directory: Directory,
    /// The names of the groups whose making was acknowledged.
    acknowledged: BTreeSet<String>,
    made: usize,
}

impl Scene {
    fn of(directory: Directory) -> Self {
        let connector = directory.connector("one");
        let upstream = Upstream::start();
        let _application = directory.publish("served", &upstream, HOST, "Default");
        directory.wait_until_served(HOST);
        Self { _connector: connector, _upstream: upstream, directory, acknowledged: BTreeSet::new(), made: 0 }
    }

    fn load(&self) -> Load {
        Load::start(8, self.directory.addresses().gateway, HOST, "/1k", &self.directory.trust())
    }

    /// Makes a group; whether that was acknowledged. All that may be said else is that it cannot be done now.
    fn write(&mut self) -> bool {
        let name = format!("group {}", self.made);
        self.made += 1;
        let answer = self.directory.graph().send("POST", &groups(), Some(&json!({"name": name})));
        if answer.status == 201 {
            self.acknowledged.insert(name);
            return true;
        }
        assert!([503, 507].contains(&answer.status), "{}: {}", answer.status, answer.text());
        false
    }

    /// What there is, all that was acknowledged among it.
    fn check(&self, graph: &Graph) {
        let names = graph.list(&format!("{}?$top=999", groups()));
        let names: BTreeSet<String> = names.iter().map(|group| group["name"].as_str().unwrap().to_owned()).collect();
        let lost: Vec<_> = self.acknowledged.difference(&names).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    }
}

fn groups() -> String {
    format!("{PROFILE}/connectorGroups")
}

/// A load that is stopped must have been served all the time.
fn all_served(load: Load, since: Instant) {
    let shots = load.stop();
    let failed = failures(&shots, since);
    assert!(shots.len() > 100, "only {} requests", shots.len());
    assert!(failed.is_empty(), "{} of {} failed: {failed:?}", failed.len(), shots.len());
}

#[test]
fn a_full_disk_refuses_changes_and_nothing_else_until_there_is_room() {
    let test = "a_full_disk_refuses_changes_and_nothing_else_until_there_is_room";
    if !namespace::is_inside(test, "--mount", "exec \"$0\" \"$@\"") {
        return;
    }
    let scratch = Scratch::new();
    let data = scratch.join("data");
    fs::create_dir(&data).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(&data).status();
    assert!(mounted.expect("`mount` runs").success());
    let mut scene = Scene::of(Directory::start_in(scratch, &[]));
    assert!(scene.write());
    let (load, since) = (scene.load(), Instant::now());
    let filler = data.join("filler");
    // As much as there is room for.
    fs::write(&filler, vec![0; 32 << 20]).unwrap_err();
    settles("a change is refused", PATIENCE, || !scene.write());
    for _ in 0..20 {
        scene.write();
        scene.check(&scene.directory.graph());
    }
    fs::remove_file(&filler).unwrap();
    settles("changes are taken again", PATIENCE, || scene.write());
    all_served(load, since);
    scene.check(&scene.directory.graph());
    scene.directory.crash_and_restart();
    scene.check(&scene.directory.graph());
}

/// Has the server start anew under `strace`, which does that to system calls on the log of the database.
fn with_calls_that(scene: &mut Scene, inject: &str) {
    scene.directory.process().kill();
    let log = scene.directory.data().join("directory.sqlite-wal").display().to_string();
    let call = inject.split(':').next().unwrap();
    let (trace, inject) = (format!("trace={call}"), format!("inject={inject}"));
    let strace = ["strace", "-f", "-D", "--seccomp-bpf", "-o", "/dev/null", "-P", &log, "-e", &trace, "-e", &inject];
    scene.directory.restart_under(&strace);
    scene.directory.wait_until_served(HOST);
}

#[test]
fn a_disk_that_fails_for_a_while_refuses_changes_and_nothing_else() {
    let mut scene = Scene::of(Directory::start());
    for inject in
        ["fsync:error=EIO:when=20..40", "pwrite64:error=EROFS:when=400..440", "pwrite64:error=EIO:when=400..440"]
    {
        with_calls_that(&mut scene, inject);
        let (load, since) = (scene.load(), Instant::now());
        settles(&format!("{inject}: a change is refused"), PATIENCE, || !scene.write());
        scene.check(&scene.directory.graph());
        settles(&format!("{inject}: changes are taken again"), PATIENCE, || scene.write());
        for _ in 0..50 {
            scene.write();
        }
        all_served(load, since);
        scene.check(&scene.directory.graph());
        scene.directory.crash_and_restart();
        scene.check(&scene.directory.graph());
    }
}

#[test]
fn a_disk_that_is_slow_makes_changes_late_and_nothing_else() {
    let mut scene = Scene::of(Directory::start());
    with_calls_that(&mut scene, "fsync:delay_enter=300000");
    let (load, since) = (scene.load(), Instant::now());
    for _ in 0..10 {
        let begun = Instant::now();
        assert!(scene.write());
        assert!(begun.elapsed() > Duration::from_millis(250), "it was acknowledged before it was synced");
        let begun = Instant::now();
        scene.check(&scene.directory.graph());
        assert!(begun.elapsed() < Duration::from_secs(5), "reading waited");
    }
    all_served(load, since);
}

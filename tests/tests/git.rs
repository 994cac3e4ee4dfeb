//! Git over HTTPS through the gateway: Debian's git and its `http-backend` behind lighttpd, with a password.
//!
//! The packs are larger than what git sends in one piece, so pushes are chunked; the repository has more branches than
//! fit into a small request, so clones ask with gzip; and each request that may waits for `100 Continue`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use adit_tests::application::{self, Application, free_port};
use adit_tests::command::to_its_end;
use adit_tests::pattern::noise;
use adit_tests::{ConnectorProcess, Directory, Scratch, python, settles};

const HOST: &str = "git.localhost";

/// The longest that one git command may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Random bytes in the first history, and in one change: packs do not get smaller than these.
const LARGE: usize = 12 * 1024 * 1024;

/// Branches: a line of 50 bytes about each is in a clone's request, which git compresses from 1 KiB on.
const BRANCHES: usize = 150;

/// lighttpd with `git http-backend`, and where its repositories are.
struct GitServer {
    application: Application,
    repositories: PathBuf,
}

impl GitServer {
    fn start(folder: &Path) -> Self {
        let repositories = folder.join("repositories");
        fs::create_dir_all(&repositories).unwrap();
        fs::write(folder.join("users"), "developer:secret\n").unwrap();
        let (port, config) = (free_port(), folder.join("lighttpd.conf"));
        fs::write(&config, settings(folder, &repositories, port)).unwrap();
        let mut lighttpd = application::program("lighttpd");
        lighttpd.arg("-D").arg("-f").arg(&config);
        let application = Application::start("lighttpd", &mut lighttpd, port, &folder.join("lighttpd.log"));
        Self { application, repositories }
    }

    /// An empty repository that people may push to.
    fn create(&self, name: &str) -> PathBuf {
        let repository = self.repositories.join(name);
        done(git().args(["init", "--quiet", "--bare"]).arg(&repository));
        repository
    }
}

fn settings(folder: &Path, repositories: &Path, port: u16) -> String {
    let exec_path = done(git().arg("--exec-path"));
    let (folder, repositories, exec_path) = (folder.display(), repositories.display(), exec_path.trim());
    format!(
        r#"server.modules = ("mod_auth", "mod_authn_file", "mod_setenv", "mod_alias", "mod_cgi")
           server.document-root = "{folder}"
           server.upload-dirs = ("{folder}")
           server.bind = "127.0.0.1"
           server.port = {port}
           server.stream-response-body = 1
           alias.url = ("/git" => "{exec_path}/git-http-backend")
           auth.backend = "plain"
           auth.backend.plain.userfile = "{folder}/users"
           auth.require = ("" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
           $HTTP["url"] =~ "^/git/" {{
               cgi.assign = ("" => "")
               setenv.set-environment = ("GIT_PROJECT_ROOT" => "{repositories}", "GIT_HTTP_EXPORT_ALL" => "1")
           }}
        "#
    )
}

/// Git without any settings of the person who runs the tests.
fn git() -> Command {
    let mut git = application::program("git");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        git.env_remove(name);
    }
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
    for role in ["AUTHOR", "COMMITTER"] {
        git.env(format!("GIT_{role}_NAME"), "A Developer").env(format!("GIT_{role}_EMAIL"), "developer@example.com");
    }
    python::without_proxy(&mut git);
    git
}

/// What a command printed, which must succeed.
fn done(command: &mut Command) -> String {
    to_its_end(command, LIMIT).succeeded()
}

/// Somebody who works with one version of HTTP.
struct Developer<'d> {
    directory: &'d Directory,
    folder: PathBuf,
    version: &'static str,
}

impl Developer<'_> {
    fn url(&self, repository: &str) -> String {
        let external = self.directory.external_url(HOST);
        format!("{}git/{repository}", external.replacen("https://", "https://developer:secret@", 1))
    }

    /// Runs git in `folder` and gives what it said on the wire, header by header.
    fn runs(&self, folder: &Path, arguments: &[&str]) -> String {
        let trace = self.folder.join("trace");
        let _ = fs::remove_file(&trace);
        let mut git = git();
        git.current_dir(folder).env("GIT_TRACE_CURL", &trace).env("GIT_TRACE_CURL_NO_DATA", "1");
        git.arg("-c").arg(format!("http.sslCAInfo={}", self.directory.ca().display()));
        git.arg("-c").arg(format!("http.version={}", self.version));
        if self.version == "HTTP/2" {
            // From memory: a pack that git streams over HTTP/2 hangs now and then in git itself (2.39 with curl 7.88), which
            // is asked for more after the end and waits for it for ever, whether or not a server is still there.
            git.args(["-c", "http.postBuffer=268435456"]);
        }
        git.args(["-c", "http.extraHeader=Expect: 100-continue"]).args(arguments);
        done(&mut git);
        String::from_utf8_lossy(&fs::read(&trace).unwrap_or_default()).to_lowercase()
    }
}

/// A history with many commits and branches, and files that no compression makes smaller.
fn history(folder: &Path) -> PathBuf {
    let repository = folder.join("original");
    done(git().args(["init", "--quiet", "--initial-branch=main"]).arg(&repository));
    fs::write(repository.join("large"), noise(LARGE, 1)).unwrap();
    commit(&repository, "A large file");
    let mut stream = String::new();
    for number in 0..BRANCHES {
        let text = format!("line {number}\n").repeat(number);
        let (size, message) = (text.len(), format!("Change {number}"));
        write!(stream, "commit refs/heads/main\ncommitter A Developer <developer@example.com> {number} +0000\n")
            .unwrap();
        write!(stream, "data {}\n{message}\n", message.len()).unwrap();
        if number == 0 {
            stream.push_str("from refs/heads/main^0\n");
        }
        write!(stream, "M 100644 inline notes/{}\ndata {size}\n{text}\n", number % 7).unwrap();
        write!(stream, "reset refs/heads/topic/{number}\nfrom refs/heads/main\n\n").unwrap();
    }
    let input = folder.join("commits");
    fs::write(&input, stream).unwrap();
    let script = format!("git fast-import --quiet < '{}'", input.display());
    done(Command::new("sh").current_dir(&repository).args(["-c", &script]));
    repository
}

fn commit(repository: &Path, message: &str) {
    for arguments in [vec!["add", "--all"], vec!["commit", "--quiet", "--message", message]] {
        done(git().current_dir(repository).args(arguments));
    }
}

/// Every branch with its commit, and every object that can be reached from one: what two histories must share.
fn contents(repository: &Path) -> (String, String) {
    let asked = |arguments: &[&str]| done(git().current_dir(repository).args(arguments));
    let branches = asked(&["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"]);
    (branches, asked(&["rev-list", "--objects", "--branches"]))
}

/// Two repositories have the same history, and the second one is whole.
fn assert_same(original: &Path, other: &Path) {
    let (branches, objects) = contents(original);
    assert!(branches.lines().count() > BRANCHES && objects.lines().count() > 2 * BRANCHES, "{branches}");
    let (other_branches, other_objects) = contents(other);
    assert_eq!(branches, other_branches);
    assert!(objects == other_objects, "the objects differ");
    done(git().current_dir(other).args(["fsck", "--full", "--strict"]));
}

struct Scene {
    directory: Directory,
    server: GitServer,
    scratch: Scratch,
    _connector: ConnectorProcess,
}

impl Scene {
    fn set() -> Self {
        let directory = Directory::start();
        let connector = directory.connector("beside-git");
        let scratch = Scratch::new();
        let server = GitServer::start(scratch.path());
        let _application = directory.publish_url("git", &server.application.url(), HOST, "Default");
        settles("lighttpd's answer", LIMIT, || directory.get(HOST, "/git/").status == 401);
        Self { directory, server, scratch, _connector: connector }
    }

    /// One developer publishes a history, another one clones it, changes it and pushes, the first one fetches.
    fn two_developers_work(&self, version: &'static str, original: &Path) -> Conversation {
        let folder = self.scratch.join(&version.replace('/', "-"));
        fs::create_dir_all(&folder).unwrap();
        let name = "project.git";
        let on_server = self.server.create(&format!("{version}-{name}").replace('/', "-"));
        let developer = Developer { directory: &self.directory, folder: folder.clone(), version };
        let url = developer.url(on_server.file_name().unwrap().to_str().unwrap());

        let pushed = developer.runs(original, &["push", "--quiet", &url, "refs/heads/*:refs/heads/*"]);
        assert_same(original, &on_server);

        let (mirror, clone) = (folder.join("mirror"), folder.join("clone"));
        let cloned = developer.runs(&folder, &["clone", "--quiet", "--mirror", &url, "mirror"]);
        assert_same(original, &mirror);

        developer.runs(&folder, &["clone", "--quiet", "--branch", "main", "--depth", "3", &url, "clone"]);
        fs::write(clone.join("larger"), noise(LARGE, 2)).unwrap();
        commit(&clone, "Another large file");
        let changed = developer.runs(&clone, &["push", "--quiet"]);
        developer.runs(&mirror, &["fetch", "--quiet"]);
        assert_same(&on_server, &mirror);
        assert_eq!(tip(&clone), tip(&mirror));
        assert_ne!(tip(original), tip(&mirror));
        Conversation { pushed, cloned, changed }
    }
}

fn tip(repository: &Path) -> String {
    done(git().current_dir(repository).args(["rev-parse", "refs/heads/main"]))
}

/// What was said on the wire, in lower case.
struct Conversation {
    pushed: String,
    cloned: String,
    changed: String,
}

#[test]
fn histories_with_large_packs_are_pushed_cloned_and_fetched_over_http1_and_http2() {
    let scene = Scene::set();
    let original = history(scene.scratch.path());

    let said = scene.two_developers_work("HTTP/1.1", &original);
    for pushed in [&said.pushed, &said.changed] {
        assert!(pushed.contains("=> send header: transfer-encoding: chunked"), "{pushed}");
        assert!(pushed.contains("=> send header: expect: 100-continue"), "{pushed}");
        assert!(pushed.contains("<= recv header: http/1.1 100 continue"), "{pushed}");
    }
    assert!(said.cloned.contains("=> send header: content-encoding: gzip"), "{}", said.cloned);

    let said = scene.two_developers_work("HTTP/2", &original);
    for wire in [&said.pushed, &said.cloned, &said.changed] {
        assert!(wire.contains("<= recv header: http/2 200"), "{wire}");
    }
    assert!(said.cloned.contains("content-encoding: gzip"), "{}", said.cloned);
}

#[test]
fn a_wrong_password_is_refused_by_the_application_and_nothing_arrives() {
    let scene = Scene::set();
    let (original, on_server) = (scene.server.create("local.git"), scene.server.create("closed.git"));
    let clone = scene.scratch.join("clone");
    done(git().args(["clone", "--quiet"]).arg(&original).arg(&clone));
    fs::write(clone.join("file"), "text").unwrap();
    commit(&clone, "A file");
    let url = format!("{}git/closed.git", scene.directory.external_url(HOST));
    let url = url.replacen("https://", "https://developer:wrong@", 1);
    let mut push = git();
    push.current_dir(&clone).arg("-c").arg(format!("http.sslCAInfo={}", scene.directory.ca().display()));
    let outcome = to_its_end(push.args(["push", &url, "HEAD:main"]), LIMIT);
    assert!(outcome.code != Some(0) && outcome.stderr.contains("Authentication failed"), "{}", outcome.stderr);
    assert_eq!(contents(&on_server).0, "");
}

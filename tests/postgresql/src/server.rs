//! A server of a test's own: it can be stopped, killed, frozen, and started again at the same port.
//!
//! It belongs to a shell that waits for the end of its input, which we hold open: when this process ends, however it does,
//! the shell ends the server and removes its folder.

use std::fs::{self, DirBuilder};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::process::{children_of, has_ended, send};
use crate::{new_database, program};

/// The longest that starting may take; a machine with much else to do, and the log of one that was killed, included.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// How often another port is tried: between finding a free one and listening there, somebody else may take it.
const PORTS_TRIED: u32 = 5;

/// What a folder in memory must have left to be used, in kilobytes.
const ENOUGH_MEMORY: u64 = 8 << 20;

/// The end of the log that is shown when a test fails, in lines.
const SHOWN_LINES: usize = 40;

/// What all tests have: nothing is kept longer than they run, so no disk is waited for. What was committed is in the
/// system's own memory all the same, and outlives the server's processes.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 500
fsync = off
full_page_writes = off
synchronous_commit = on
max_wal_size = 256MB
# Of what is left behind by a server that is killed, everything is in its folder.
dynamic_shared_memory_type = mmap
# It would go through hundreds of small databases for nothing.
autovacuum = off
log_timezone = 'UTC'
timezone = 'UTC'
";

/// Runs the server, tells its process id, and waits for one line: the signal by which it shall end. No line, but the end of
/// the input, is the end of the process that holds it. Signals of the terminal are for that one.
const KEEPER: &str = r#"
trap '' HUP INT TERM
exec 2>>"$1"
folder=$2
shift 2
"$@" </dev/null >&2 &
server=$!
echo "$server"
read -r signal || gone=yes
kill "-${signal:-QUIT}" "$server"
kill -CONT "$server"
wait "$server"
if [ "$gone" ]; then rm -rf -- "$folder"; fi
"#;

/// A PostgreSQL server. Ended, with all that it holds, when this is dropped or the process ends.
#[derive(Debug)]
pub struct Server {
    /// Its data, its log, its certificate.
    folder: PathBuf,
    owner: Option<Owner>,
    port: u16,
    /// While it runs.
    running: Option<Running>,
}

/// Whom the server must run as, where we are root: it refuses to be root itself.
#[derive(Debug, Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

#[derive(Debug)]
struct Running {
    keeper: Child,
    server: u32,
}

impl Server {
    /// Makes an empty server and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn start() -> Self {
        Self::try_start().unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same for who can do without.
    ///
    /// # Errors
    /// Why it does not answer, for a person to read.
    pub fn try_start() -> Result<Self, String> {
        let mut server = Self::make()?;
        server.launch_at_a_free_port()?;
        Ok(server)
    }

    /// Makes one that speaks TLS as well, with this certificate and key, both in PEM.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn start_with_tls(certificate: &str, key: &str) -> Self {
        let begun = Self::make().and_then(|mut server| {
            server.write("certificate.pem", certificate)?;
            server.write("key.pem", key)?;
            server.set("ssl = on\nssl_cert_file = '../certificate.pem'\nssl_key_file = '../key.pem'\n")?;
            server.launch_at_a_free_port()?;
            Ok(server)
        });
        begun.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Its URL, without a database.
    #[must_use]
    pub fn address(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// The URL of a new, empty database.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn url(&self) -> String {
        new_database(&self.address())
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Ends it in order: its clients are told.
    pub fn stop(&mut self) {
        self.end("INT");
    }

    /// `kill -9` of all its processes at once.
    pub fn kill(&mut self) {
        let killed = self.signal("KILL");
        // The last of them lets go of the memory that they share, before which no other may begin.
        while killed.iter().any(|process| !has_ended(*process)) {
            sleep(PAUSE);
        }
        // Which is no signal at all.
        self.end("0");
    }

    /// Stops all its processes where they are: connections stay, and nobody answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Starts it again at the same port, with all that it holds.
    ///
    /// # Panics
    /// When it runs, or does not answer.
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "it was not stopped");
        self.launch().unwrap_or_else(|why| panic!("{why}"));
    }

    /// A folder with an empty server in it, which does not run.
    fn make() -> Result<Self, String> {
        let initdb = program::find("initdb")?;
        let owner = Owner::wanted()?;
        let server = Self { folder: new_folder(owner)?, owner, port: 0, running: None };
        let mut command = server.command(&initdb);
        command.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"]);
        // Messages in English, and names in an order that nobody gets by chance.
        command.args(["--locale=C.UTF-8", "--lc-messages=C", "--locale-provider=icu", "--icu-locale=en-US"]);
        program::said_by(command.arg("--pgdata").arg(server.data()))?;
        server.set(SETTINGS)?;
        Ok(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A command that runs as the server does.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some(owner) = self.owner {
            command.uid(owner.user).gid(owner.group);
        }
        command.current_dir(&self.folder);
        command
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(name);
        let written = fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)))
            .and_then(|()| Owner::give(self.owner, &path));
        written.map_err(|error| format!("{} cannot be written: {error}", path.display()))
    }

    fn set(&self, settings: &str) -> Result<(), String> {
        let path = self.data().join("postgresql.conf");
        let opened = fs::File::options().append(true).open(&path);
        let written = opened.and_then(|mut file| file.write_all(settings.as_bytes()));
        written.map_err(|error| format!("{} cannot be written: {error}", path.display()))
    }

    fn launch_at_a_free_port(&mut self) -> Result<(), String> {
        let mut tried = 1;
        loop {
            self.port = free_port()?;
            match self.launch() {
                Err(why) if tried == PORTS_TRIED || !why.contains("could not bind") => return Err(why),
                Err(_taken) => tried += 1,
                Ok(()) => return Ok(()),
            }
        }
    }

    /// Starts it at its port and waits until it takes connections.
    fn launch(&mut self) -> Result<(), String> {
        let postgres = program::find("postgres")?;
        let mut command = self.command(Path::new("/bin/sh"));
        command.args(["-c", KEEPER, "keeper"]).arg(self.folder.join("log")).arg(&self.folder).arg(postgres);
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut keeper = spawned.map_err(|error| format!("sh cannot be started: {error}"))?;
        let mut line = String::new();
        let said = keeper.stdout.take().map(BufReader::new).map(|mut said| said.read_line(&mut line));
        let server = line.trim().parse().map_err(|_| format!("the shell of the server said {line:?} ({said:?})"))?;
        self.running = Some(Running { keeper, server });
        let outcome = self.once_ready(server);
        if outcome.is_err() {
            self.end("KILL");
        }
        outcome
    }

    fn once_ready(&self, server: u32) -> Result<(), String> {
        let start = Instant::now();
        while !self.is_ready(server) {
            if has_ended(server) || start.elapsed() > START_LIMIT {
                return Err(format!("PostgreSQL did not start. {}", self.end_of_log()));
            }
            sleep(PAUSE);
        }
        Ok(())
    }

    /// Whether it says so itself: its process id is the first line of a file, and the last line is how it is.
    fn is_ready(&self, server: u32) -> bool {
        let said = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = said.lines().map(str::trim);
        lines.next() == Some(&server.to_string()) && lines.next_back() == Some("ready")
    }

    /// Sends a signal to each of its processes; their ids.
    fn signal(&self, name: &str) -> Vec<u32> {
        let Some(running) = &self.running else { return Vec::new() };
        // The parent of the others makes no new ones meanwhile.
        send("STOP", &[running.server]);
        let mut all = children_of(running.server);
        all.push(running.server);
        send(name, &all);
        all
    }

    /// Has the server end by a signal, and waits for it. What it holds stays.
    fn end(&mut self, signal: &str) {
        let Some(mut running) = self.running.take() else { return };
        if let Some(mut input) = running.keeper.stdin.take() {
            let _ = writeln!(input, "{signal}");
        }
        let _ = running.keeper.wait();
    }

    fn end_of_log(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let shown = lines.len().saturating_sub(SHOWN_LINES);
        format!("The end of its log:\n{}", lines.get(shown..).unwrap_or_default().join("\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be frozen, and its children with it.
        self.thaw();
        self.end("QUIT");
        if std::thread::panicking() {
            eprintln!("---- PostgreSQL. {}\n----", self.end_of_log());
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Owner {
    /// The user that Debian's package made, if we are root; else we are who we are.
    fn wanted() -> Result<Option<Self>, String> {
        let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        if !is_root {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
        let found = accounts.lines().find_map(|line| {
            let mut parts = line.strip_prefix("postgres:")?.split(':').skip(1);
            Some(Self { user: parts.next()?.parse().ok()?, group: parts.next()?.parse().ok()? })
        });
        found.map(Some).ok_or_else(|| "PostgreSQL does not run as root, and there is no user `postgres`".to_owned())
    }

    fn give(owner: Option<Self>, path: &Path) -> std::io::Result<()> {
        owner.map_or(Ok(()), |owner| chown(path, Some(owner.user), Some(owner.group)))
    }
}

/// A folder for one server: in memory, where there is enough, for hundreds of databases are made.
fn new_folder(owner: Option<Owner>) -> Result<PathBuf, String> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let memory = PathBuf::from("/dev/shm");
    let place = if has_room(&memory) { memory } else { std::env::temp_dir() };
    let folder = place.join(format!("adit-test-postgresql-{}-{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed)));
    // One of an earlier process with this id, which was killed together with the shell that would have removed it.
    let _ = fs::remove_dir_all(&folder);
    let made = DirBuilder::new().mode(0o700).create(&folder).and_then(|()| Owner::give(owner, &folder));
    made.map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    Ok(folder)
}

/// Whether a folder has as much left as all databases of a run may take.
fn has_room(folder: &Path) -> bool {
    let said = program::said_by(Command::new("df").args(["--output=avail", "--block-size=1K"]).arg(folder));
    let left = said.ok().and_then(|said| said.lines().nth(1)?.trim().parse::<u64>().ok());
    left.is_some_and(|left| left >= ENOUGH_MEMORY)
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("there is no free port: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql;

    #[test]
    fn what_was_committed_is_there_after_each_way_to_end() {
        let mut server = Server::start();
        let url = server.url();
        sql(&url, "CREATE TABLE wiki (name TEXT)");
        let ends: [fn(&mut Server); 2] = [Server::stop, Server::kill];
        for (number, end) in ends.into_iter().enumerate() {
            sql(&url, &format!("INSERT INTO wiki VALUES ('{number}')"));
            end(&mut server);
            assert!(std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err(), "nobody listens");
            server.start_again();
            assert_eq!(sql(&url, "SELECT count(*) FROM wiki"), [(number + 1).to_string()]);
        }
    }

    #[test]
    fn names_of_its_databases_have_no_order_of_bytes() {
        let server = Server::start();
        assert_eq!(sql(&server.url(), "SELECT 'a' < 'B'"), ["t"]);
    }

    #[test]
    fn a_server_is_gone_with_whoever_had_it() {
        let server = Server::start();
        let (folder, id) = (server.folder.clone(), server.running.as_ref().unwrap().server);
        drop(server);
        assert!(has_ended(id));
        assert!(!folder.exists());
    }

    /// Has a server and tells where, until it is killed.
    #[test]
    fn a_server_is_gone_with_a_process_that_was_killed() {
        let name = "server::tests::a_server_is_gone_with_a_process_that_was_killed";
        if std::env::var_os("ADIT_TEST_IS_KILLED").is_some() {
            let server = Server::start();
            println!("folder={}", server.folder.display());
            sleep(START_LIMIT);
            return;
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([name, "--exact", "--nocapture"]).env("ADIT_TEST_IS_KILLED", "1");
        let mut killed = command.stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(killed.stdout.take().unwrap()).lines().map_while(Result::ok);
        let folder = said.filter_map(|line| Some(PathBuf::from(line.split_once("folder=")?.1))).next().unwrap();
        assert!(folder.join("data/postmaster.pid").exists());
        killed.kill().unwrap();
        killed.wait().unwrap();
        let start = Instant::now();
        while folder.exists() {
            assert!(start.elapsed() < START_LIMIT, "{} is still there", folder.display());
            sleep(PAUSE);
        }
    }
}

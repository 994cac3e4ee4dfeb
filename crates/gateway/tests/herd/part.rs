//! A part of the herd: a process with some of the connectors, and the network that lies between them and the gateway.
//!
//! A process of its own, because the files of one are too few for ten thousand connectors and both ends of what they
//! dial. It is this test program, started again; what it is told and what it answers are lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_connector::{AllowList, ConnectorError, SystemNetwork};
use adit_core::{MachineName, RegistrationToken};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

/// How many of its connectors register at once.
const AT_ONCE: usize = 25;

/// Set in such a process: the gateway's address, how many connectors, and the folder for theirs.
const PART: &str = "ADIT_TEST_HERD_PART";

/// What its answers begin with, among the lines of the test runner.
const ANSWER: &str = "herd: ";

/// A part of the herd, as the test sees it.
pub(crate) struct Part {
    process: Child,
    told: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Part {
    /// Starts the process; `test` is the test that calls [`run_if_part`] first. It comes after everything else on this
    /// machine: connectors have machines of their own, and take no gateway's cores.
    pub(crate) fn start(test: &str, gateway: SocketAddr, count: usize, folder: &Path) -> Self {
        let mut process = Command::new("nice")
            .args(["-n", "19"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(PART, format!("{gateway} {count} {}", folder.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (told, said) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Self { process, told, said }
    }

    /// Where its connectors find the gateway.
    pub(crate) fn address(&mut self) -> SocketAddr {
        self.answer().parse().unwrap()
    }

    /// Lets the connectors register.
    pub(crate) fn register(&mut self, token: &RegistrationToken) {
        self.tell(&token.to_line());
    }

    /// Ends all connections and lets none through until [`Self::join`].
    pub(crate) fn cut(&mut self) {
        self.tell("cut");
    }

    /// Lets connections through again.
    pub(crate) fn join(&mut self) {
        self.tell("join");
    }

    /// When connections came since then, in milliseconds since 1970.
    pub(crate) fn arrivals(&mut self) -> Vec<u64> {
        self.tell("arrivals");
        self.answer().split_whitespace().map(|at| at.parse().unwrap()).collect()
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.told, "{line}").unwrap();
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        while self.said.read_line(&mut line).unwrap() > 0 {
            if let Some((_, answer)) = line.split_once(ANSWER) {
                return answer.trim().to_owned();
            }
            line.clear();
        }
        panic!("a part of the herd ended: {:?}", self.process.wait());
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In the process of a part: runs it until nobody listens any more, and gives `true`.
pub(crate) fn run_if_part() -> bool {
    let Ok(part) = std::env::var(PART) else { return false };
    let mut words = part.splitn(3, ' ');
    let mut word = || words.next().unwrap();
    let (gateway, count, folder) = (word().parse().unwrap(), word().parse().unwrap(), word().to_owned());
    // Each connector would tell that it lost its gateway.
    let _ = tracing_subscriber::fmt().with_max_level(tracing::level_filters::LevelFilter::OFF).try_init();
    let cut = Cut::before(gateway);
    let mut told = std::io::stdin().lines().map_while(Result::ok);
    println!("{ANSWER}{}", cut.address);
    let Some(token) = told.next() else { return true };
    run_connectors(&token.parse().unwrap(), count, folder);
    for line in told {
        match line.as_str() {
            "cut" => cut.set(true),
            "join" => cut.set(false),
            "arrivals" => println!("{ANSWER}{}", cut.arrivals()),
            _ => panic!("{line:?} means nothing here"),
        }
    }
    true
}

/// Runs that many connectors on one thread.
fn run_connectors(token: &RegistrationToken, count: usize, folder: String) {
    let token = token.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            // Thousands that register at once are more than a gateway takes in.
            let turns = Arc::new(Semaphore::new(AT_ONCE));
            for number in 0..count {
                let turn = Arc::clone(&turns).acquire_owned().await.unwrap();
                let data = Path::new(&folder).join(number.to_string());
                let registered = data.join("connector.json");
                tokio::task::spawn_local(run(data, token.clone()));
                tokio::task::spawn_local(async move {
                    while !registered.exists() {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    drop(turn);
                });
            }
            std::future::pending::<()>().await;
        });
    });
}

async fn run(data: PathBuf, token: RegistrationToken) {
    while let Err(error) = run_once(&data, &token).await {
        // A service manager would start it again as well.
        assert!(matches!(error, ConnectorError::Registration(_)), "{error}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn run_once(data: &Path, token: &RegistrationToken) -> Result<(), ConnectorError> {
    let settings = adit_connector::Settings {
        data: data.to_owned(),
        token: Some(token.clone()),
        machine_name: MachineName::parse("one-of-many").unwrap(),
        allow: AllowList::default(),
        proxy: adit_connector::ProxyChoice::Direct,
        version: "1.0.0-test".to_owned(),
        connections: NonZeroUsize::MIN,
        grace: adit_connector::GRACE,
    };
    adit_connector::run_solo(settings, Arc::new(SystemNetwork), std::future::pending()).await
}

/// A network that can be cut for a while.
struct Cut {
    address: SocketAddr,
    is_cut: Arc<AtomicBool>,
    /// When connections came that it let through.
    arrivals: Arc<Mutex<Vec<SystemTime>>>,
}

impl Cut {
    /// Carries connections on a thread of its own.
    fn before(gateway: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (is_cut, arrivals) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<SystemTime>>>::default());
        let (cut, noted) = (Arc::clone(&is_cut), Arc::clone(&arrivals));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            LocalSet::new().block_on(&runtime, async {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let near = match listener.accept().await {
                        Ok((near, _)) => near,
                        Err(error) => {
                            eprintln!("the network of a part takes no connection: {error}");
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            continue;
                        }
                    };
                    if !cut.load(Ordering::SeqCst) {
                        noted.lock().unwrap().push(SystemTime::now());
                        tokio::task::spawn_local(carry(near, gateway, Arc::clone(&cut)));
                    }
                }
            });
        });
        Self { address, is_cut, arrivals }
    }

    fn set(&self, cut: bool) {
        self.arrivals.lock().unwrap().clear();
        self.is_cut.store(cut, Ordering::SeqCst);
    }

    fn arrivals(&self) -> String {
        let millis = |at: &SystemTime| at.duration_since(UNIX_EPOCH).unwrap().as_millis().to_string();
        self.arrivals.lock().unwrap().iter().map(millis).collect::<Vec<_>>().join(" ")
    }
}

/// Carries one connection until it ends or the network is cut.
async fn carry(mut near: TcpStream, gateway: SocketAddr, cut: Arc<AtomicBool>) {
    let Ok(mut far) = TcpStream::connect(gateway).await else { return };
    let watched = async {
        while !cut.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional_with_sizes(&mut near, &mut far, 2048, 2048) => {}
        () = watched => {}
    }
}

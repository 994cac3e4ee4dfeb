//! A simulation from its seed to its judgement: the hosts, and what is done to them when.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adit_connector::AllowList;
use adit_core::{MachineName, RegistrationToken, Snapshot};
use adit_gateway::{ClientLimits, Gateway, Observation};
use fastrand::Rng;
use prometheus_client::registry::Registry;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::sleep;
use turmoil::Sim;
use turmoil::net::TcpListener;

use crate::client::{self, Client};
use crate::directory::Directory;
use crate::history::{Answer, History, Violation, machine_name, now};
use crate::network::SimulatedNetwork;
use crate::plan::{CLIENTS, END, Fault, GATEWAYS, HEALED, MACHINES, Plan, UPSTREAMS};
use crate::upstream;

/// How far the simulated time moves at once.
const TICK: Duration = Duration::from_millis(20);

/// The longest time until a gateway hears of a change of the directory.
const FEED: Duration = Duration::from_millis(300);

/// What came of a simulation.
#[derive(Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What was done to the world.
    pub plan: Plan,
    /// Requests that clients began.
    pub requests: usize,
    /// Those that were answered rightly by their upstream.
    pub answered: usize,
    /// Invariants that did not hold.
    pub violations: Vec<Violation>,
}

/// Runs the simulation of a seed.
///
/// # Panics
/// When it cannot be set up, or a host of it panics.
#[must_use]
pub fn simulate(seed: u64) -> Outcome {
    fastrand::seed(seed);
    let plan = Plan::of(seed);
    let scratch = tempfile::tempdir().expect("a folder");
    let history = Arc::<Mutex<History>>::default();
    let directory = Directory::open(scratch.path(), Arc::clone(&history));
    let mut world = World::new(seed, &plan, &scratch, &directory, &history);
    world.run(&plan);
    drop(world);
    directory.close();
    let history = history.lock().unwrap();
    let right = |asked: &&crate::history::Asked| matches!(asked.answer, Some((_, Answer::Right)));
    Outcome {
        seed,
        requests: history.asked.len(),
        answered: history.asked.iter().filter(right).count(),
        violations: history.judge(&plan),
        plan,
    }
}

struct World<'w> {
    sim: Sim<'w>,
    random: Rng,
    directory: Arc<Directory>,
    history: Arc<Mutex<History>>,
    feeds: Vec<Feed>,
    /// What makes the connectors of a machine leave, each time it changes.
    leave: Vec<watch::Sender<u64>>,
    snapshot: Arc<Snapshot>,
}

/// How a gateway hears of the directory.
struct Feed {
    snapshots: watch::Sender<Arc<Snapshot>>,
    /// On their way, in their order.
    coming: Vec<(Duration, Arc<Snapshot>)>,
}

impl<'w> World<'w> {
    fn new(
        seed: u64,
        plan: &Plan,
        scratch: &TempDir,
        directory: &Arc<Directory>,
        history: &Arc<Mutex<History>>,
    ) -> Self {
        let sim = turmoil::Builder::new()
            .rng_seed(seed)
            .simulation_duration(END + Duration::from_secs(1))
            .tick_duration(TICK)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(plan.latency)
            .tcp_capacity(1 << 20)
            .build();
        let mut world = Self {
            sim,
            random: Rng::with_seed(seed ^ 0x5eed),
            directory: Arc::clone(directory),
            history: Arc::clone(history),
            feeds: Vec::new(),
            leave: Vec::new(),
            snapshot: directory.snapshot(),
        };
        world.add_upstreams();
        world.add_gateways();
        world.add_machines(scratch.path());
        world.add_clients(seed);
        world
    }

    fn add_upstreams(&mut self) {
        for number in 0..UPSTREAMS {
            let history = Arc::clone(&self.history);
            self.sim.host(format!("upstream-{number}"), move || upstream::serve(number, Arc::clone(&history)));
            self.history.lock().unwrap().groups_of_applications.push((Duration::ZERO, number, number.min(1)));
        }
    }

    fn add_gateways(&mut self) {
        for number in 0..GATEWAYS {
            let (snapshots, receiver) = watch::channel(Arc::clone(&self.snapshot));
            self.feeds.push(Feed { snapshots, coming: Vec::new() });
            let (directory, history) = (Arc::clone(&self.directory), Arc::clone(&self.history));
            self.sim.host(format!("gateway-{number}"), move || {
                serve_gateway(number, receiver.clone(), Arc::clone(&directory), Arc::clone(&history))
            });
        }
    }

    /// The first two machines begin in the first group, the others in the second.
    fn add_machines(&mut self, scratch: &Path) {
        for number in 0..MACHINES {
            let group = number / 2;
            let (leave, leaving) = watch::channel(0);
            self.leave.push(leave);
            self.history.lock().unwrap().groups_of_machines.push((Duration::ZERO, number, group));
            let tokens: Vec<_> = (0..GATEWAYS).map(|gateway| self.directory.token(gateway, group)).collect();
            let folder = scratch.join(machine_name(number));
            self.sim.host(machine_name(number), move || {
                let (tokens, folder, leaving) = (tokens.clone(), folder.clone(), leaving.clone());
                async move {
                    for (gateway, token) in tokens.into_iter().enumerate() {
                        let folder = folder.join(gateway.to_string());
                        spawn_local(keep_connector(number, gateway, token, folder, leaving.clone()));
                    }
                    std::future::pending().await
                }
            });
        }
    }

    fn add_clients(&mut self, seed: u64) {
        let mut roots = RootCertStore::empty();
        roots.add(self.directory.authority().certificate_der().clone()).expect("the authority");
        let tls = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
        for number in 0..CLIENTS {
            let name = format!("client-{number}");
            let client = Client {
                number,
                random: Rng::with_seed(seed * 31 + number as u64),
                tls: Arc::clone(&tls),
                history: Arc::clone(&self.history),
                begun: 0,
            };
            self.sim.client(name.as_str(), async move {
                // Connectors need a moment to come up.
                sleep(Duration::from_secs(2)).await;
                client.run().await
            });
            let address = self.sim.lookup(name.as_str()).to_string();
            self.history.lock().unwrap().clients.push(address);
        }
    }

    fn run(&mut self, plan: &Plan) {
        let mut faults = plan.faults.iter().peekable();
        while self.sim.elapsed() < END {
            while let Some((_, fault)) = faults.next_if(|(at, _)| *at <= self.sim.elapsed()) {
                self.commit(*fault);
            }
            self.feed();
            self.sim.step().expect("no host of the simulation ends");
        }
        assert!(faults.next().is_none() && HEALED < END, "every fault happened");
    }

    fn commit(&mut self, fault: Fault) {
        let now = self.sim.elapsed();
        let gateway = |number: usize| format!("gateway-{number}");
        match fault {
            Fault::Restart(machine) => self.leave[machine].send_modify(|times| *times += 1),
            Fault::Crash(machine) => self.sim.crash(machine_name(machine)),
            // One that crashed twice is started by the end of the first crash, and once more by that of the second.
            Fault::Start(machine) => self.sim.bounce(machine_name(machine)),
            Fault::BounceGateway(number) => self.sim.bounce(gateway(number)),
            Fault::Partition(machine, number) => self.sim.partition(machine_name(machine), gateway(number)),
            Fault::Repair(machine, number) => self.sim.repair(machine_name(machine), gateway(number)),
            Fault::Hold(machine, number) => self.sim.hold(machine_name(machine), gateway(number)),
            Fault::Release(machine, number) => self.sim.release(machine_name(machine), gateway(number)),
            Fault::BounceUpstream(number) => self.sim.bounce(format!("upstream-{number}")),
            Fault::Move(machine, group) => {
                self.directory.move_machine(&machine_name(machine), group);
                self.history.lock().unwrap().groups_of_machines.push((now, machine, group));
            }
            Fault::Assign(group) => {
                self.directory.assign(UPSTREAMS - 1, group);
                self.history.lock().unwrap().groups_of_applications.push((now, UPSTREAMS - 1, group));
            }
            Fault::Revoke(machine) => self.directory.delete_machine(&machine_name(machine)),
            Fault::ControlAway => self.directory.set_away(true),
            Fault::ControlBack => self.directory.set_away(false),
        }
    }

    /// Sends a changed directory on its way to the gateways, and gives them what has arrived.
    fn feed(&mut self) {
        let now = self.sim.elapsed();
        let snapshot = self.directory.snapshot();
        if snapshot.version() != self.snapshot.version() {
            self.snapshot = Arc::clone(&snapshot);
            for feed in &mut self.feeds {
                let earliest = feed.coming.last().map_or(now, |(at, _)| *at);
                let takes = Duration::from_millis(self.random.u64(1..FEED.as_millis() as u64));
                feed.coming.push((earliest.max(now + takes), Arc::clone(&snapshot)));
            }
        }
        for feed in &mut self.feeds {
            while feed.coming.first().is_some_and(|(at, _)| *at <= now) {
                feed.snapshots.send_replace(feed.coming.remove(0).1);
            }
        }
    }
}

/// A gateway's host.
async fn serve_gateway(
    number: usize,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    directory: Arc<Directory>,
    history: Arc<Mutex<History>>,
) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", client::PORT)).await?;
    let settings = adit_gateway::Settings {
        cores: std::num::NonZeroUsize::MIN,
        snapshots,
        directory: Arc::<Directory>::clone(&directory),
        certificates: Arc::<Directory>::clone(&directory),
        connector_ca: directory.authority().certificate_der().clone(),
        own_names: vec![format!("gateway-{number}")],
        trusted_proxies: Vec::new(),
        client_limits: ClientLimits::default(),
        awaited: Vec::new(),
        grace: Duration::from_secs(5),
        sign_in: None,
        observation: Observation::default(),
    };
    let (gateway, entrance) = Gateway::start_solo(listener.local_addr()?, settings, &mut Registry::default())?;
    spawn_local(async move {
        loop {
            let (epoch, revision) = gateway.version();
            history.lock().unwrap().versions.push((number, (epoch.0, revision.0)));
            sleep(Duration::from_millis(100)).await;
        }
    });
    loop {
        let (stream, from) = listener.accept().await?;
        entrance.admit(stream, from).await;
    }
}

/// Starts a connector again and again, as a service manager would; each time `leave` changes, it is told to leave.
async fn keep_connector(
    machine: usize,
    gateway: usize,
    token: RegistrationToken,
    folder: std::path::PathBuf,
    mut leave: watch::Receiver<u64>,
) {
    leave.mark_unchanged();
    loop {
        let settings = adit_connector::Settings {
            data: folder.clone(),
            token: Some(token.clone()),
            machine_name: MachineName::parse(&format!("{}.gateway-{gateway}", machine_name(machine))).expect("a name"),
            allow: AllowList::default(),
            version: "simulated".to_owned(),
            grace: adit_connector::GRACE,
            proxy: adit_connector::ProxyChoice::Direct,
            connections: std::num::NonZeroUsize::MIN,
        };
        // It fails only when the simulation is over.
        let told = async { drop(leave.changed().await) };
        // What keeps it from starting, the next attempt may not meet.
        if let Err(error) = adit_connector::run_solo(settings, Arc::new(SimulatedNetwork), told).await {
            trace(machine, gateway, &error.to_string());
            sleep(Duration::from_secs(1)).await;
        }
    }
}

fn trace(machine: usize, gateway: usize, what: &str) {
    tracing::info!(at = ?now(), machine, gateway, what, "a connector ended");
}

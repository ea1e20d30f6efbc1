//! Makes run at the edge what is desired, and ends what it replaces.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use edgeproof_edge::{Deployer, InUse, LastVisit, Outbound, Route, Thrown, WorkerEndpoint};
use edgeproof_ground::{causes::about, memory::Memory, process::ScratchDirectory};
use edgeproof_runtime::{LogLine, Runtime, RuntimeLog, TailReader, Watched};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::sleep_until,
};

use super::{
    Environment, RigError,
    desired::{DesiredState, DesiredWorker},
};

/// The one who changes what runs.
pub(super) struct Publisher {
    workerd: PathBuf,
    edge: Deployer,
    inspect: bool,
    memory: Memory,
    /// Who gets what invocations come to.
    tail: Option<TailReader>,
    /// Where the runtime of what is deployed can be looked into.
    inspectors: watch::Sender<Option<SocketAddr>>,
    /// What is deployed, as it changes.
    deployed: watch::Sender<Deployed>,
    /// How long a worker may go on after its last response.
    wait_until: Duration,
    /// What runs now; one at a time changes it.
    current: tokio::sync::Mutex<Option<Published>>,
    /// What was replaced and has visits still.
    replaced: Mutex<JoinSet<()>>,
    /// What each runtime wrote, the ended ones too.
    logs: Mutex<Vec<RuntimeLog>>,
    /// Who follows them.
    follower: Arc<Notify>,
}

/// Lines of a log, in their order.
#[derive(Debug)]
pub struct Followed {
    /// How many came before them that are no longer kept.
    pub missed: usize,
    /// The lines.
    pub lines: Vec<LogLine>,
}

/// What runs at the edge, whoever deployed it: a description, a step, the account's API.
#[derive(Clone, Debug, Default)]
pub struct Deployed {
    /// How often something was deployed.
    pub times: usize,
    /// The names of the workers.
    pub workers: Vec<String>,
    /// The routes, those without a worker too.
    pub routes: Vec<Route>,
}

/// A desired state that runs.
struct Published {
    workers: Vec<DesiredWorker>,
    endpoints: BTreeMap<String, WorkerEndpoint>,
    last_visit: LastVisit,
    runtime: Option<Runtime>,
    /// Where the workers' subrequests come in.
    _doors: Vec<Outbound>,
    /// What was uploaded: stacks are read with its source maps.
    _files: ScratchDirectory,
}

impl Publisher {
    pub(super) fn new(
        environment: &Environment,
        edge: Deployer,
        memory: &Memory,
        wait_until: Duration,
        tail: Option<TailReader>,
    ) -> Arc<Self> {
        Arc::new(Self {
            workerd: environment.workerd.clone(),
            edge,
            inspect: environment.inspect,
            memory: memory.clone(),
            tail,
            inspectors: watch::Sender::default(),
            deployed: watch::Sender::default(),
            wait_until,
            current: tokio::sync::Mutex::default(),
            replaced: Mutex::default(),
            logs: Mutex::default(),
            follower: Arc::default(),
        })
    }

    /// Every request that arrives from now on gets this. New routes take effect at once; workers are started anew only
    /// where one of them changed, as isolates are. Where it fails, what ran before runs on.
    pub(super) async fn publish(&self, desired: DesiredState) -> Result<(), RigError> {
        let mut current = self.current.lock().await;
        if let Some(published) = &*current
            && published.workers == desired.workers
        {
            self.deploy(desired.routes, published)?;
            return Ok(());
        }
        let published = self.start(desired.workers).await?;
        self.deploy(desired.routes, &published)?;
        let inspector = published.runtime.as_ref().and_then(Runtime::inspector);
        self.inspectors.send_replace(inspector);
        if let Some(log) = published.runtime.as_ref().map(Runtime::log_kept) {
            let mut logs = lock(&self.logs);
            log.wake(&self.follower);
            logs.push(log);
        }
        if let Some(replaced) = current.replace(published) {
            let mut ending = lock(&self.replaced);
            // Those that have ended need no place any more.
            while ending.try_join_next().is_some() {}
            ending.spawn(replaced.end_after_last_visit(self.wait_until));
        }
        Ok(())
    }

    /// Gives the edge the routes and who runs behind them, and tells so.
    fn deploy(&self, routes: Vec<Route>, published: &Published) -> Result<(), RigError> {
        self.edge
            .deploy(routes.clone(), published.endpoints.clone())?;
        let workers = published.workers.iter();
        let workers = workers.map(|worker| worker.name().to_owned()).collect();
        self.deployed.send_modify(|deployed| {
            *deployed = Deployed {
                times: deployed.times + 1,
                workers,
                routes,
            };
        });
        Ok(())
    }

    /// Starts the workers, each with a door to the edge.
    async fn start(&self, workers: Vec<DesiredWorker>) -> Result<Published, RigError> {
        let directory = ScratchDirectory::create(&std::env::temp_dir(), "edgeproof-deployed-")
            .map_err(RigError::Write)?;
        let (mut configs, mut doors) = (Vec::new(), Vec::new());
        for (number, worker) in workers.iter().enumerate() {
            let files = directory.path().join(number.to_string());
            std::fs::create_dir(&files)
                .map_err(about(&files))
                .map_err(RigError::Write)?;
            let door = self.edge.listen(worker.name()).await?;
            let config = worker.config(&files, door.address());
            configs.push(config.map_err(RigError::Write)?);
            doors.push(door);
        }
        let runtime = match configs.as_slice() {
            [] => None,
            configs => {
                let watched = Watched {
                    inspect: self.inspect,
                    tail: self.tail.clone(),
                };
                Some(Runtime::start_with(&self.workerd, configs, watched, &self.memory).await?)
            }
        };
        let (in_use, last_visit) = InUse::new();
        Ok(Published {
            endpoints: runtime
                .as_ref()
                .map(|runtime| endpoints(runtime, &workers, &in_use))
                .unwrap_or_default(),
            workers,
            last_visit,
            runtime,
            _doors: doors,
            _files: directory,
        })
    }

    /// Where the runtime of what is deployed can be looked into, as it changes.
    pub(super) fn inspectors(&self) -> watch::Receiver<Option<SocketAddr>> {
        self.inspectors.subscribe()
    }

    /// What is deployed, as it changes.
    pub(super) fn deployed(&self) -> watch::Receiver<Deployed> {
        self.deployed.subscribe()
    }

    /// What all runtimes have logged, one after the other.
    pub(super) fn log(&self) -> Vec<LogLine> {
        lock(&self.logs)
            .iter()
            .flat_map(RuntimeLog::lines)
            .collect()
    }

    /// How many lines of them are no longer kept.
    pub(super) fn forgotten_lines(&self) -> usize {
        lock(&self.logs).iter().map(RuntimeLog::forgotten).sum()
    }

    /// The same once everything is there that was written before now.
    pub(super) async fn log_so_far(&self) -> Vec<LogLine> {
        let logs = lock(&self.logs).clone();
        let mut lines = Vec::new();
        for log in logs {
            lines.extend(log.lines_so_far().await);
        }
        lines
    }

    /// Waits for lines beyond those that were read, of which it is noted how many of each log there were. Whoever is slower
    /// than the workers misses what is no longer kept.
    pub(super) async fn follow(&self, read: &mut Vec<usize>) -> Followed {
        loop {
            let logs = lock(&self.logs).clone();
            read.resize(logs.len(), 0);
            for (log, read) in logs.iter().zip(read.iter_mut()) {
                let lines = log.lines_after(*read);
                if let (Some((first, _)), Some((last, _))) = (lines.first(), lines.last()) {
                    let missed = first - *read;
                    *read = last + 1;
                    let lines = lines.into_iter().map(|(_, line)| line).collect();
                    return Followed { missed, lines };
                }
            }
            self.follower.notified().await;
        }
    }

    /// The process that runs what is deployed.
    #[cfg(test)]
    pub(super) async fn process(&self) -> Option<u32> {
        let current = self.current.lock().await;
        current.as_ref()?.runtime.as_ref()?.process_id()
    }

    /// Ends what runs, and what still has visits.
    pub(super) async fn stop(&self) {
        let mut replaced = std::mem::take(&mut *lock(&self.replaced));
        replaced.shutdown().await;
        let current = self.current.lock().await.take();
        if let Some(runtime) = current.and_then(|published| published.runtime) {
            runtime.stop().await;
        }
    }
}

impl Published {
    /// Ends it when it is deployed no more, its last visit is over, and so is what that may do afterwards.
    async fn end_after_last_visit(self, wait_until: Duration) {
        drop(self.endpoints);
        if let Some(end) = self.last_visit.over().await {
            sleep_until(end + wait_until).await;
        }
        if let Some(runtime) = self.runtime {
            runtime.stop().await;
        }
    }
}

/// Where the edge finds each worker of a runtime.
fn endpoints(
    runtime: &Runtime,
    workers: &[DesiredWorker],
    in_use: &InUse,
) -> BTreeMap<String, WorkerEndpoint> {
    let endpoint = |(name, socket): (&String, &PathBuf)| {
        let worker = workers.iter().find(|worker| worker.name() == name);
        let endpoint = WorkerEndpoint {
            socket: socket.clone(),
            process: runtime.process_id(),
            cpu_ms: worker.and_then(DesiredWorker::cpu_ms),
            cache: worker.and_then(DesiredWorker::cache),
            in_use: in_use.clone(),
            thrown: thrown(runtime.log_kept(), name.clone()),
        };
        (name.clone(), endpoint)
    };
    runtime.sockets().iter().map(endpoint).collect()
}

/// What a worker throws, as the log of its runtime tells it.
fn thrown(log: RuntimeLog, worker: String) -> Thrown {
    Thrown::by(move |since| {
        let (log, worker) = (log.clone(), worker.clone());
        Box::pin(async move { log.failure(&worker, since).await })
    })
}

/// A panic elsewhere leaves these whole: each change is one push or take.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

//! An app from its start to its end.

use std::{
    fmt,
    net::Ipv4Addr,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::ExitStatusExt,
    },
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use edgeproof_ground::{process::Family, time::Time};
use tokio::{
    process::Command,
    sync::{OwnedMutexGuard, watch},
    task::JoinSet,
    time::timeout,
};
use url::Url;

use super::{
    Printed,
    description::{Launch, Ready, with_port},
    error::{self, LaunchError},
    output::{Output, Stream},
    ready::Condition,
    secrets::Secrets,
};

/// How long the last words of an app that has ended may take; a process that it left behind may hold its pipes open.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How long it may take until an app that no longer listens has ended: `npm` ends after its server.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// Lines of its output that stand with the news of its end.
const LAST_LINES: usize = 5;

/// How an app ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    how: String,
    at: jiff::Timestamp,
}

impl Ended {
    /// The moment, as people read it.
    pub fn at(&self) -> String {
        self.at.strftime("%H:%M:%S%.3f UTC").to_string()
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how)
    }
}

/// An app that was ready. It ends with its handle.
#[derive(Debug)]
pub struct RunningApp {
    launch: Launch,
    started: jiff::Timestamp,
    port: u16,
    output: Output,
    /// Where its output comes from.
    pipes: Vec<OwnedFd>,
    life: watch::Receiver<Life>,
    /// Ends the app when it is set or dropped.
    stop: watch::Sender<bool>,
}

#[derive(Clone, Debug)]
enum Life {
    Running,
    /// The process has ended by itself; what it printed last is still read.
    Ending,
    /// The process has ended by itself; what it left behind is being ended.
    Ended(Ended),
    /// Nothing of it is left; how it ended, where it was not asked to.
    Over(Option<Ended>),
}

impl RunningApp {
    /// Starts an app and waits until it is ready. What it holds while it runs, such as its address, is let go when it
    /// is gone. It ends when `ending` is set, which is let go then too.
    pub(super) async fn start(
        launch: Launch,
        held: Option<OwnedMutexGuard<()>>,
        ending: watch::Receiver<bool>,
    ) -> Result<Self, LaunchError> {
        if *ending.borrow() {
            return Err(LaunchError::Interrupted(launch.name()));
        }
        let port = port_of(&launch).await?;
        let address = launch.address.at(port)?;
        if launch.address.fixed_port().is_some() && address.accepts().await {
            return Err(LaunchError::Taken {
                command: launch.name(),
                address,
            });
        }
        let mut family = spawn(&launch, port).map_err(|source| LaunchError::Spawn {
            command: launch.name(),
            folder: launch.folder.clone(),
            source: Arc::new(source),
        })?;
        let awaited = match &launch.ready {
            Some(Ready::Prints(text)) => Some(with_port(text, port)),
            _ => None,
        };
        let output = Output::new(secrets(&launch, port), awaited.clone());
        let url = match &launch.ready {
            Some(Ready::Responds(url)) => Url::parse(&with_port(url, port)).ok(),
            _ => None,
        };
        let condition = match (awaited, url) {
            (Some(text), _) => Condition::Prints(text, output.clone()),
            (None, Some(url)) => Condition::Responds(url),
            (None, None) => Condition::Accepts(address),
        };
        let mut readers = JoinSet::new();
        let mut pipes = Vec::new();
        if let Some(pipe) = family.stdout() {
            pipes.extend(pipe.as_fd().try_clone_to_owned());
            readers.spawn(output.clone().follow(pipe, Stream::Output));
        }
        if let Some(pipe) = family.stderr() {
            pipes.extend(pipe.as_fd().try_clone_to_owned());
            readers.spawn(output.clone().follow(pipe, Stream::Error));
        }
        let (stop, stopped) = watch::channel(false);
        let (told, life) = watch::channel(Life::Running);
        tokio::spawn(live(family, readers, [stopped, ending], told, held));
        let app = Self {
            launch,
            started: jiff::Timestamp::now(),
            port,
            output,
            pipes,
            life,
            stop,
        };
        app.ready(&condition).await?;
        Ok(app)
    }

    async fn ready(&self, condition: &Condition) -> Result<(), LaunchError> {
        let Launch {
            folder,
            ready_within,
            ..
        } = &self.launch;
        let (command, folder) = (self.command(), folder.clone());
        let met = tokio::select! {
            biased;
            ended = self.ended() => {
                return Err(LaunchError::Ended { command, folder, ended, printed: self.printed_since(0) });
            }
            () = self.over() => return Err(LaunchError::Interrupted(command)),
            met = timeout(*ready_within, condition.met()) => met,
        };
        if met.is_ok() {
            // What a process leaves behind may be ready after it: the app has ended all the same.
            if matches!(*self.life.borrow(), Life::Running) {
                return Ok(());
            }
            let ended = self.ended().await;
            return Err(LaunchError::Ended {
                command,
                folder,
                ended,
                printed: self.printed_since(0),
            });
        }
        self.end().await;
        Err(LaunchError::NotReady {
            command,
            folder,
            within: Time(*ready_within),
            missing: condition.missing(),
            printed: self.printed_since(0),
        })
    }

    /// The command it was started with, as [`Launch::name`] says it.
    pub fn command(&self) -> String {
        self.launch.name()
    }

    /// How it was started.
    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// When it was started, as people read it.
    pub(super) fn since(&self) -> String {
        self.started.strftime("%H:%M:%S UTC").to_string()
    }

    /// The port in its address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until everything it has printed before now is among its lines.
    pub async fn caught_up(&self) {
        tokio::select! {
            () = self.output.caught_up(&self.pipes) => {}
            // Nobody reads any more.
            () = self.over() => {}
        }
    }

    /// How many lines it has printed so far.
    pub fn printed(&self) -> usize {
        self.output.count()
    }

    /// The lines it has printed after the first `count`, as far as they are kept.
    pub fn printed_since(&self, count: usize) -> Vec<Printed> {
        self.output.since(count)
    }

    /// What no report may show: what it was given in its environment.
    pub fn secrets(&self) -> impl Iterator<Item = String> + '_ {
        self.output.secrets().texts().iter().cloned()
    }

    /// How it ended by itself, if it has.
    pub fn has_ended(&self) -> Option<Ended> {
        self.life.borrow().ended()
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&self) -> Ended {
        let mut life = self.life.clone();
        let ended = life.wait_for(|life| life.ended().is_some()).await;
        match ended.ok().and_then(|life| life.ended()) {
            Some(ended) => ended,
            // It was asked to end.
            None => std::future::pending().await,
        }
    }

    /// How it ended by itself, if it has, or is about to: it no longer listens.
    pub async fn is_ending(&self) -> Option<Ended> {
        match self.launch.address.at(self.port) {
            Ok(address) if address.accepts().await => self.has_ended(),
            _ => timeout(LAST_BREATH, self.ended()).await.ok(),
        }
    }

    /// That it has ended by itself and how, with the end of what it printed, where it is known by now.
    pub fn obituary(&self) -> Option<String> {
        let ended = self.has_ended()?;
        Some(obituary(&self.command(), &ended, &self.output))
    }

    /// Its obituary once it has ended by itself; none where it is asked to end. The app is not held by it.
    pub(super) fn last_words(&self) -> impl Future<Output = Option<String>> + Send + use<> {
        let (command, output) = (self.command(), self.output.clone());
        let mut life = self.life.clone();
        async move {
            let over = life
                .wait_for(|life| !matches!(life, Life::Running | Life::Ending))
                .await;
            let ended = over.ok()?.ended()?;
            Some(obituary(&command, &ended, &output))
        }
    }

    /// Ends it with everything it started, and waits until nothing is left.
    pub async fn end(&self) {
        self.stop.send_replace(true);
        self.over().await;
    }

    /// Waits until nothing is left of it.
    async fn over(&self) {
        let mut life = self.life.clone();
        // The sender is dropped when it is gone, at the latest.
        let _ = life.wait_for(|life| matches!(life, Life::Over(_))).await;
    }
}

fn obituary(command: &str, ended: &Ended, output: &Output) -> String {
    let printed = error::end_of(&output.since(0), LAST_LINES);
    format!("`{command}` {ended} at {}{printed}", ended.at())
}

impl Life {
    fn ended(&self) -> Option<Ended> {
        match self {
            Self::Running | Self::Ending => None,
            Self::Ended(ended) => Some(ended.clone()),
            Self::Over(ended) => ended.clone(),
        }
    }
}

/// Watches over an app until nothing is left of it. It ends with the first of `stopped` that is set.
async fn live(
    mut family: Family,
    mut readers: JoinSet<()>,
    [mut stopped, mut ending]: [watch::Receiver<bool>; 2],
    told: watch::Sender<Life>,
    held: Option<OwnedMutexGuard<()>>,
) {
    let status = tokio::select! {
        status = family.wait() => Some(status),
        // An error is a dropped handle: nobody needs the app any more.
        _ = stopped.wait_for(|stopped| *stopped) => None,
        () = is_set(&mut ending) => None,
    };
    let ended = status.map(|status| Ended {
        how: status.map_or_else(|error| format!("was lost: {error}"), how),
        at: jiff::Timestamp::now(),
    });
    if let Some(ended) = &ended {
        told.send_replace(Life::Ending);
        // What it printed before belongs to the news of its end.
        last_words(&mut readers).await;
        told.send_replace(Life::Ended(ended.clone()));
    }
    family.end().await;
    last_words(&mut readers).await;
    drop(held);
    told.send_replace(Life::Over(ended));
    drop(ending);
}

/// Waits until it is set, for ever where nobody is left who could.
async fn is_set(ending: &mut watch::Receiver<bool>) {
    if ending.wait_for(|ending| *ending).await.is_err() {
        std::future::pending().await
    }
}

async fn last_words(readers: &mut JoinSet<()>) {
    let all = async { while readers.join_next().await.is_some() {} };
    // Where they do not come in time there are none.
    let _ = timeout(LAST_WORDS, all).await;
}

fn how(status: std::process::ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// The port of its address, or a free one.
async fn port_of(launch: &Launch) -> Result<u16, LaunchError> {
    if let Some(port) = launch.address.fixed_port() {
        return Ok(port);
    }
    let port = async {
        tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await?
            .local_addr()
    };
    let address = port.await;
    let address = address.map_err(|error| LaunchError::Resources(Arc::new(error)))?;
    Ok(address.port())
}

fn spawn(launch: &Launch, port: u16) -> std::io::Result<Family> {
    let mut command = Command::new("sh");
    command
        .args(["-c", &launch.command])
        .current_dir(&launch.folder)
        .envs(launch.env_with(port))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Family::spawn(command)
}

/// What it was given and nobody may read: of its own environment, and of this process's, which it inherits.
fn secrets(launch: &Launch, port: u16) -> Secrets {
    let inherited = std::env::vars_os().map(|(name, value)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    });
    let mut env: std::collections::BTreeMap<String, String> = inherited.collect();
    env.extend(launch.env_with(port));
    Secrets::of(&env)
}

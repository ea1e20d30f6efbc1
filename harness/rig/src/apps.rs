//! The user's own apps of one rig: borrowed from those of the run, or started for this rig alone.

use std::sync::Arc;

use edgeproof_origin::launch::{Ended, Launch, Printed, RunningApp, Start};

use super::{Description, Environment, RigError};

/// An app that a rig uses.
#[derive(Debug)]
pub struct BorrowedApp {
    /// The zone and the host it stands behind; the first, where there are several.
    pub zone: String,
    /// The host that it stands behind.
    pub host: String,
    process: Arc<RunningApp>,
    /// Lines it had printed before.
    printed_before: usize,
}

/// The apps of a description, each started and ready. One at a time and in the order of their ports, so that of two rigs
/// that want two ports each, none waits for the other.
pub(super) async fn borrow(
    environment: &Environment,
    description: &Description,
) -> Result<Vec<BorrowedApp>, RigError> {
    let mut wanted: Vec<(&str, &str, &Launch)> = Vec::new();
    for (zone, described) in &description.zones {
        for (host, behind) in &described.hosts {
            let launch = behind.app.as_ref().and_then(|app| app.launch.as_ref());
            if let Some(launch) = launch
                && !wanted.iter().any(|(.., known)| *known == launch)
            {
                wanted.push((zone, host, launch));
            }
        }
    }
    wanted.sort_by_key(|(.., launch)| launch.address.fixed_port());
    let mut apps = Vec::new();
    for (zone, host, launch) in wanted {
        let process = environment.apps.lend(launch).await?;
        apps.push(BorrowedApp {
            zone: zone.to_owned(),
            host: host.to_owned(),
            // What an app prints that is started for this rig alone belongs to it from the first line.
            printed_before: match launch.start {
                Start::Once => process.printed(),
                Start::EachScenario => 0,
            },
            process,
        });
    }
    Ok(apps)
}

impl BorrowedApp {
    /// The process.
    pub(super) fn process(&self) -> &Arc<RunningApp> {
        &self.process
    }

    /// The command it was started with.
    pub fn command(&self) -> String {
        self.process.command()
    }

    /// How it ended by itself, if it has, or is about to: where it no longer listens, that is waited for.
    pub async fn is_ending(&self) -> Option<Ended> {
        self.process.is_ending().await
    }

    /// What it has printed since this rig uses it.
    pub async fn printed(&self) -> Vec<Printed> {
        self.process.caught_up().await;
        self.process.printed_since(self.printed_before)
    }

    /// What no report may show.
    pub fn secrets(&self) -> impl Iterator<Item = String> + '_ {
        self.process.secrets()
    }

    /// Ends what was started for this rig alone; lets go of the rest.
    pub(super) async fn give_back(self) {
        if self.process.launch().start == Start::EachScenario {
            self.process.end().await;
        }
    }
}

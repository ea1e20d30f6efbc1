//! `edgeproof up`: a rig that keeps running, for one's own browser and curl.

use std::{fmt::Write as _, io::Write as _, path::PathBuf};

use super::{CliError, interrupt::Interrupt};
use crate::{
    exit,
    origin::launch::{self, Stage},
    process::ScratchDirectory,
    rig::{Door, Environment, Rig},
    scenario::{
        load::{self, Case},
        select::Selection,
    },
    wallarm::Console,
};

/// What can be asked of it.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The scenario whose `given` part is started; its steps are not taken.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Which combination of a matrix: its name contains this. The first where it is absent.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Puts another worker under test: a directory with its main module.
    #[arg(long, value_name = "DIR")]
    worker: Option<PathBuf>,
}

pub(super) async fn up(options: &Options) -> Result<u8, CliError> {
    let selection = Selection {
        filter: options.filter.clone(),
        tags: None,
    };
    let cases = load::load_file(&options.file)?;
    let case = cases
        .into_iter()
        .find(|case| selection.includes(case))
        .ok_or(CliError::NothingSelected)?;
    let apps = launch::Pool::default().telling(|stage| {
        if let Stage::Starting { command, .. } = stage {
            // Where nothing can be written there is nobody to tell.
            let _ = writeln!(anstream::stderr(), "starting `{command}`");
        }
    });
    let environment = super::run::environment(options.worker.clone(), false).await?;
    let environment = environment.with_apps(apps.clone());
    let mut interrupt = Interrupt::listen()?;
    let up = tokio::select! {
        up = Up::start(&environment, &case) => up,
        () = interrupt.pressed() => Err(CliError::Interrupted),
    };
    let up = match up {
        Ok(up) => up,
        Err(error) => {
            apps.end().await;
            return Err(error);
        }
    };
    writeln!(
        anstream::stdout(),
        "{} is up.\n\n{}\nCtrl-C ends it.",
        case.name,
        up.text
    )?;
    interrupt.pressed().await;
    up.rig.stop().await;
    apps.end().await;
    Ok(exit::PASSED)
}

/// A rig with its doors open.
struct Up {
    rig: Rig,
    text: String,
    _doors: Doors,
}

impl Up {
    async fn start(environment: &Environment, case: &Case) -> Result<Self, CliError> {
        let mut given = case.scenario.given.clone();
        // Whoever keeps a rig running may want to deploy to it.
        given.cloudflare.get_or_insert_default();
        let rig = Rig::start(environment, given).await?;
        let doors = Doors::open(&rig).await?;
        Ok(Self {
            text: doors.text(&rig),
            rig,
            _doors: doors,
        })
    }
}

/// One way in for each visitor, and the certificate that makes them trustworthy. All are gone when it is dropped.
pub(super) struct Doors {
    doors: Vec<(String, Door)>,
    console: Console,
    directory: ScratchDirectory,
}

impl Doors {
    /// Opens a door for each visitor of the rig.
    ///
    /// # Errors
    /// When a port cannot be had or the certificate cannot be written.
    pub(super) async fn open(rig: &Rig) -> Result<Self, CliError> {
        let directory = ScratchDirectory::create(&std::env::temp_dir(), "edgeproof-up-")?;
        std::fs::write(
            directory.path().join("ca.pem"),
            rig.authority().certificate_pem(),
        )?;
        let mut doors = Vec::new();
        for visitor in rig.description().visitors.keys() {
            let door = rig.door(visitor).await?;
            doors.push((visitor.clone(), door));
        }
        Ok(Self {
            doors,
            console: Console::open(rig.wallarm().clone()).await?,
            directory,
        })
    }

    /// How to come in, for people.
    pub(super) fn text(&self, rig: &Rig) -> String {
        let description = rig.description();
        let hosts: Vec<&String> = description
            .zones
            .values()
            .flat_map(|zone| zone.hosts.keys().chain(zone.custom_domains.keys()))
            .collect();
        let first = hosts.first().map_or("shop.example", |host| host.as_str());
        let certificate = self.directory.path().join("ca.pem");
        let profile = self.directory.path().join("profile");
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "Its hosts:");
        for host in &hosts {
            let _ = writeln!(text, "  https://{host}/");
        }
        for (visitor, door) in &self.doors {
            let address = door.address();
            let _ = write!(
                text,
                "\nAs {visitor}, at {address}:\n  \
                 curl --cacert {certificate} --connect-to ::{address} https://{first}/\n  \
                 curl --cacert {certificate} --resolve {first}:{port}:{ip} https://{first}:{port}/\n  \
                 chromium --user-data-dir={profile} --host-resolver-rules='MAP * {address}' \
                 --ignore-certificate-errors-spki-list={key} https://{first}/\n",
                certificate = certificate.display(),
                profile = profile.display(),
                port = address.port(),
                ip = address.ip(),
                key = rig.authority().spki_sha256_base64(),
            );
        }
        let _ = writeln!(
            text,
            "\nThe attacks its filtering node has found:\n  edgeproof attacks {}",
            self.console.address()
        );
        if let Some(plane) = rig.control_plane() {
            let _ = writeln!(
                text,
                "\nTo deploy to it with wrangler or `edgeproof deploy`:\n  \
                 export CLOUDFLARE_API_BASE_URL={}\n  \
                 export CLOUDFLARE_ACCOUNT_ID={}\n  \
                 export CLOUDFLARE_API_TOKEN={}\n  \
                 export FINGERPRINT_MANAGEMENT_API_BASE_URL=http://{}\n  \
                 export FINGERPRINT_MANAGEMENT_API_KEY={}",
                plane.base_url(),
                plane.account_id(),
                plane.token().reveal(),
                rig.fingerprint().address(),
                rig.fingerprint().management_key(),
            );
        }
        text
    }
}

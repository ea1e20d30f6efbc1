//! `edgeproof up`: a rig that keeps running, for one's own browser and curl. It prints what its workers log and throw
//! meanwhile, and the attacks that the filtering node finds.

use std::{
    fmt::Write as _,
    io::{self, Write},
    num::NonZeroU32,
    path::PathBuf,
    sync::Arc,
};

use edgeproof_ground::{
    process::{ScratchDirectory, write_private},
    visible::visible,
};
use edgeproof_origin::launch::{self, Stage};
use edgeproof_rig::{Environment, Followed, LogLine, Rig, VisitorDoor};
use edgeproof_run::{
    exit,
    redact::{Redactor, Secrets},
};
use edgeproof_scenario::{load::Case, select::Selection};
use edgeproof_wallarm::{Attack, WallarmNode};

use super::{CliError, console::Console, interrupt::Interrupt, printer::Printer, reading::Reading};

/// The options of `up`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The scenario whose `given` part is started. Its steps are not run; it may be without.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    reading: Reading,
    /// The combination of a matrix whose name contains this [default: the first].
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Uses another worker: a folder, a script (.js, .mjs, .ts), or a wrangler.json, .jsonc or .toml, with #NAME for one of
    /// its environments.
    #[arg(long, value_name = "PATH")]
    worker: Option<PathBuf>,
    /// Keeps so many MiB of what happened, whatever the file says [default: its `memory_mb`, or 64].
    #[arg(long, value_name = "MIB", value_parser = super::run::megabytes)]
    memory_mb: Option<NonZeroU32>,
    /// Opens the inspector of the runtime, so that DevTools can look into the workers, and prints its address.
    #[arg(long)]
    inspect: bool,
    /// Opens a console: a page of this machine that shows each call while it happens, and what can be changed of the rig; prints
    /// its address.
    #[arg(long)]
    console: bool,
    /// Prints each attack as a line of JSON, with every recorded hit; everything else goes to standard error.
    #[arg(long)]
    json: bool,
}

pub(super) async fn up(options: &Options) -> Result<u8, CliError> {
    let selection = Selection {
        filter: options.filter.clone(),
        tags: None,
        another_worker: false,
    };
    let cases = options.reading.load_description(&options.file)?;
    let case = cases
        .into_iter()
        .find(|case| selection.includes(case))
        .ok_or(CliError::NothingSelected)?;
    let apps = launch::Pool::default().telling(|stage| {
        let told = match stage {
            Stage::Starting { command, .. } => format!("starting `{command}`"),
            Stage::Ended { obituary } => format!("{obituary}\nIt is not started again."),
            Stage::Started { .. } | Stage::Kept { .. } => return,
        };
        // Where nothing can be written there is nobody to tell.
        let _ = writeln!(anstream::stderr(), "{told}");
    });
    let needed = case.scenario.may_run_worker_under_test();
    let environment = super::run::environment(options.worker.clone(), needed, false).await?;
    let environment = environment
        .with_apps(apps.clone())
        .allowing_missing_bindings(options.reading.allows_missing_bindings())
        .inspected(options.inspect)
        .keeping_megabytes(options.memory_mb);
    let mut interrupt = Interrupt::listen()?;
    let up = tokio::select! {
        up = Up::start(&environment, &case) => up,
        ended = interrupt.pressed() => Err(ended),
    };
    let up = match up {
        Ok(up) => up,
        Err(error) => {
            apps.end().await;
            return Err(error);
        }
    };
    let console = match options.console {
        true => {
            let (rig, doors) = (Arc::clone(&up.rig), up.text.clone());
            let run = options.reading.command("run", options.worker.as_deref());
            Some(Console::open(rig, case.clone(), doors, run).await?)
        }
        false => None,
    };
    let look = console.as_ref().map(|console| {
        let url = console.url();
        format!("\nIts console, for you alone:\n  {url}\n")
    });
    let text = format!(
        "{} is up.\n\n{}{}\nPress Ctrl-C to stop it.",
        case.name,
        up.text,
        look.unwrap_or_default()
    );
    if options.json {
        writeln!(anstream::stderr(), "{text}")?;
    } else {
        writeln!(anstream::stdout(), "{text}")?;
    }
    let out = Printer::to(anstream::stdout());
    let log = match options.json {
        true => Printer::to(anstream::stderr()),
        false => out.clone(),
    };
    let redactor = Secrets::of_scenario(&case.node).redactor();
    let mut read = Vec::new();
    let lines = async || up.rig.follow_log(&mut read).await;
    tokio::select! {
        () = print_inspectors(&up.rig) => {}
        printed = print_attacks(up.rig.wallarm(), options.json, &out) => printed?,
        printed = print_log(lines, &redactor, &log, |line| {
            if let Some(console) = &console {
                console.tell(line);
            }
        }) => printed?,
        _ = interrupt.pressed() => {}
    }
    if let Some(console) = console {
        console.close().await;
    }
    if let Some(rig) = Arc::into_inner(up.rig) {
        rig.stop().await;
    }
    apps.end().await;
    Ok(exit::PASSED)
}

/// Prints where DevTools find the workers, whenever that changes: what is deployed anew runs in another process.
async fn print_inspectors(rig: &Rig) {
    let mut inspectors = rig.inspectors();
    loop {
        let address = *inspectors.borrow_and_update();
        if let Some(address) = address {
            let mut text =
                format!("DevTools for the workers, which chrome://inspect lists at {address}:\n");
            for worker in rig.description().deployments.keys() {
                let _ = writeln!(
                    text,
                    "  devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws={address}/{worker}"
                );
            }
            // Where nothing can be written there is nobody to tell.
            let _ = write!(anstream::stderr(), "{text}");
        }
        if inspectors.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Prints every line that a worker or its runtime writes, until the output is closed, and tells it.
async fn print_log(
    mut lines: impl AsyncFnMut() -> Followed,
    redactor: &Redactor,
    out: &Printer,
    tell: impl Fn(&LogLine),
) -> io::Result<()> {
    loop {
        let Followed { missed, lines } = lines().await;
        let mut text = String::new();
        if missed > 0 {
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "worker: {missed} lines are left out: they came faster than they could be printed"
            );
        }
        for line in lines {
            tell(&line);
            let message = visible(&redactor.text(&line.message)).replace('\n', "\n  ");
            let _ = writeln!(text, "worker: {message}");
        }
        out.print(text).await?;
    }
}

/// Prints every attack that is found or has another hit, until the output is closed.
async fn print_attacks(node: &WallarmNode, json: bool, out: &Printer) -> io::Result<()> {
    let mut printed = 0;
    loop {
        let mut news: Vec<Attack> = Vec::new();
        node.until(|node| {
            (news, printed) = node.attacks_since(printed);
            !news.is_empty()
        })
        .await;
        for attack in news {
            let line = match json {
                true => serde_json::to_string(&attack).map_err(io::Error::other)?,
                false => attack.to_string(),
            };
            out.print(line + "\n").await?;
        }
    }
}

/// A rig with its doors open.
struct Up {
    rig: Arc<Rig>,
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
            rig: Arc::new(rig),
            _doors: doors,
        })
    }
}

/// One way in for each visitor, and the certificate that makes them trustworthy. All are gone when it is dropped.
pub(super) struct Doors {
    doors: Vec<(String, VisitorDoor)>,
    directory: ScratchDirectory,
}

impl Doors {
    /// Opens a door for each visitor of the rig.
    ///
    /// # Errors
    /// When a port cannot be had or the certificate cannot be written.
    pub(super) async fn open(rig: &Rig) -> Result<Self, CliError> {
        let parent = std::env::temp_dir();
        let directory = ScratchDirectory::create(&parent, "edgeproof-up-");
        let directory = directory.map_err(CliError::write(&parent))?;
        let file = directory.path().join("ca.pem");
        let written = write_private(&file, rig.authority().certificate_pem());
        written.map_err(CliError::write(&parent))?;
        let mut doors = Vec::new();
        for visitor in rig.description().visitors.keys() {
            let door = rig.door(visitor).await?;
            doors.push((visitor.clone(), door));
        }
        Ok(Self { doors, directory })
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
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "Its hosts:");
        for host in &hosts {
            let _ = writeln!(text, "  https://{host}/");
        }
        for (visitor, door) in &self.doors {
            let address = door.address();
            // One browser is one visitor.
            let profile = format!("profile-{}", address.port());
            let profile = self.directory.path().join(profile);
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
        let attacks = rig.wallarm().attacks();
        if !attacks.is_empty() {
            let _ = writeln!(text, "\nThe attacks its filtering node has found:");
        }
        for attack in attacks {
            let _ = writeln!(text, "  {attack}");
        }
        if let Some(plane) = rig.control_plane() {
            let _ = writeln!(
                text,
                "\nTo read its events through Fingerprint's Server API:\n  \
                 export FINGERPRINT_SERVER_API_BASE_URL=http://{}\n  \
                 export FINGERPRINT_SERVER_API_KEY={}\n\n\
                 To deploy to it with wrangler or `edgeproof deploy`:\n  \
                 export CLOUDFLARE_API_BASE_URL={}\n  \
                 export CLOUDFLARE_ACCOUNT_ID={}\n  \
                 export CLOUDFLARE_API_TOKEN={}\n  \
                 export FINGERPRINT_MANAGEMENT_API_BASE_URL=http://{}\n  \
                 export FINGERPRINT_MANAGEMENT_API_KEY={}",
                rig.fingerprint().address(),
                rig.fingerprint().keys().secret,
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

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use edgeproof_ground::body;
    use edgeproof_internet::Handler;
    use edgeproof_rig::{LogLevel, LogSource};
    use edgeproof_test_support::wait::until;
    use edgeproof_wallarm::NodeSettings;
    use http::Request;
    use tokio::sync::Notify;

    use super::*;

    /// Gives each line to the test.
    struct Lines(mpsc::Sender<String>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let line = String::from_utf8_lossy(bytes).into_owned();
            self.0.send(line).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn lines_of_logs_are_printed_as_a_terminal_can_take_them() {
        let messages = [
            "saw /signup",
            "Uncaught TypeError: no\n    at f (a.ts:1:2)\u{1b}[2J",
        ];
        let line = |message: &str| LogLine {
            at: std::time::Instant::now(),
            level: LogLevel::Info,
            message: message.to_owned(),
            source: LogSource::Console,
        };
        let mut told = Some(Followed {
            missed: 3,
            lines: messages.map(line).into(),
        });
        let all = Notify::new();
        let lines = async || match told.take() {
            Some(told) => told,
            None => {
                all.notify_one();
                std::future::pending().await
            }
        };
        let (sender, printed) = mpsc::channel();
        let redactor = Redactor::default();
        let out = Printer::to(io::LineWriter::new(Lines(sender)));
        tokio::select! {
            ended = print_log(lines, &redactor, &out, |_| {}) => panic!("{ended:?}"),
            () = all.notified() => {}
        }
        let printed: String = printed.try_iter().collect();
        assert_eq!(
            printed,
            "worker: 3 lines are left out: they came faster than they could be printed\nworker: saw /signup\nworker: Uncaught TypeError: no\n      at f (a.ts:1:2)␛[2J\n"
        );
    }

    #[tokio::test]
    async fn an_attack_is_printed_when_it_is_found_and_with_every_further_hit() {
        let node = WallarmNode::new(NodeSettings::default());
        let (sender, lines) = mpsc::channel();
        let out = Printer::to(io::LineWriter::new(Lines(sender)));
        let printing = print_attacks(&node, false, &out);
        let visiting = async {
            let mut seen = Vec::new();
            for (path, printed) in [
                ("/a?q=%3Cscript%3E", 1),
                ("/harmless", 1),
                ("/a?q=%3Cscript%3E", 2),
            ] {
                let request = Request::get(format!("http://shop.example{path}"))
                    .header("host", "shop.example")
                    .body(body::empty())
                    .unwrap();
                node.handle(request).await.unwrap();
                until("a line is printed", || {
                    seen.extend(lines.try_iter());
                    seen.len() >= printed
                })
                .await;
            }
            seen
        };
        let seen = tokio::select! {
            // Printing goes first, so that it has its turn after each request.
            biased;
            printed = printing => panic!("{printed:?}"),
            seen = visiting => seen,
            () = tokio::time::sleep(Duration::from_secs(20)) => panic!("nothing was printed"),
        };
        let starts = [
            "xss at query.q of shop.example/a: not blocked, 1 hit with 1 payload, latest ",
            "xss at query.q of shop.example/a: not blocked, 2 hits with 1 payload, latest ",
        ];
        assert_eq!(seen.len(), 2, "{seen:?}");
        for (line, start) in seen.iter().zip(starts) {
            assert!(line.starts_with(start), "{line}");
            assert!(line.ends_with(" from 0.0.0.0\n"), "{line}");
        }
    }
}

//! `edgeproof record`: a scenario from what one does in a browser.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
};

use edgeproof_browser::{BrowserError, Engine, PageError, Profile, Sight};
use edgeproof_deployment::ProtectedApi;
use edgeproof_ground::shell;
use edgeproof_origin::{Address, launch};
use edgeproof_record::{
    Deeds, Recording, RecordingError, Session, World, WorldError, of_session, world::Site,
};
use edgeproof_rig::{BrowserVisit, Rig, RigError};
use edgeproof_run::exit;
use edgeproof_scenario::load::Case;
use jiff::Timestamp;
use tokio::time::Duration;
use url::Url;

use super::{
    CliError,
    interrupt::Interrupt,
    new::{self, NewError},
    project,
    reading::Reading,
};

/// How long the first page may take.
const FIRST_PAGE: Duration = Duration::from_secs(60);

/// How long what was done last may have consequences, once one is done with recording.
const LAST_CALLS: Duration = Duration::from_secs(3);

/// The options of `record`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The page to begin with [default: the first host of --given].
    #[arg(value_name = "URL", required_unless_present = "given")]
    url: Option<Url>,
    /// The scenario whose `given` part is started and stands in the recording too. Its steps are not run.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["app", "protect"])]
    given: Option<PathBuf>,
    /// Your own application, the origin behind the edge.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    app: Address,
    /// Protects this API, such as `POST /api/create-account`, and puts the instrumentation into the page. Can be given several
    /// times.
    #[arg(long, value_name = "API")]
    protect: Vec<String>,
    /// Who visits, of the visitors that come with a browser [default: the first].
    #[arg(long = "as", value_name = "VISITOR")]
    visitor: Option<String>,
    /// Uses another worker, as `run` does.
    #[arg(long, value_name = "PATH")]
    worker: Option<PathBuf>,
    /// Shows no window: a program acts in the browser, at the address that is printed.
    #[arg(long)]
    headless: bool,
    /// The file to write [default: a name from the page].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// Why nothing is recorded.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    /// There is nothing to show a window on.
    #[error(
        "there is no display to show a browser on; with --headless a program can act in it, such as Playwright with connectOverCDP"
    )]
    NoDisplay,
    /// Paths would not mean the same.
    #[error("`{}` is not in the folder of `{}`, whose paths the recording has; write it there", out.display(), given.display())]
    Elsewhere {
        /// Where it was to be written.
        out: PathBuf,
        /// The file with the world.
        given: PathBuf,
    },
    /// Nobody has a browser.
    #[error("no visitor of `{}` comes with a browser; give one `profile: regular`", .0.display())]
    NoVisitor(PathBuf),
    /// There is no page to begin with.
    #[error("`{}` has no host; name the page to begin with", .0.display())]
    NoHost(PathBuf),
    /// The recording, or its file.
    #[error(transparent)]
    Recording(#[from] RecordingError),
}

impl From<RecordError> for CliError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Recording(RecordingError::Load(error)) => Self::Load(error),
            other => Self::Usage(Box::new(other)),
        }
    }
}

pub(super) async fn record(options: &Options) -> Result<u8, CliError> {
    if !options.headless && !has_display() {
        return Err(RecordError::NoDisplay.into());
    }
    let world = world(options)?;
    let out = out(options)?;
    let case = options.reading.load_world(&out, &world.text())?;
    let visitor = visitor(options, &case, &out)?;
    let page = first_page(options, &case)?;
    let apps = launch::Pool::default();
    let needed = case.scenario.may_run_worker_under_test();
    let worker = options.worker.clone();
    let environment = super::run::environment(worker, needed, !options.headless).await?;
    let environment = environment
        .with_apps(apps.clone())
        .allowing_missing_bindings(options.reading.allows_missing_bindings());
    let mut interrupt = Interrupt::listen()?;
    let given = case.scenario.given.clone();
    let started = tokio::select! {
        started = Rig::start(&environment, given) => started.map_err(CliError::from),
        ended = interrupt.pressed() => Err(ended),
    };
    let recorded = match started {
        Ok(rig) => {
            let has_window = !options.headless;
            let recorded = watch(&rig, &visitor, &page, has_window, &mut interrupt).await;
            rig.stop().await;
            recorded
        }
        Err(error) => Err(error),
    };
    apps.end().await;
    let title = format!("Recorded at {page} on {}", Timestamp::now().strftime("%F"));
    let name = out.file_stem().unwrap_or_default().to_string_lossy();
    let recording = of_session(&world, &name, &title, &recorded?).map_err(RecordError::from)?;
    finish(
        &recording,
        &out,
        &options.reading,
        options.worker.as_deref(),
    )?;
    Ok(exit::PASSED)
}

/// Whether a window can be shown.
fn has_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// What the recording starts from.
fn world(options: &Options) -> Result<World, CliError> {
    if let Some(file) = &options.given {
        let WorldError::Load(error) = match World::of_file(file) {
            Ok(world) => return Ok(world),
            Err(error) => error,
        };
        return Err(CliError::Load(error));
    }
    let Some(page) = &options.url else {
        return Err(CliError::NothingSelected);
    };
    let host = new::host(page)?;
    let apis = options.protect.iter().map(|api| new::api(api, host));
    let apis: Vec<ProtectedApi> = apis.collect::<Result<_, NewError>>()?;
    let hosts = apis.iter().filter_map(|api| api.url.split('/').next());
    let mut hosts: Vec<&str> = std::iter::once(host).chain(hosts).collect();
    hosts.dedup();
    let zoned = |host: &str| Ok((host.to_owned(), new::zone(host)?));
    let star = page.query().map_or("", |_| "*");
    let site = Site {
        hosts: hosts
            .into_iter()
            .map(zoned)
            .collect::<Result<_, NewError>>()?,
        app: options.app.to_string(),
        allow: (!options.app.is_loopback()).then(|| options.app.host().to_owned()),
        pages: vec![format!("{host}{}{star}", page.path())],
        apis: apis
            .iter()
            .map(|api| format!("{} {}", api.method, api.url))
            .collect(),
    };
    Ok(World::of_site(&site).with_visitor("ann", "regular"))
}

/// The file to write: where the paths of the world mean what they meant, and where none is yet.
fn out(options: &Options) -> Result<PathBuf, CliError> {
    let given = options.given.as_deref();
    let folder = match given {
        Some(given) => given.parent().unwrap_or(Path::new("")).to_owned(),
        None => project::folder_of_scenarios()?,
    };
    let Some(out) = &options.out else {
        let name = options
            .url
            .as_ref()
            .map_or("recorded".to_owned(), new::name);
        let mut names = std::iter::once(name.clone())
            .chain((2..).map(|number: u32| format!("{name}_{number}")));
        let free = names.find(|name| !folder.join(format!("{name}.yaml")).exists());
        return Ok(folder.join(format!("{}.yaml", free.unwrap_or(name))));
    };
    if let Some(given) = given
        && out.parent() != given.parent()
    {
        let (out, given) = (out.clone(), given.to_owned());
        return Err(RecordError::Elsewhere { out, given }.into());
    }
    if out.exists() {
        return Err(RecordError::from(RecordingError::Exists(out.clone())).into());
    }
    Ok(out.clone())
}

fn visitor(options: &Options, case: &Case, out: &Path) -> Result<String, CliError> {
    let visitors = &case.scenario.given.visitors;
    let named = options.visitor.clone();
    let mut with_browser = visitors
        .iter()
        .filter(|(_, visitor)| visitor.profile != Profile::Http);
    let first = || with_browser.next().map(|(name, _)| name.clone());
    let none = || RecordError::NoVisitor(options.given.clone().unwrap_or(out.to_owned()));
    Ok(named.or_else(first).ok_or_else(none)?)
}

fn first_page(options: &Options, case: &Case) -> Result<String, CliError> {
    if let Some(url) = &options.url {
        return Ok(url.to_string());
    }
    let host = case.scenario.hosts().next();
    let none = || RecordError::NoHost(options.given.clone().unwrap_or_default());
    Ok(format!("https://{}/", host.ok_or_else(none)?))
}

/// Lets the person or program act until the page is closed, or Ctrl-C is pressed.
async fn watch(
    rig: &Rig,
    visitor: &str,
    url: &str,
    has_window: bool,
    interrupt: &mut Interrupt,
) -> Result<Session, CliError> {
    let visit = rig.browser(visitor).await?;
    let mut told = visit.record().await.map_err(|error| browser(&error))?;
    if has_window {
        visit.leave_dialogs();
    }
    let mut deeds = Deeds::default();
    visit
        .visit(url, FIRST_PAGE)
        .await
        .map_err(|error| browser(&error))?;
    announce(&visit, visitor)?;
    {
        let closed = visit.closed();
        tokio::pin!(closed);
        loop {
            tokio::select! {
                deed = told.next() => match deed {
                    Some(deed) => deeds.push(deed),
                    None => break,
                },
                () = &mut closed => break,
                _ = interrupt.pressed() => break,
            }
        }
    }
    // What was clicked last may still lead to something.
    let _ = visit.input(LAST_CALLS).wait_for(&Sight::Idle).await;
    for deed in told.rest().await {
        deeds.push(deed);
    }
    Ok(Session::of(rig, &visit, deeds, visitor))
}

fn announce(visit: &BrowserVisit, visitor: &str) -> io::Result<()> {
    let mut err = anstream::stderr();
    writeln!(
        err,
        "recording what {visitor} does; close the page or press Ctrl-C to end it"
    )?;
    if let Some(address) = visit.devtools() {
        writeln!(err, "a program can act in the browser at {address}")?;
    }
    Ok(())
}

fn browser(error: &PageError) -> CliError {
    let error = BrowserError::Protocol {
        engine: Engine::default(),
        reason: error.to_string(),
    };
    RigError::Browser(error).into()
}

/// Writes the recording, and says what it needs and what is next: it is read and run as it was recorded.
pub(super) fn finish(
    recording: &Recording,
    out: &Path,
    reading: &Reading,
    worker: Option<&Path>,
) -> Result<(), CliError> {
    recording.write(out).map_err(RecordError::from)?;
    recording.check(out).map_err(RecordError::from)?;
    new::write_schema(out)?;
    let mut text = anstream::stdout();
    writeln!(text, "{} is written. Next:", out.display())?;
    for name in recording.hidden.names() {
        writeln!(
            text,
            "  export {name}=…    # what was typed or sent; no secret stands in the file"
        )?;
    }
    let file = shell::quoted(&out.display().to_string());
    let (check, run) = (
        reading.command("check", None),
        reading.command("run", worker),
    );
    writeln!(text, "  {check} {file}\n  {run} {file}")?;
    Ok(())
}

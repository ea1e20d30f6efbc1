//! `edgeproof probe`: finds the ways past a protection before somebody else does.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use edgeproof_deployment::ProtectedApi;
use edgeproof_origin::{App, AppError, launch};
use edgeproof_probe::{
    Call, CallError, Content, FORMAT, Framework, Options as ProbeOptions, Outcome, PROBER,
    Progress, Sign, fix, frameworks, probe_all,
};
use edgeproof_report::{
    probe::{self as report, Fixed, Probed},
    target,
};
use edgeproof_rig::{Description, Visitor};
use edgeproof_run::exit;
use http::{HeaderName, HeaderValue, Method};
use serde_json::json;

use super::{
    CliError, Context,
    account::{as_deployed, as_described},
    bench::Html,
    described::description,
    interrupt::unless_ended,
    reading::Reading,
    saved,
};

/// What stands behind the edge where only a measured framework is asked.
const ANY_SITE: &str = "signup";

/// The options of `probe`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A scenario, a deployment file, or a file with `zones` and `deployments`.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The call to probe, such as `POST shop.example/api/login` [default: each protected API, by its plainest call].
    #[arg(long, value_name = "CALL")]
    call: Option<String>,
    /// Your app, in place of what the file has behind the edge. It gets thousands of calls, and runs those that are holes.
    #[arg(long, value_name = "URL", conflicts_with = "origin")]
    app: Option<String>,
    /// Allows an app that is not on this machine, by the name of its host.
    #[arg(long, value_name = "HOST", requires = "app")]
    allow: Option<String>,
    /// In place of an app: a framework that was measured.
    #[arg(long, value_name = "FRAMEWORK")]
    origin: Option<String>,
    /// Probes another worker: a directory with its main module.
    #[arg(long, value_name = "DIR")]
    worker: Option<PathBuf>,
    /// A header of the call. Can be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The content of the call, such as `{"email":"{unique}@shop.example"}`; `{unique}` is another number each time.
    #[arg(long, value_name = "TEXT", default_value = "")]
    body: String,
    /// A command that prints something else once the app has run the call, such as the number of accounts.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["ran_header", "origin"])]
    ran: Option<String>,
    /// A header that the app's response has only where it ran the call.
    #[arg(long, value_name = "NAME", conflicts_with = "origin")]
    ran_header: Option<String>,
    /// Reads first what the zones really have: their normalisation of URLs, routes and DNS records. Nothing there is changed;
    /// the API token of `CLOUDFLARE_API_TOKEN` needs to read only.
    #[arg(long)]
    cloudflare: bool,
    /// Tries the changes that close holes, probes again with them, and prints them.
    #[arg(long)]
    fix: bool,
    /// Accepts the holes that an earlier `--json` has.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Writes everything that was found as JSON, for programs and for `--baseline`.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes a report with every shape: html=FILE.
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    reports: Vec<Html>,
    #[command(flatten)]
    reading: Reading,
}

/// Why nothing was probed.
#[derive(Debug, thiserror::Error)]
enum ProbeCommandError {
    #[error("no deployment of `{}` protects an API", .0.display())]
    NothingProtected(PathBuf),
    #[error(
        "nothing stands behind `{0}`: name your app with `--app URL`, or a framework with `--origin`"
    )]
    NoOrigin(String),
    #[error("no framework `{0}` was measured; these were: {1}")]
    Framework(String, String),
    #[error("a `--header` is `NAME: VALUE`, as HTTP can carry it")]
    Header,
    #[error("`{0}` is no name of a header")]
    HeaderName(String),
    #[error("{0}")]
    App(String),
    #[error("`--call {0}`: {1}")]
    Call(String, String),
    #[error(transparent)]
    Host(#[from] CallError),
}

impl From<ProbeCommandError> for CliError {
    fn from(error: ProbeCommandError) -> Self {
        Self::Usage(Box::new(error))
    }
}

pub(super) async fn probe(context: &Context, options: &Options) -> Result<u8, CliError> {
    let earlier = options.baseline.as_deref().map(read).transpose()?;
    let mut described = description(&options.file, &options.reading)?;
    let notes = match options.cloudflare {
        true => {
            let credentials = &context.credentials;
            let (reader, account) = (credentials.reader()?, credentials.account());
            writeln!(
                anstream::stderr(),
                "Reading what the account has; an API that does not respond is given up after some minutes."
            )?;
            as_deployed(&reader, account, &mut described).await
        }
        false => as_described(&described),
    };
    let framework = options.framework()?;
    options.complete(&mut described, framework)?;
    let apis = options.apis(&described, framework)?;
    let apps = launch::Pool::default();
    let environment = super::run::environment(options.worker.clone(), true, false).await?;
    let environment = environment.with_apps(apps.clone());
    tell(&described)?;
    let mut progress = shown(context.interactive);
    let probing = async {
        let mut outcomes = probe_all(&environment, &described, &apis, &mut progress).await?;
        for outcome in &mut outcomes {
            outcome.notes.extend(notes.iter().cloned());
        }
        accept(&mut outcomes, earlier.as_ref());
        let has_holes = outcomes
            .iter()
            .any(|outcome| outcome.holes().next().is_some());
        let fixed = match options.fix && has_holes {
            false => None,
            true => {
                let fix = fix(&environment, &described, &apis, &outcomes, &mut progress).await?;
                Some(Fixed {
                    changes: fix.mends.iter().map(edgeproof_probe::Mend::says).collect(),
                    yaml: fix
                        .mends
                        .iter()
                        .map(|mend| mend.yaml(&fix.description))
                        .collect(),
                    apis: fix.outcomes,
                })
            }
        };
        Ok::<_, CliError>(Probed::new(outcomes, fixed))
    };
    let probed = unless_ended(probing).await;
    apps.end().await;
    if context.interactive {
        // Where nothing can be written there is nothing to take away.
        let _ = write!(anstream::stderr(), "\r\x1b[2K");
    }
    let probed = probed?;
    show(options, &probed)?;
    let shows_something = probed.apis.iter().all(Outcome::shows_something);
    Ok(match (probed.holes(), shows_something) {
        (0, true) => exit::PASSED,
        _ => exit::FAILED,
    })
}

impl Options {
    fn framework(&self) -> Result<Option<&'static Framework>, ProbeCommandError> {
        let Some(name) = &self.origin else {
            return Ok(None);
        };
        let found = frameworks()
            .iter()
            .find(|framework| framework.name == *name);
        let all = || {
            frameworks()
                .iter()
                .map(|framework| &*framework.name)
                .collect::<Vec<_>>()
        };
        found
            .map(Some)
            .ok_or_else(|| ProbeCommandError::Framework(name.clone(), all().join(", ")))
    }

    /// Gives the description what it lacks: who visits, what stands behind the edge, and the rulesets that are elsewhere.
    fn complete(
        &self,
        described: &mut Description,
        framework: Option<&Framework>,
    ) -> Result<(), ProbeCommandError> {
        described
            .visitors
            .insert(PROBER.to_owned(), Visitor::default());
        for deployment in described.deployments.values_mut() {
            if let (None, Some(worker)) = (&deployment.worker, &self.worker) {
                deployment.worker = Some(worker.to_string_lossy().into_owned());
            }
            if let Some(ruleset) = &deployment.ruleset {
                // Of a deployment file only its id is known; here it lets everybody pass who was identified.
                described.rulesets.entry(ruleset.clone()).or_default();
            }
        }
        let app = self
            .app
            .as_ref()
            .map(|url| app(url, self.allow.as_deref()))
            .transpose()?;
        for (name, host) in described
            .zones
            .values_mut()
            .flat_map(|zone| &mut zone.hosts)
        {
            match (&app, framework) {
                (Some(app), _) => {
                    host.app = Some(app.clone());
                    host.site = None;
                }
                (None, Some(_)) => {
                    host.app = None;
                    host.site = Some(ANY_SITE.to_owned());
                }
                (None, None) if host.app.is_none() && host.site.is_none() => {
                    return Err(ProbeCommandError::NoOrigin(name.clone()));
                }
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// What is probed.
    fn apis<'a>(
        &self,
        described: &Description,
        framework: Option<&'a Framework>,
    ) -> Result<Vec<ProbeOptions<'a>>, ProbeCommandError> {
        let hosts = || {
            described
                .zones
                .values()
                .flat_map(|zone| zone.hosts.keys().map(String::as_str))
        };
        let deployments = described.deployments.values();
        let all = deployments.flat_map(|deployment| &deployment.protected_apis);
        let mut calls = Vec::new();
        for api in all {
            calls.push((
                format!("{} {}", api.method, api.url),
                Call::of(api, hosts())?,
            ));
        }
        if let Some(text) = &self.call {
            let wrong = |why: String| ProbeCommandError::Call(text.clone(), why);
            let named = text
                .parse::<ProtectedApi>()
                .map_err(|error| wrong(error.to_string()))?;
            let named = Call::of(&named, hosts()).map_err(|error| wrong(error.to_string()))?;
            // The API of the deployment that it is a call of; if it is none, that is what the probe shows.
            let is_of = |(_, call): &&(String, Call)| {
                call.method == named.method
                    && call.host == named.host
                    && named.path.starts_with(&call.path)
            };
            let api = calls
                .iter()
                .find(is_of)
                .map_or_else(|| text.clone(), |(api, _)| api.clone());
            calls = vec![(api, named)];
        }
        if calls.is_empty() {
            return Err(ProbeCommandError::NothingProtected(self.file.clone()));
        }
        let content = self.content()?;
        let sign = self.sign()?;
        // Of several calls, the body is for those that have one.
        let has_body =
            |call: &Call| self.call.is_some() || !matches!(call.method, Method::GET | Method::HEAD);
        let content_of = |call: &Call| Content {
            body: match has_body(call) {
                true => content.body.clone(),
                false => String::new(),
            },
            headers: content.headers.clone(),
        };
        let options = calls.into_iter().map(|(api, call)| ProbeOptions {
            api,
            content: content_of(&call),
            call,
            sign: sign.clone(),
            framework,
            visitor: PROBER.to_owned(),
            only: None,
        });
        Ok(options.collect())
    }

    fn content(&self) -> Result<Content, ProbeCommandError> {
        let mut headers: Vec<(String, String)> = Vec::new();
        for text in &self.headers {
            // Its value may be a secret, so no message repeats it.
            let (name, value) = text.split_once(':').ok_or(ProbeCommandError::Header)?;
            let (name, value) = (name.trim(), value.trim());
            HeaderName::try_from(name).map_err(|_| ProbeCommandError::Header)?;
            HeaderValue::try_from(value).map_err(|_| ProbeCommandError::Header)?;
            headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
            headers.push((name.to_owned(), value.to_owned()));
        }
        Ok(Content {
            headers,
            body: self.body.clone(),
        })
    }

    fn sign(&self) -> Result<Sign, ProbeCommandError> {
        Ok(match (&self.ran, &self.ran_header) {
            (Some(command), _) => Sign::Command(command.clone()),
            (None, Some(name)) => {
                let wrong = |_| ProbeCommandError::HeaderName(name.clone());
                Sign::Header(HeaderName::try_from(name).map_err(wrong)?)
            }
            (None, None) => Sign::Response,
        })
    }
}

/// An app of the user's own, on this machine unless its host is allowed.
fn app(url: &str, allow: Option<&str>) -> Result<App, ProbeCommandError> {
    let mut written = json!({ "address": url });
    if let (Some(host), Some(written)) = (allow, written.as_object_mut()) {
        written.insert("allow".to_owned(), host.into());
    }
    let wrong = |error: String| ProbeCommandError::App(error);
    let app: App = serde_json::from_value(written).map_err(|error| wrong(error.to_string()))?;
    app.check().map_err(|error| {
        wrong(match error {
            AppError::NotAllowed(url, host) => {
                format!(
                    "`{url}` is not on this machine; to probe it all the same, add `--allow {host}`"
                )
            }
            other => other.to_string(),
        })
    })?;
    Ok(app)
}

/// Says what is about to happen to an app.
fn tell(described: &Description) -> io::Result<()> {
    let hosts = described.zones.values().flat_map(|zone| &zone.hosts);
    if hosts.into_iter().any(|(_, host)| host.app.is_some()) {
        writeln!(
            anstream::stderr(),
            "The app gets thousands of calls with the header `user-agent: {PROBER}`; those that it runs have their effects."
        )?;
    }
    Ok(())
}

/// Accepts what was known before.
fn accept(outcomes: &mut [Outcome], earlier: Option<&Probed>) {
    for outcome in outcomes {
        outcome.accept(earlier.map_or(&[], |earlier| &earlier.apis));
    }
}

/// Draws how far it is, where somebody watches.
fn shown(interactive: bool) -> impl FnMut(Progress) {
    const WIDTH: usize = 30;
    let mut drawn = usize::MAX;
    move |Progress { done, all }| {
        let filled = done * WIDTH / all.max(1);
        if interactive && (filled != drawn || done == all) {
            drawn = filled;
            let (bar, rest) = ("█".repeat(filled), "░".repeat(WIDTH - filled));
            // Where nothing can be written there is nobody to tell.
            let _ = write!(
                anstream::stderr(),
                "\r\x1b[2K{bar}{rest} {done}/{all} shapes"
            );
        }
    }
}

fn show(options: &Options, probed: &Probed) -> Result<(), CliError> {
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(probed).map_err(io::Error::from);
        target::put(file, text.map(|text| text + "\n"))?;
    }
    for Html(file) in &options.reports {
        target::put(file, Ok(report::html(probed)))?;
    }
    Ok(write!(anstream::stdout(), "{}", report::text(probed))?)
}

fn read(path: &Path) -> Result<Probed, CliError> {
    saved::read(path, |probed: &Probed| probed.format, FORMAT).map_err(|reason| {
        CliError::Baseline {
            path: path.to_owned(),
            reason,
        }
    })
}

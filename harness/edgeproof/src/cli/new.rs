//! `edgeproof new`: a first scenario, from a page and the API it calls.

use std::{
    io::{self, Write},
    net::IpAddr,
    path::{Path, PathBuf},
};

use edgeproof_deployment::ProtectedApi;
use edgeproof_ground::{international, whole_file::write_whole};
use edgeproof_origin::Address;
use edgeproof_record::{
    RecordingError, World,
    har::{self, HarError},
    of_calls,
};
use edgeproof_run::exit;
use url::Url;

use super::{CliError, program, project, reading::Reading};

/// Where an application listens if nobody says.
const APP: &str = "http://127.0.0.1:3000";

/// The options of `new`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The page, such as `https://shop.example/signup`.
    #[arg(value_name = "PAGE", required_unless_present = "har")]
    page: Option<Url>,
    /// The API to protect, which the page calls, such as `POST /api/create-account`.
    #[arg(value_name = "API", required_unless_present = "har")]
    api: Option<String>,
    /// A session of a site, as the developer tools of browsers and Playwright save it: the scenario makes its calls again, with
    /// the signals of a regular visitor. What changes something is protected.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["page", "api"])]
    har: Option<PathBuf>,
    /// Your own application, the origin behind the edge [default: http://127.0.0.1:3000, or where a session was recorded that
    /// has no public name].
    #[arg(long, value_name = "URL")]
    app: Option<Address>,
    /// The file to write [default: a name from the page].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Why no scenario could be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum NewError {
    /// The page has no host to protect.
    #[error("`{0}` is not a page, such as https://shop.example/signup")]
    Page(Url),
    /// The API is not a method and a URL.
    #[error("`{api}` is not an API: {reason}")]
    Api {
        /// What was given.
        api: String,
        /// Why.
        reason: String,
    },
    /// The host is in no zone that somebody could have.
    #[error(
        "`{host}` is no host of a zone: {reason}; write a page such as https://shop.example/signup"
    )]
    Zone {
        /// The host.
        host: String,
        /// Why not.
        reason: &'static str,
    },
    /// The session cannot be read.
    #[error(transparent)]
    Har(#[from] HarError),
    /// Nothing can be made of it.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The file is there already; nothing is overwritten.
    #[error("`{}` already exists; choose another file with --out", .0.display())]
    Exists(PathBuf),
}

impl From<NewError> for CliError {
    fn from(error: NewError) -> Self {
        Self::Usage(Box::new(error))
    }
}

pub(super) fn new(options: &Options) -> Result<u8, CliError> {
    if let Some(har) = &options.har {
        return of_session(har, options);
    }
    // Both are there where no file is.
    let (Some(page), Some(call)) = (&options.page, &options.api) else {
        return Err(CliError::NothingSelected);
    };
    let host = host(page)?;
    let api = api(call, host)?;
    let app = match &options.app {
        Some(app) => app,
        None => &APP.parse().map_err(io::Error::other)?,
    };
    let site = Site {
        page,
        host,
        zone: &zone(host)?,
        api: &api,
        api_zone: &zone(api.url.split('/').next().unwrap_or(host))?,
        app,
    };
    let file = file(options, page)?;
    write_whole(&file, site.scenario()).map_err(CliError::write(&file))?;
    write_schema(&file)?;
    let mut out = anstream::stdout();
    writeln!(out, "{} is written. Next:", file.display())?;
    writeln!(
        out,
        "  {1} check {0}\n  {1} run {0}",
        file.display(),
        program::name()
    )?;
    Ok(exit::PASSED)
}

/// A scenario that makes the calls of a session again.
fn of_session(path: &Path, options: &Options) -> Result<u8, CliError> {
    let app = options.app.as_ref().map(Address::to_string);
    let zone = |host: &str| zone(host).ok();
    let session = har::read(path, zone, app.as_deref()).map_err(NewError::from)?;
    let page: Url = session.page.parse().map_err(io::Error::other)?;
    let file = file(options, &page)?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let title = format!("A session at {page} passes the protection");
    let (world, calls) = (World::of_site(&session.site), &session.calls);
    let recording = of_calls(&world, &name, &title, &session.page, &session.note, calls);
    let recording = recording.map_err(NewError::from)?;
    super::record::finish(&recording, &file, &Reading::default(), None)?;
    Ok(exit::PASSED)
}

/// The file to write, which is not there yet.
fn file(options: &Options, page: &Url) -> Result<PathBuf, CliError> {
    let file = match &options.out {
        Some(file) => file.clone(),
        None => project::folder_of_scenarios()?.join(format!("{}.yaml", name(page))),
    };
    match file.exists() {
        true => Err(NewError::Exists(file).into()),
        false => Ok(file),
    }
}

/// Writes the schema that the first line of a scenario names.
pub(super) fn write_schema(scenario: &Path) -> Result<(), CliError> {
    let schema = scenario.with_file_name("schema.json");
    if schema.exists() {
        return Ok(());
    }
    let text = edgeproof_scenario::schema::text().map_err(io::Error::from)?;
    write_whole(&schema, text).map_err(CliError::write(&schema))
}

/// The host of a page.
pub(super) fn host(page: &Url) -> Result<&str, NewError> {
    let host = page
        .host_str()
        .filter(|_| page.scheme().starts_with("http"));
    host.ok_or_else(|| NewError::Page(page.clone()))
}

/// The API with the host it is on: the page's own where none is said.
pub(super) fn api(text: &str, host: &str) -> Result<ProtectedApi, NewError> {
    let wrong = |reason: String| NewError::Api {
        api: text.to_owned(),
        reason,
    };
    let (method, url) = text
        .split_once(' ')
        .ok_or_else(|| wrong("write a method and a path, such as `POST /api/login`".to_owned()))?;
    let url = url.trim();
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    let url = if url.starts_with('/') {
        format!("{host}{url}")
    } else {
        url.to_owned()
    };
    let url = international::pattern(url.trim_end_matches('*'))
        .map_err(|error| wrong(error.to_string()))?;
    format!("{method} {url}")
        .parse()
        .map_err(|error: edgeproof_deployment::ProtectedApiError| wrong(error.to_string()))
}

/// A file name from the page's path.
pub(super) fn name(page: &Url) -> String {
    let words: Vec<&str> = page
        .path()
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        "first".to_owned()
    } else {
        words.join("_")
    }
}

/// The zone of a host: the name that was bought, below a public suffix such as `example` or `co.uk`.
pub(super) fn zone(host: &str) -> Result<String, NewError> {
    let wrong = |reason| NewError::Zone {
        host: host.to_owned(),
        reason,
    };
    if host.parse::<IpAddr>().is_ok() || host.starts_with('[') {
        return Err(wrong("it is an address"));
    }
    if !host.contains('.') {
        return Err(wrong("it has no name below a suffix"));
    }
    match psl::domain_str(host) {
        Some(zone) => Ok(zone.to_owned()),
        None => Err(wrong("nobody can have it, as others have names below it")),
    }
}

/// What a scenario is written from.
struct Site<'a> {
    page: &'a Url,
    host: &'a str,
    zone: &'a str,
    api: &'a ProtectedApi,
    api_zone: &'a str,
    app: &'a Address,
}

impl Site<'_> {
    /// The hosts of the page and the API, by zone.
    fn zones(&self) -> String {
        let app = match self.app.is_loopback() {
            true => format!("\"{}\"", self.app),
            false => format!(
                "{{ address: \"{}\", allow: \"{}\" }}",
                self.app,
                self.app.host()
            ),
        };
        let host = |host: &str| format!("        {host}: {{ app: {app} }}\n");
        let zone = |zone: &str| format!("    {zone}:\n      hosts:\n");
        let about = "        # `app: { run: npm start, in: ../shop }` starts it as well; it listens at the PORT it is given.\n";
        let mut zones = zone(self.zone) + about + &host(self.host);
        if self.api_zone != self.zone {
            zones += &zone(self.api_zone);
        }
        if self.api_host() != self.host {
            zones += &host(self.api_host());
        }
        zones
    }

    fn api_host(&self) -> &str {
        self.api.url.split('/').next().unwrap_or(self.host)
    }

    /// What a browser does. A page may call an API of another origin only with the application's consent, which nobody
    /// knows here.
    fn browser(&self) -> String {
        let page = self.page;
        let visit = format!(
            "  # A person's browser loads the page, which has the instrumentation.
  - visit: {page}
    as: ann
    expect: {{ status: 200 }}
  # The agent in it has started.
  - wait: {{ for: agent }}
    as: ann
"
        );
        let (method, api) = (&self.api.method, &self.api.url);
        let Some(path) = api.strip_prefix(self.host) else {
            return visit;
        };
        let body = match method.as_str() {
            "GET" => "",
            _ => ", headers: { 'content-type': 'application/json' }, body: '{}'",
        };
        format!(
            "{visit}  # The page calls the API. Write what a person does there instead, such as:
  # - fill: {{ \"#email\": ann@shop.example }}
  # - click: \"#create\"
  - run: \"await fetch('{path}', {{ method: '{method}'{body} }})\"
    as: ann
    call: {method} {path}
    expect:
      request: {{ headers: {{ fp-data: {{ present: true }} }} }}
      origin: {{ reached: true, headers: {{ fp-data: {{ present: false }} }} }}
"
        )
    }

    fn scenario(&self) -> String {
        let (method, api, page) = (&self.api.method, &self.api.url, self.page);
        let (zones, browser) = (self.zones(), self.browser());
        // A pattern has no query, and takes one only where it ends in a star.
        let star = page.query().map_or("", |_| "*");
        let page_pattern = format!("{}{}{star}", self.host, page.path());
        format!(
            "# yaml-language-server: $schema=schema.json
scenario: A call of {method} {api} without signals never reaches the application
tags: [browser]
given:
  zones:
{zones}  deployments:
    flow:
      identification_pages: [\"{page_pattern}\"]
      # The star at the end takes query strings too: without it, any of them evades the protection.
      protected_apis: [\"{method} {api}*\"]
      failure_mode: closed
      # The worker runs on every path of these hosts, so that another spelling of the API does not get past it.
      coverage: host
      ruleset: sign-up
  rulesets:
    sign-up:
      rules:
        - {{ if: incognito, block: {{ status: 403 }} }}
  visitors:
    ann: {{ profile: regular }}
    program: {{ profile: http }}
steps:
{browser}  # A program that never loaded the page has no signals.
  - request:
      method: {method}
      url: https://{api}
      headers: {{ content-type: application/json }}
      body: '{{}}'
    as: program
    expect:
      status: 403
      origin: {{ reached: false }}
"
        )
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_scenario::{lint, load};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://shop.example/signup", "POST /api/create-account")]
    #[case("https://www.shop.example/", "POST https://api.shop.example/login*")]
    #[case("https://shop.example/a/b?c=d", "PUT shop.example/api")]
    #[case("https://smörgås.example/å b", "POST https://SMÖRGÅS.example/api/å")]
    #[case("https://www.shop.co.uk/signup", "POST /api/create-account")]
    #[case("https://shop.github.io/signup", "PUT /api/account")]
    fn what_is_written_reads_and_has_nothing_to_warn_of(
        #[case] page: &str,
        #[case] call: &str,
        #[values(
            "http://127.0.0.1:3000",
            "https://[::1]/shop/",
            "http://app.internal:8080"
        )]
        app: &str,
    ) {
        let page: Url = page.parse().unwrap();
        let host = page.host_str().unwrap();
        let api = api(call, host).unwrap();
        let text = Site {
            page: &page,
            host,
            zone: &zone(host).unwrap(),
            api: &api,
            api_zone: &zone(api.url.split('/').next().unwrap()).unwrap(),
            app: &app.parse().unwrap(),
        }
        .scenario();
        let cases = load::load_text(Path::new("new.yaml"), &text)
            .unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        assert!(
            lint::lint(&cases[0]).is_empty(),
            "{:?}",
            lint::lint(&cases[0])
        );
    }

    #[rstest]
    #[case("/api/login", "write a method and a path, such as `POST /api/login`")]
    #[case("HEAD /api/login", "HEAD")]
    fn what_is_no_api_is_refused(#[case] call: &str, #[case] reason: &str) {
        let error = api(call, "shop.example").unwrap_err().to_string();
        let (what, why) = error.split_once(" is not an API: ").unwrap();
        assert_eq!(what, format!("`{call}`"));
        assert!(why.contains(reason), "{error}");
    }

    #[rstest]
    #[case("www.shop.example", Ok("shop.example"))]
    #[case("www.shop.co.uk", Ok("shop.co.uk"))]
    #[case("shop.github.io", Ok("shop.github.io"))]
    #[case("co.uk", Err("nobody can have it"))]
    #[case("localhost", Err("it has no name below a suffix"))]
    #[case("127.0.0.1", Err("it is an address"))]
    #[case("[::1]", Err("it is an address"))]
    fn the_zone_is_the_name_that_was_bought(
        #[case] host: &str,
        #[case] expected: Result<&str, &str>,
    ) {
        match (zone(host), expected) {
            (Ok(zone), Ok(expected)) => assert_eq!(zone, expected),
            (Err(error), Err(reason)) => assert!(error.to_string().contains(reason), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[rstest]
    #[case("https://shop.example/", "first")]
    #[case("https://shop.example/account/sign-up.html", "account_sign_up_html")]
    fn a_file_is_named_after_its_page(#[case] page: &str, #[case] expected: &str) {
        assert_eq!(name(&page.parse().unwrap()), expected);
    }
}

//! Sessions of real sites, as the developer tools of browsers and Playwright write them: HAR 1.2.
//!
//! A file of somebody else's is hostile until it is read: it is bounded, a mistake in it has its place, and nothing of it is
//! repeated that could be a secret.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use edgeproof_ground::visible::in_one_line;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::{
    call::{Behind, Body, Call, SIGNALS},
    world::Site,
};

/// Bytes of the largest file: some thousand requests with what they brought.
const LARGEST: u64 = 256 << 20;

/// How many calls a scenario makes. A session of an hour has some hundred that are not pictures, styles or scripts.
const MOST: usize = 500;

/// What a site that was recorded at an address is called.
const NAME: &str = "shop.example";

/// Why a HAR file was not read.
#[derive(Debug, thiserror::Error)]
pub enum HarError {
    /// It is not there, or no file.
    #[error("`{}` cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is too large.
    #[error("`{}` has more than {} MB; save it without the content of responses", .0.display(), LARGEST >> 20)]
    Large(PathBuf),
    /// It is something else.
    #[error("{}:{line}:{column}: this is no HAR file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// No page was loaded in it, and nothing called.
    #[error("`{}` has no page or API call of a site: a scenario has nothing to repeat", .0.display())]
    Nothing(PathBuf),
}

/// A session that was recorded elsewhere.
#[derive(Clone, Debug)]
pub struct HarSession {
    /// The site.
    pub site: Site,
    /// The page that it began with.
    pub page: String,
    /// The calls that a scenario makes again: pages, and what scripts called.
    pub calls: Vec<Call>,
    /// What has been left out, in sentences.
    pub note: Vec<String>,
}

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, rename = "_resourceType")]
    kind: Option<String>,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    #[serde(deserialize_with = "method")]
    method: String,
    #[serde(deserialize_with = "url")]
    url: Url,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default, rename = "postData")]
    posted: Option<Posted>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct Posted {
    #[serde(default, rename = "mimeType")]
    content_type: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    params: Option<Vec<Pair>>,
}

#[derive(Deserialize)]
struct Response {
    status: i64,
    #[serde(default)]
    content: Option<Content>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default, rename = "mimeType")]
    content_type: Option<String>,
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    // The address itself may have a secret in it.
    Url::parse(&text).map_err(|error| serde::de::Error::custom(format!("`url` is no URL: {error}")))
}

fn method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match http::Method::from_bytes(text.as_bytes()) {
        Ok(_) if text.len() <= 32 => Ok(text),
        _ => Err(serde::de::Error::custom("`method` is none of HTTP")),
    }
}

/// Why a request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// For a page.
    Page,
    /// By a script.
    Script,
    /// For what a page is made of.
    Other,
}

/// Reads the session in a file. `zone` gives the zone of a host, where it has one; `app` is the address of the app that
/// stands for the site.
///
/// # Errors
/// When it cannot be read, or nothing in it can be repeated.
pub fn read(
    path: &Path,
    zone: impl Fn(&str) -> Option<String>,
    app: Option<&str>,
) -> Result<HarSession, HarError> {
    let text = text_of(path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let har: Har = serde_json::from_str(text).map_err(|error| HarError::Format {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        reason: reason(&error),
    })?;
    session(har, zone, app).ok_or_else(|| HarError::Nothing(path.to_owned()))
}

fn text_of(path: &Path) -> Result<String, HarError> {
    let unreadable = |source| HarError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(HarError::Large(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        let before = &bytes[..error.utf8_error().valid_up_to()];
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        HarError::Format {
            path: path.to_owned(),
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: before.len() - line_start + 1,
            reason: "it is not UTF-8 text".to_owned(),
        }
    })
}

/// What is wrong, without what stands there.
fn reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let said = said
        .rsplit_once(" at line ")
        .map_or(said.as_str(), |(said, _)| said);
    let said = match (said.find("string \""), said.rfind("\", expected")) {
        (Some(start), Some(end)) if start < end => {
            format!("{}a text{}", &said[..start], &said[end + 1..])
        }
        _ => said.to_owned(),
    };
    in_one_line(&said.chars().take(200).collect::<String>())
}

fn session(
    har: Har,
    zone: impl Fn(&str) -> Option<String>,
    app: Option<&str>,
) -> Option<HarSession> {
    let entries: Vec<(Kind, Entry)> = har
        .log
        .entries
        .into_iter()
        .filter(|entry| matches!(entry.request.url.scheme(), "http" | "https"))
        .map(|entry| (kind(&entry), entry))
        .collect();
    let is_called = |(kind, _): &&(Kind, Entry)| *kind != Kind::Other;
    let is_page = |(kind, _): &&(Kind, Entry)| *kind == Kind::Page;
    let first = entries
        .iter()
        .find(is_page)
        .or_else(|| entries.iter().find(is_called))?;
    let first = first.1.request.url.clone();
    let names = Names::of(&first, &zone)?;
    let mut made = Made::default();
    for (kind, entry) in entries {
        made.entry(kind, entry, &names);
    }
    if made.calls.is_empty() {
        return None;
    }
    let app = app.map(str::to_owned).unwrap_or_else(|| names.app());
    let allow = Url::parse(&app).ok();
    let allow = allow.and_then(|url| {
        url.host_str()
            .map(|host| host.trim_matches(['[', ']']).to_owned())
    });
    Some(HarSession {
        note: made.note(&names),
        page: names.url(&first).to_string(),
        site: Site {
            hosts: made
                .hosts
                .into_iter()
                .map(|host| (host, names.zone.clone()))
                .collect(),
            allow: allow.filter(|host| !is_loopback(host)),
            app,
            pages: made.pages.into_iter().collect(),
            apis: made.apis.into_iter().collect(),
        },
        calls: made.calls,
    })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// How the hosts of a session are called in its scenario.
struct Names {
    zone: String,
    /// The address that the session was recorded at, where that is no host of a zone.
    address: Option<Url>,
}

impl Names {
    fn of(first: &Url, zone: &impl Fn(&str) -> Option<String>) -> Option<Self> {
        let host = first.host_str()?;
        let own = zone(host);
        Some(Self {
            address: own.is_none().then(|| first.clone()),
            zone: own.unwrap_or_else(|| NAME.to_owned()),
        })
    }

    /// Whether a URL is one of the site.
    fn is_own(&self, url: &Url) -> bool {
        match &self.address {
            Some(address) => address.origin() == url.origin(),
            None => url.host_str().is_some_and(|host| {
                host.strip_suffix(self.zone.as_str())
                    .is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }),
        }
    }

    /// The URL as the scenario has it.
    fn url(&self, url: &Url) -> Url {
        let mut named = url.clone();
        named.set_fragment(None);
        if self.address.is_some() {
            // An address with a host takes another host.
            let _ = named.set_host(Some(&self.zone));
        }
        if self.address.is_some() || named.port().is_some() {
            let _ = named.set_port(None);
            let _ = named.set_scheme("https");
        }
        named
    }

    /// The app that stands for the site: where it was recorded, where that is no host of a zone.
    fn app(&self) -> String {
        match &self.address {
            Some(address) => address.origin().ascii_serialization(),
            None => "http://127.0.0.1:3000".to_owned(),
        }
    }
}

/// What is made of the entries.
#[derive(Default)]
struct Made {
    calls: Vec<Call>,
    hosts: BTreeSet<String>,
    pages: BTreeSet<String>,
    apis: BTreeSet<String>,
    /// The page that was loaded last.
    page: Option<Url>,
    /// Calls of other sites, by host.
    elsewhere: BTreeMap<String, usize>,
    unanswered: usize,
    over: usize,
}

impl Made {
    fn entry(&mut self, kind: Kind, entry: Entry, names: &Names) {
        if kind == Kind::Other || entry.request.method == "OPTIONS" {
            return;
        }
        let url = &entry.request.url;
        if !names.is_own(url) {
            *self
                .elsewhere
                .entry(url.host_str().unwrap_or_default().to_owned())
                .or_default() += 1;
            return;
        }
        let status = u16::try_from(entry.response.status).ok();
        let Some(status) = status.filter(|status| (100..=599).contains(status)) else {
            self.unanswered += 1;
            return;
        };
        if self.calls.len() >= MOST {
            self.over += 1;
            return;
        }
        let url = names.url(url);
        self.hosts
            .insert(url.host_str().unwrap_or_default().to_owned());
        let reads = matches!(entry.request.method.as_str(), "GET" | "HEAD");
        if !reads {
            self.protect(&entry.request, &url, names);
        }
        if kind == Kind::Page && reads {
            self.page = Some(url.clone());
        }
        let mut headers: Vec<(String, String)> = entry
            .request
            .headers
            .into_iter()
            .map(|pair| (pair.name, pair.value))
            .filter(|(name, value)| is_header(name, value))
            .map(|(name, value)| match names.address.as_ref() {
                Some(address) => {
                    let named = format!("https://{}", names.zone);
                    (
                        name,
                        value.replace(&address.origin().ascii_serialization(), &named),
                    )
                }
                None => (name, value),
            })
            .collect();
        if !reads
            && !headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(SIGNALS))
        {
            // As an agent attaches them, once the call is protected.
            headers.push((SIGNALS.to_owned(), String::new()));
        }
        let body = body(entry.request.posted, &mut headers);
        self.calls.push(Call {
            method: entry.request.method,
            url: url.to_string(),
            headers,
            body,
            status: Some(status),
            behind: (!reads).then(|| Behind {
                reached: true,
                ..Behind::default()
            }),
        });
    }

    /// A call that changes something is protected, and the page that made it gets the instrumentation.
    fn protect(&mut self, request: &Request, url: &Url, names: &Names) {
        let host = url.host_str().unwrap_or_default();
        // A pattern has its star at its end only: before the first part that is another one in the next session.
        let path = url.path();
        let cut = path.split_inclusive('/').scan(0, |at, part| {
            let start = *at;
            *at += part.len();
            Some((start, part.trim_end_matches('/')))
        });
        let cut = cut
            .into_iter()
            .find(|(_, part)| crate::pattern::is_id(part));
        let path = cut.map_or(path, |(start, _)| &path[..start]);
        let api = format!("{} {host}{path}", request.method);
        self.apis.insert(api.trim_end_matches('*').to_owned());
        let referer = request
            .headers
            .iter()
            .find(|pair| pair.name.eq_ignore_ascii_case("referer"));
        let referer = referer.and_then(|pair| Url::parse(&pair.value).ok());
        let referer = referer
            .filter(|page| names.is_own(page))
            .map(|page| names.url(&page));
        // What a page of another host calls has only that host for a referer.
        let page = match (referer, &self.page) {
            (Some(referer), Some(page))
                if referer.path() == "/" && referer.origin() == page.origin() =>
            {
                page.clone()
            }
            (Some(referer), _) => referer,
            (None, Some(page)) => page.clone(),
            (None, None) => return,
        };
        let host = page.host_str().unwrap_or_default();
        self.hosts.insert(host.to_owned());
        let star = page.query().map_or("", |_| "*");
        self.pages.insert(format!("{host}{}{star}", page.path()));
    }

    fn note(&self, names: &Names) -> Vec<String> {
        let mut note = Vec::new();
        if let Some(address) = &names.address {
            note.push(format!(
                "Recorded at {}, which is called {} here.",
                address.origin().ascii_serialization(),
                names.zone
            ));
        }
        if !self.elsewhere.is_empty() {
            let shown = self.elsewhere.iter().take(10);
            let shown: Vec<String> = shown
                .map(|(host, calls)| format!("{host} ({calls})"))
                .collect();
            let more = self.elsewhere.len().saturating_sub(shown.len());
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            note.push(format!(
                "Calls of other sites are left out: {}{more}.",
                shown.join(", ")
            ));
        }
        for (count, what) in [
            (self.unanswered, "calls that had no response are left out"),
            (self.over, "calls after the first 500 are left out"),
        ] {
            if count > 0 {
                note.push(format!("{count} {what}."));
            }
        }
        note
    }
}

fn is_header(name: &str, value: &str) -> bool {
    // Pseudo-headers of HTTP/2 are no headers.
    http::HeaderName::from_bytes(name.as_bytes()).is_ok()
        && http::HeaderValue::try_from(value).is_ok()
}

fn body(posted: Option<Posted>, headers: &mut Vec<(String, String)>) -> Body {
    let Some(posted) = posted else {
        return Body::None;
    };
    let names_type = headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if let Some(content_type) = posted
        .content_type
        .filter(|written| !written.is_empty() && !names_type)
        && is_header("content-type", &content_type)
    {
        headers.push(("content-type".to_owned(), content_type));
    }
    match (posted.text, posted.params) {
        (Some(text), _) if !text.is_empty() => Body::Known(Bytes::from(text)),
        (_, Some(params)) if !params.is_empty() => {
            let pairs = params.iter().map(|pair| (&pair.name, &pair.value));
            let form = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs)
                .finish();
            Body::Known(Bytes::from(form))
        }
        _ => Body::None,
    }
}

/// Why a request was made: the browser says so, or its headers do, or what it brought.
fn kind(entry: &Entry) -> Kind {
    let header = |name: &str| {
        let mut headers = entry.request.headers.iter();
        let found = headers.find(|pair| pair.name.eq_ignore_ascii_case(name));
        found.map(|pair| pair.value.as_str())
    };
    match entry.kind.as_deref() {
        Some("document") => return Kind::Page,
        Some("fetch" | "xhr") => return Kind::Script,
        Some(_) => return Kind::Other,
        None => {}
    }
    match header("sec-fetch-dest") {
        Some("document") => return Kind::Page,
        Some("empty") => return Kind::Script,
        Some(_) => return Kind::Other,
        None => {}
    }
    let content = entry.response.content.as_ref();
    let content_type = content
        .and_then(|content| content.content_type.as_deref())
        .unwrap_or_default();
    let reads = matches!(entry.request.method.as_str(), "GET" | "HEAD");
    match content_type.split(';').next().unwrap_or_default().trim() {
        "text/html" => Kind::Page,
        "application/json" => Kind::Script,
        _ if !reads => Kind::Script,
        _ => Kind::Other,
    }
}

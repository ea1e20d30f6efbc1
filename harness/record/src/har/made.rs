//! The calls that are made of a session's entries, and what of the site is protected for them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use url::Url;

use super::format::{Entry, Kind, Posted, Request};
use crate::call::{Behind, Body, Call, SIGNALS};

/// How many calls a scenario makes. A session of an hour has some hundred that are not pictures, styles or scripts.
const MOST: usize = 500;

/// What a site that was recorded at an address is called.
const NAME: &str = "shop.example";

/// How the hosts of a session are called in its scenario.
pub(super) struct Names {
    pub(super) zone: String,
    /// The address that the session was recorded at, where that is no host of a zone.
    pub(super) address: Option<Url>,
}

impl Names {
    pub(super) fn of(first: &Url, zone: &impl Fn(&str) -> Option<String>) -> Option<Self> {
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
    pub(super) fn url(&self, url: &Url) -> Url {
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
    pub(super) fn app(&self) -> String {
        match &self.address {
            Some(address) => address.origin().ascii_serialization(),
            None => "http://127.0.0.1:3000".to_owned(),
        }
    }
}

/// What is made of the entries.
#[derive(Default)]
pub(super) struct Made {
    pub(super) calls: Vec<Call>,
    pub(super) hosts: BTreeSet<String>,
    pub(super) pages: BTreeSet<String>,
    pub(super) apis: BTreeSet<String>,
    /// The page that was loaded last.
    pub(super) page: Option<Url>,
    /// Calls of other sites, by host.
    pub(super) elsewhere: BTreeMap<String, usize>,
    pub(super) unanswered: usize,
    pub(super) over: usize,
}

impl Made {
    pub(super) fn entry(&mut self, kind: Kind, entry: Entry, names: &Names) {
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
            ..Call::default()
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

    pub(super) fn note(&self, names: &Names) -> Vec<String> {
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

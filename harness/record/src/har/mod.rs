//! Sessions of real sites, as the developer tools of browsers and Playwright write them: HAR 1.2.
//!
//! A file of somebody else's is hostile until it is read: it is bounded, a mistake in it has its place, and nothing of it is
//! repeated that could be a secret.

mod format;
mod made;

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use edgeproof_ground::visible::in_one_line;
use url::Url;

use self::{
    format::{Entry, Har, Kind, kind},
    made::{Made, Names},
};
use crate::{call::Call, world::Site};

/// Bytes of the largest file: some thousand requests with what they brought.
const LARGEST: u64 = 256 << 20;

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

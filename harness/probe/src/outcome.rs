//! What a probe found.

use serde::{Deserialize, Serialize};

use super::{judge::Fate, mend::Mend, ran::Ran, send::Over};

/// The version of [`Outcome`] as JSON.
pub const FORMAT: u32 = 1;

/// What a probe of one protected API found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The API, as the deployment has it.
    pub api: String,
    /// The plain call of it.
    pub call: String,
    /// What stands behind the edge.
    pub origin: String,
    /// What became of the plain call with good signals: without that, nothing is shown by what is blocked.
    pub control: Fate,
    /// What has to be known to read the rest.
    pub notes: Vec<String>,
    /// Every shape.
    pub findings: Vec<Finding>,
}

/// What became of a shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The name of the shape.
    pub shape: String,
    /// Its family.
    pub family: String,
    /// The row of the table.
    pub row: String,
    /// The row with its value: the same wherever in the path it stands.
    pub rule: String,
    /// What it does, in plain words.
    pub says: String,
    /// What was sent, over HTTP/1, without secrets.
    pub sent: String,
    /// What came of it, for each version of HTTP that it was sent over.
    pub results: Vec<SentOver>,
    /// What would close it, where it is a hole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<Mend>,
    /// Whether it was known before, and is accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
}

/// What came of a shape over one version of HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentOver {
    /// The version.
    pub over: Over,
    /// What became of it.
    pub fate: Fate,
    /// The status of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whether the origin ran it, where it got there unprotected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ran: Option<Ran>,
    /// Method and URL as they arrived at the origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrived: Option<String>,
    /// Why the edge sent it where it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Whether a worker ran.
    pub worker_ran: bool,
}

impl SentOver {
    /// Whether it got past a protection: the origin may have run it, or a cache gave what the origin says to it, and nobody
    /// identified the visitor; or the node, or the script, had no part in it.
    pub fn is_hole(&self) -> bool {
        match self.fate {
            Fate::Unprotected | Fate::Cached => self.ran.is_some_and(Ran::is_possible),
            Fate::Uninspected | Fate::Uninstrumented => true,
            Fate::Identified | Fate::Blocked | Fate::Refused | Fate::Unanswered => false,
        }
    }
}

impl Finding {
    /// The first result that is a hole.
    pub fn hole(&self) -> Option<&SentOver> {
        self.results.iter().find(|result| result.is_hole())
    }

    /// The fate that is the worst for the site.
    pub fn fate(&self) -> Option<Fate> {
        self.results.iter().map(|result| result.fate).min()
    }
}

impl Outcome {
    /// The holes that nobody has accepted.
    pub fn holes(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.hole().is_some() && !finding.accepted)
    }

    /// Whether anything is shown by what is blocked: the plain call with good signals reached the origin.
    pub fn shows_something(&self) -> bool {
        matches!(self.control, Fate::Identified | Fate::Unprotected)
    }

    /// Accepts the holes that an earlier outcome had; returns how many there are.
    pub fn accept(&mut self, earlier: &[Self]) -> usize {
        let known = earlier.iter().filter(|outcome| outcome.api == self.api);
        let known: std::collections::HashSet<&str> = known
            .flat_map(|outcome| &outcome.findings)
            .filter(|finding| finding.hole().is_some())
            .map(|finding| &*finding.shape)
            .collect();
        let mut accepted = 0;
        for finding in &mut self.findings {
            finding.accepted = finding.hole().is_some() && known.contains(&*finding.shape);
            accepted += usize::from(finding.accepted);
        }
        accepted
    }

    /// The families in their order, each with its findings.
    pub fn families(&self) -> Vec<(&str, Vec<&Finding>)> {
        let mut families: Vec<(&str, Vec<&Finding>)> = Vec::new();
        for finding in &self.findings {
            match families.last_mut() {
                Some((family, of_family)) if *family == finding.family => of_family.push(finding),
                _ => families.push((&finding.family, vec![finding])),
            }
        }
        families
    }
}

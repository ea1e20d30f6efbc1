//! Shapes: requests that an origin may run as the protected call.

use serde::{Deserialize, Serialize};

use super::{reading::Reading, request::WrittenRequest, table::Past};

/// One request that an origin may run as the protected call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its name, the same for every call: family, row, value and place.
    pub id: ShapeId,
    /// What it does, in plain words.
    pub says: &'static str,
    /// How an origin has to read its path to run it.
    pub reads: &'static [Reading],
    /// The request.
    pub request: WrittenRequest,
    /// Signals that are made when it is sent.
    pub signals: Option<Made>,
    /// What somebody else sends before, and the signals of it.
    pub before: Option<(WrittenRequest, Option<Made>)>,
    /// What it gets past, where it is a hole.
    pub past: Past,
    /// Whether it goes to the origin's own address, past the edge.
    pub straight: bool,
}

/// The name of a shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShapeId {
    /// The family.
    pub family: &'static str,
    /// The row of the table.
    pub row: &'static str,
    /// The row and its value, which are the same wherever in the path the shape stands.
    pub rule: String,
    /// Which of the places of the path.
    pub place: Option<usize>,
}

impl std::fmt::Display for ShapeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.family, self.rule)?;
        match self.place {
            Some(place) => write!(f, " @{place}"),
            None => Ok(()),
        }
    }
}

/// Signals that are made for a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// As an agent makes them, from the page.
    Good,
    /// A day old.
    Stale,
    /// An hour ahead of time.
    Future,
    /// The same as in a request before.
    Replayed,
    /// From another page of the site.
    OtherPage,
    /// From a page of another site.
    OtherSite,
    /// From no page.
    NoPage,
    /// From an automated browser.
    Automated,
    /// From a private window.
    Incognito,
    /// Without their end.
    Cut,
    /// Longer than any agent's.
    Longest,
}

impl Made {
    /// Whether they say who the visitor is: others are somebody else's, of another time, or none.
    pub(super) fn identify(self) -> bool {
        !matches!(
            self,
            Self::Stale | Self::Replayed | Self::OtherSite | Self::NoPage | Self::Cut
        )
    }

    /// The one of this name in a row.
    pub(super) fn named(name: &str) -> Option<Self> {
        serde_json::from_value(name.into()).ok()
    }
}

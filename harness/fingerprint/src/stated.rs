//! Fields of an event that a scenario states outright.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    event::{BrowserDetails, Confidence, Event, Identification, Sdk, Velocity},
    rules::fields::{self, Field, Kind},
};

/// Values of event fields by dotted name, such as `incognito: true` or `ip_info.v4.asn_name: Example`. They replace
/// what was measured, before rules are evaluated.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(try_from = "Map<String, Json>")]
#[schemars(with = "std::collections::BTreeMap<String, Json>")]
pub struct Stated(Vec<(&'static Field, Json)>);

/// Why a stated field cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatedError {
    /// No event has it.
    #[error("no event has a field `{name}`{}", nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?")))]
    Unknown {
        /// The name as it was written.
        name: String,
        /// The field whose name is most like it.
        nearest: Option<&'static str>,
    },
    /// The field holds something else.
    #[error("`{field}` is {needed}, not {found}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it holds.
        needed: String,
        /// What it was given.
        found: Json,
    },
    /// The fields do not make an event, such as a `bot_info` without its `name`.
    #[error("the stated fields do not make an event: {0}")]
    Incomplete(String),
}

impl Stated {
    /// Nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The event with the stated fields in place of the measured ones.
    ///
    /// # Errors
    /// Groups of which a required member is neither measured nor stated.
    pub(super) fn apply(&self, event: Event) -> Result<Event, StatedError> {
        if self.is_empty() {
            return Ok(event);
        }
        let incomplete = |error: serde_json::Error| StatedError::Incomplete(error.to_string());
        let mut json = event.to_json().map_err(incomplete)?;
        for (field, value) in &self.0 {
            set(&mut json, &field.path, value);
        }
        serde_json::from_value(json).map_err(incomplete)
    }
}

fn set(json: &mut Json, path: &[&'static str], value: &Json) {
    let Some((key, rest)) = path.split_first() else {
        *json = value.clone();
        return;
    };
    if !json.is_object() {
        *json = Json::Object(Map::new());
    }
    if let Some(object) = json.as_object_mut() {
        set(object.entry(*key).or_insert(Json::Null), rest, value);
    }
}

impl TryFrom<Map<String, Json>> for Stated {
    type Error = StatedError;

    fn try_from(map: Map<String, Json>) -> Result<Self, Self::Error> {
        let stated: Vec<_> = map
            .into_iter()
            .map(|(name, value)| check(&name, value))
            .collect::<Result<_, _>>()?;
        let stated = Self(stated);
        // Found here rather than at the first visit.
        stated.apply(measured())?;
        Ok(stated)
    }
}

/// The least that every measured event has.
fn measured() -> Event {
    Event {
        sdk: Some(Sdk::default()),
        identification: Some(Identification {
            visitor_id: String::new(),
            visitor_found: false,
            confidence: Confidence {
                score: 0.0,
                version: None,
            },
            first_seen_at: None,
            last_seen_at: None,
        }),
        browser_details: Some(BrowserDetails::default()),
        velocity: Some(Velocity::default()),
        ..Event::default()
    }
}

fn check(name: &str, value: Json) -> Result<(&'static Field, Json), StatedError> {
    let field = fields::find(name).ok_or_else(|| StatedError::Unknown {
        name: name.to_owned(),
        nearest: fields::nearest(name),
    })?;
    let (fits, needed) = match field.kind {
        Kind::Bool => (value.is_boolean(), "true or false".to_owned()),
        Kind::Number => (value.is_number(), "a number".to_owned()),
        Kind::Text => (value.is_string(), "text".to_owned()),
        Kind::OneOf(words) => (
            value.as_str().is_some_and(|word| words.contains(&word)),
            format!("one of {}", words.join(", ")),
        ),
    };
    if fits {
        Ok((field, value))
    } else {
        Err(StatedError::Value {
            field: &field.name,
            needed,
            found: value,
        })
    }
}

//! Which invocations a tail tells of: the filters that wrangler's options become.

use serde_json::{Map, Value};

use crate::plane::error::ApiError;

/// One condition; a tail tells of what meets all of its conditions.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    /// One of these outcomes.
    Outcome(Vec<String>),
    /// One of these methods.
    Method(Vec<String>),
    /// A header of this name, with this text in it.
    Header { name: String, text: Option<String> },
    /// One of these addresses of visitors.
    ClientIp(Vec<String>),
    /// A text in one of the lines that were logged.
    Text(String),
    /// This share of all.
    SamplingRate(f64),
}

/// The filters of a request that starts a tail. Whoever sends none wants everything.
///
/// # Errors
/// 10006 where they cannot be read, 7000 where one is not emulated.
pub(super) fn read(body: &[u8]) -> Result<Vec<Filter>, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let body: Option<Map<String, Value>> =
        serde_json::from_slice(body).map_err(ApiError::unreadable)?;
    let mut filters = Vec::new();
    for (key, value) in body.into_iter().flatten() {
        if key != "filters" {
            return Err(ApiError::not_emulated(&format!("`{key}` of a tail")));
        }
        let all: Vec<Map<String, Value>> =
            serde_json::from_value(value).map_err(ApiError::unreadable)?;
        for (key, value) in all.into_iter().flatten() {
            filters.push(one(&key, value)?);
        }
    }
    Ok(filters)
}

fn one(key: &str, value: Value) -> Result<Filter, ApiError> {
    let wrong = || ApiError::unreadable(format!("the filter `{key}` is not what it should be"));
    let texts = |value: Value| serde_json::from_value::<Vec<String>>(value).map_err(|_| wrong());
    Ok(match key {
        "outcome" => Filter::Outcome(texts(value)?),
        "method" => Filter::Method(texts(value)?),
        "header" => Filter::Header {
            name: value["key"]
                .as_str()
                .ok_or_else(wrong)?
                .to_ascii_lowercase(),
            text: value["query"].as_str().map(str::to_owned),
        },
        "client_ip" => {
            let addresses = texts(value)?;
            if addresses.iter().any(|address| address == "self") {
                return Err(ApiError::not_emulated(
                    "the address `self` of a tail: visitors of a rig have addresses of their own",
                ));
            }
            Filter::ClientIp(addresses)
        }
        "query" => Filter::Text(value.as_str().ok_or_else(wrong)?.to_owned()),
        "sampling_rate" => {
            let rate = value.as_f64().filter(|rate| (0.0..=1.0).contains(rate));
            Filter::SamplingRate(rate.ok_or_else(wrong)?)
        }
        other => {
            return Err(ApiError::not_emulated(&format!(
                "the filter `{other}` of a tail"
            )));
        }
    })
}

impl Filter {
    /// Whether an invocation meets it.
    pub(super) fn holds(&self, event: &Value) -> bool {
        let request = &event["event"]["request"];
        let is_one_of = |all: &[String], text: Option<&str>| {
            text.is_some_and(|text| all.iter().any(|one| one.eq_ignore_ascii_case(text)))
        };
        match self {
            Self::Outcome(outcomes) => is_one_of(outcomes, event["outcome"].as_str()),
            Self::Method(methods) => is_one_of(methods, request["method"].as_str()),
            Self::Header { name, text } => {
                let value = request["headers"][name].as_str();
                let text = text.as_deref().unwrap_or_default();
                value.is_some_and(|value| value.contains(text))
            }
            Self::ClientIp(addresses) => {
                is_one_of(addresses, request["headers"]["cf-connecting-ip"].as_str())
            }
            Self::Text(text) => {
                let lines = event["logs"].as_array().into_iter().flatten();
                let mut words =
                    lines.flat_map(|line| line["message"].as_array().into_iter().flatten());
                words.any(|word| match word {
                    Value::String(word) => word.contains(text),
                    other => other.to_string().contains(text),
                })
            }
            Self::SamplingRate(rate) => fastrand::f64() < *rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("", true)]
    #[case("null", true)]
    #[case("{}", true)]
    #[case(r#"{"filters":[]}"#, true)]
    #[case(r#"{"filters":[{"outcome":["exception","exceededCpu"]}]}"#, false)]
    #[case(r#"{"filters":[{"outcome":["ok"]},{"method":["post"]}]}"#, true)]
    #[case(r#"{"filters":[{"method":["GET"]}]}"#, false)]
    #[case(r#"{"filters":[{"header":{"key":"X-Run"}}]}"#, true)]
    #[case(r#"{"filters":[{"header":{"key":"X-Run","query":"17"}}]}"#, true)]
    #[case(r#"{"filters":[{"header":{"key":"X-Run","query":"18"}}]}"#, false)]
    #[case(r#"{"filters":[{"client_ip":["192.0.2.7"]}]}"#, true)]
    #[case(r#"{"filters":[{"query":"blocked"}]}"#, true)]
    #[case(r#"{"filters":[{"query":"allowed"}]}"#, false)]
    #[case(r#"{"filters":[{"sampling_rate":0}]}"#, false)]
    fn a_tail_tells_of_what_meets_all_filters(#[case] body: &str, #[case] expected: bool) {
        let event = json!({
            "outcome": "ok",
            "logs": [{"message": ["was", {"state": "blocked"}], "level": "log"}],
            "event": {"request": {
                "method": "POST",
                "headers": {"x-run": "run 17", "cf-connecting-ip": "192.0.2.7"},
            }},
        });
        let filters = read(body.as_bytes()).unwrap();
        assert_eq!(filters.iter().all(|filter| filter.holds(&event)), expected);
    }

    #[rstest]
    #[case(r#"{"filters":[{"scriptVersion":"1"}]}"#, "7000", "scriptVersion")]
    #[case(r#"{"filters":[{"client_ip":["self"]}]}"#, "7000", "self")]
    #[case(r#"{"since":1}"#, "7000", "since")]
    #[case(r#"{"filters":[{"outcome":"ok"}]}"#, "10006", "outcome")]
    #[case(r#"{"filters":[{"sampling_rate":2}]}"#, "10006", "sampling_rate")]
    #[case(r#"{"filters":1}"#, "10006", "")]
    #[case("{", "10006", "")]
    fn what_is_no_filter_is_refused_by_name(
        #[case] body: &str,
        #[case] code: &str,
        #[case] named: &str,
    ) {
        let line = read(body.as_bytes()).unwrap_err().line();
        assert!(line.contains(code) && line.contains(named), "{line}");
    }
}

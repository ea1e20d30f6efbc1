//! The identification events of a case, looked up at Fingerprint.

use std::{collections::BTreeSet, time::Duration};

use edgeproof_cloudflare::client::{ApiError, ServerApi};
use serde_json::Value as Json;
use tokio::{sync::Mutex, time::Instant};
use url::{Origin, Url};

/// How long an event may take until it can be read.
const WITHIN: Duration = Duration::from_secs(15);

/// How long one waits for an event that is not to come.
const QUIET: Duration = Duration::from_secs(2);

/// How often one looks: the API allows five requests a second.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How far the clocks of this machine and of the platform may be apart, in milliseconds.
const CLOCKS_APART: i64 = 60_000;

/// Looks events up. Each belongs to one case of a run.
#[derive(Debug)]
pub struct Events {
    api: ServerApi,
    /// Those that were there before a case began, and those of other cases.
    taken: Mutex<BTreeSet<String>>,
}

/// What a visitor's calls show, by which the events of a case are told from others.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The URLs of the pages that were visited.
    pub pages: Vec<String>,
    /// The user agents that visited them.
    pub user_agents: BTreeSet<String>,
}

impl Events {
    pub(crate) fn new(api: ServerApi) -> Self {
        Self {
            api,
            taken: Mutex::default(),
        }
    }

    /// What is there by this time (Unix, in milliseconds) is of no case that begins now.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn begin(&self, now: i64) -> Result<(), ApiError> {
        let before = self.api.events_since(now - CLOCKS_APART).await?;
        let mut taken = self.taken.lock().await;
        taken.extend(before.iter().map(|event| id(event).to_owned()));
        Ok(())
    }

    /// The events since a time (Unix, in milliseconds) that came of these pages and visitors, in order, once there are as
    /// many as expected.
    ///
    /// # Errors
    /// When the API refuses or does not answer.
    pub async fn of(
        &self,
        shown: &Shown,
        since: i64,
        expected: usize,
    ) -> Result<Vec<Json>, ApiError> {
        let wait = if expected == 0 { QUIET } else { WITHIN };
        let deadline = Instant::now() + wait;
        loop {
            let mut events = self.api.events_since(since - CLOCKS_APART).await?;
            let mut taken = self.taken.lock().await;
            events.retain(|event| is_of(event, shown) && !taken.contains(id(event)));
            let is_over = Instant::now() >= deadline;
            if is_over || (expected > 0 && events.len() >= expected) {
                taken.extend(events.iter().map(|event| id(event).to_owned()));
                return Ok(events);
            }
            drop(taken);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

fn id(event: &Json) -> &str {
    event["event_id"].as_str().unwrap_or_default()
}

/// Whether an event is of one of the sites that were visited, and of a browser that visited them.
fn is_of(event: &Json, shown: &Shown) -> bool {
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    let visited: Vec<Origin> = shown.pages.iter().filter_map(|page| origin(page)).collect();
    let is_visited = event["url"]
        .as_str()
        .and_then(origin)
        .is_some_and(|origin| visited.contains(&origin));
    let is_visitors = event["user_agent"]
        .as_str()
        .is_none_or(|agent| shown.user_agents.is_empty() || shown.user_agents.contains(agent));
    is_visited && is_visitors
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({ "url": "https://a.test/login#x", "user_agent": "A" }), true)]
    #[case(json!({ "url": "https://a.test/signup" }), true)]
    #[case::of_another_visitor(json!({ "url": "https://a.test/signup", "user_agent": "B" }), false)]
    #[case::of_another_site(json!({ "url": "https://b.test/signup", "user_agent": "A" }), false)]
    #[case::without_a_page(json!({}), false)]
    fn an_event_is_known_by_the_site_and_the_browser(#[case] event: Json, #[case] expected: bool) {
        let shown = Shown {
            pages: vec!["https://a.test/signup".to_owned()],
            user_agents: ["A".to_owned()].into(),
        };
        assert_eq!(is_of(&event, &shown), expected);
    }
}

//! Calls whose connection was cut before a response came. Firefox tells the page at once, and the one who watches nothing more: so
//! a call has failed that waits for a host to which no connection leads any more.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use url::Url;

use crate::{
    calls::{Activity, BrowserCall, CallOutcome},
    gateway::{Host, Traffic},
};

/// How long Firefox may take to say itself what became of a call.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// What is said of such a call.
const CUT: &str = "the connection was cut before a response came";

/// Ends such calls of a visit, as long as there is one.
pub(super) fn watch(traffic: &Traffic, activity: &Arc<Activity>) {
    let (traffic, activity) = (traffic.clone(), Arc::downgrade(activity));
    let mut changes = traffic.changes();
    tokio::spawn(async move {
        let mut before = HashMap::new();
        while changes.changed().await.is_ok() {
            let now = changes.borrow_and_update().clone();
            if activity.strong_count() == 0 {
                return;
            }
            for (name, host) in &now {
                if host.open == 0 && before.get(name) != Some(host) {
                    tokio::spawn(settle(
                        traffic.clone(),
                        Weak::clone(&activity),
                        (name.clone(), *host),
                    ));
                }
            }
            before = now;
        }
    });
}

/// Ends the calls that wait for a host whose last connection has just ended, unless there is a new one soon.
async fn settle(traffic: Traffic, activity: Weak<Activity>, (name, ended): (String, Host)) {
    let waiting = |activity: &Activity| {
        let calls = activity.calls().into_iter();
        let calls =
            calls.filter(|call| call.outcome == CallOutcome::Pending && goes_to(call, &name));
        calls.map(|call| call.id).collect::<Vec<_>>()
    };
    let Some(calls) = activity.upgrade().map(|activity| waiting(&activity)) else {
        return;
    };
    if calls.is_empty() {
        return;
    }
    tokio::time::sleep(TOLD_WITHIN).await;
    if traffic.of(&name) != ended {
        return;
    }
    if let Some(activity) = activity.upgrade() {
        activity.record(|record| {
            for call in record.pending().filter(|call| calls.contains(&call.id)) {
                call.outcome = match call.status {
                    Some(_) => CallOutcome::BrokeOff,
                    None => CallOutcome::Failed(CUT.to_owned()),
                };
            }
        });
    }
}

fn goes_to(call: &BrowserCall, host: &str) -> bool {
    let url = Url::parse(&call.url).ok();
    url.is_some_and(|url| url.host_str() == Some(host))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn call(url: &str) -> BrowserCall {
        BrowserCall {
            id: url.to_owned(),
            method: "POST".to_owned(),
            url: url.to_owned(),
            kind: "Fetch".to_owned(),
            frame: String::new(),
            request_headers: HeaderMap::new(),
            posted: None,
            status: None,
            response_headers: HeaderMap::new(),
            body_bytes: 0,
            outcome: CallOutcome::Pending,
        }
    }

    #[tokio::test]
    async fn a_call_has_failed_when_no_connection_to_its_host_is_left() {
        let (traffic, activity) = (Traffic::default(), Arc::new(Activity::default()));
        watch(&traffic, &activity);
        let open = |host: &str| traffic.open(host.to_owned());
        let (_shop, another, pay) = (
            open("shop.example"),
            open("shop.example"),
            open("pay.example"),
        );
        activity.record(|record| {
            record.begin(call("https://shop.example/api"));
            record.begin(call("https://pay.example/api"));
        });
        drop(another);
        drop(pay);
        let failed = activity.wait(10 * TOLD_WITHIN, |calls, _| {
            let ended = calls
                .iter()
                .position(|call| call.outcome != CallOutcome::Pending)?;
            Some((ended, calls[ended].outcome.clone()))
        });
        assert_eq!(failed.await, Some((1, CallOutcome::Failed(CUT.to_owned()))));
        assert_eq!(activity.calls()[0].outcome, CallOutcome::Pending);
    }
}

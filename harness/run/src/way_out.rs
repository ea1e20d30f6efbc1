//! What to do about a failure, as far as the path of its request tells the cause.

use super::record::{Failure, HopRecord};

/// What to do; nothing where the failure itself says all there is to know.
pub(super) fn of(failure: &Failure) -> Option<String> {
    let journey = &failure.journey;
    obstacle(failure)
        .or_else(|| thrown(journey))
        .or_else(|| unreachable_app(journey))
        .or_else(|| fault(journey))
        .or_else(|| rule(journey))
        .or_else(|| node(journey))
        .or_else(|| failure_mode(journey))
        .or_else(|| missing(failure))
        .or_else(|| arrived(failure))
}

/// What to do where the response itself is not the one that was expected. What a step could not do says itself why, and has
/// nothing to do with how the page came to the visitor.
fn arrived(failure: &Failure) -> Option<String> {
    let is_of_a_step = HANDS.iter().any(|done| failure.claim.contains(done));
    if is_of_a_step {
        return None;
    }
    cached(&failure.journey)
        .or_else(|| no_route(&failure.journey))
        .or_else(|| unsent(failure))
        .or_else(|| page(failure))
}

/// How the claims of a visitor's hands read.
const HANDS: [&str; 9] = [
    "` to be clicked",
    "` to be filled",
    "` to be checked",
    "` to be unchecked",
    "` to be chosen",
    "` to be submitted",
    "` to be pressed",
    "to be moved over `",
    "files to be chosen in `",
];

fn thrown(journey: &[HopRecord]) -> Option<String> {
    let exception = journey.iter().find_map(|hop| hop.exception.as_ref())?;
    if exception.contains("would never generate a response") {
        return Some(
            "find the promise that the worker awaits and that never settles; a body that was read already is a common cause"
                .to_owned(),
        );
    }
    let frame = exception
        .lines()
        .find_map(|line| line.trim().strip_prefix("at "));
    // A bundle may have made the name of the function shorter; the place is that of the sources.
    let place = frame.map(|frame| match frame.rsplit_once(" (") {
        Some((_, place)) => place.trim_end_matches(')'),
        None => frame,
    });
    Some(match place {
        // What has no source map is named as the worker's own folder has it.
        Some(frame) if !frame.contains('/') => {
            format!("nothing in the worker caught this: look at {frame} in the worker's folder")
        }
        Some(frame) => format!("nothing in the worker caught this: look at {frame}"),
        None => {
            "nothing in the worker caught this: look for what it throws or awaits last".to_owned()
        }
    })
}

fn unreachable_app(journey: &[HopRecord]) -> Option<String> {
    let hop = decided(journey, &["origin"], "did not respond")?;
    let mut words = hop.decision.as_ref()?.split_whitespace();
    let address = words.find(|word| word.contains("://"));
    let asked = address.map(|address| format!("; `curl {address}` must get a response"));
    Some(format!(
        "start the app, or correct `app:` in the scenario{}",
        asked.unwrap_or_default()
    ))
}

fn fault(journey: &[HopRecord]) -> Option<String> {
    let fault = journey.iter().find_map(|hop| hop.fault.as_ref())?;
    Some(format!(
        "the scenario has asked for this fault ({fault}): remove it from `faults`, or expect what it leads to"
    ))
}

fn rule(journey: &[HopRecord]) -> Option<String> {
    let hop = decided(journey, &["Fingerprint"], "block with")?;
    let decision = hop.decision.as_ref()?;
    decision.contains("by rule ").then(|| {
        "change this rule of the ruleset, or give the visitor another profile or other signals; `edgeproof rules test RULESET EVENT.json` tries a ruleset"
            .to_owned()
    })
}

fn failure_mode(journey: &[HopRecord]) -> Option<String> {
    let hop = decided(journey, &["worker"], "not identified")?;
    let is_closed = hop.decision.as_ref()?.contains("failure mode closed");
    Some(match is_closed {
        true => "visit an identification page and make the call there, so that its script adds signals; or set `failure_mode: open`, which lets calls without signals reach the origin",
        false => "block calls without signals with `failure_mode: closed`",
    }
    .to_owned())
}

fn node(journey: &[HopRecord]) -> Option<String> {
    decided(journey, &["Wallarm node"], "blocked in mode")?;
    Some(
        "if this is no attack, change the node's mode or lists under `node`; if it is one, expect status 403"
            .to_owned(),
    )
}

fn no_route(journey: &[HopRecord]) -> Option<String> {
    let hop = decided(journey, &["edge"], "no route matches")?;
    Some(format!(
        "to run the worker here, add a route, a page or an API to the deployment that matches; `edgeproof route {} FILE` explains it",
        hop.url
    ))
}

fn cached(journey: &[HopRecord]) -> Option<String> {
    let is_hit = |hop: &&HopRecord| {
        let mut headers = hop.response_headers.iter();
        headers.any(|(name, value)| name == "cf-cache-status" && value == "HIT")
    };
    journey.iter().find(is_hit)?;
    Some(
        "the edge served this from its cache, where an earlier request put it; if it must be fresh, have the origin send `cache-control: no-store`"
            .to_owned(),
    )
}

/// What stood in the way of a visitor's hand.
fn obstacle(failure: &Failure) -> Option<String> {
    let actual = failure.actual.as_str();
    let text = if actual.ends_with(" covers it") {
        "a visitor cannot reach it either: close first what covers it, with a `click` on the button for that"
    } else if actual.starts_with("it is not visible") {
        "do first what shows it, as a visitor must, or wait for it with `wait: { for: SELECTOR }`"
    } else if actual.starts_with("it is disabled") {
        "do first what enables it, as a visitor must"
    } else if actual.starts_with("no element matches") {
        "compare the selector with what the page has; an element that comes later needs a longer `timeout`"
    } else if actual.starts_with("no window is open") {
        "open it first with a step that does what a visitor would, and compare the URL with the one it has by now"
    } else if actual.starts_with("no frame matches") {
        "compare the selector of `frame` with what the page has; a frame that comes later needs a longer `timeout`"
    } else {
        return None;
    };
    Some(text.to_owned())
}

/// What a step waited for and did not get; how the page came to the visitor has nothing to do with it.
fn missing(failure: &Failure) -> Option<String> {
    let claim = failure.claim.as_str();
    let text = if claim.contains("` from the page") {
        return unsent(failure);
    } else if claim.starts_with("expected a dialog") {
        "say `dialog` in the step that opens one, and only there; one that comes later needs a longer `timeout`"
    } else if claim.starts_with("expected the page to show") {
        "compare it with what the page shows; what comes later needs a longer `timeout`"
    } else if claim.starts_with("expected the script to run") {
        "the script of the step threw this; compare what it looks for with what the page has"
    } else {
        return None;
    };
    Some(text.to_owned())
}

fn unsent(failure: &Failure) -> Option<String> {
    failure.claim.starts_with("expected a request").then(|| {
        "compare the method and the path with the requests that were sent; a call that comes later needs a longer `timeout`"
            .to_owned()
    })
}

fn page(failure: &Failure) -> Option<String> {
    let has = |title: &str| {
        failure
            .notes
            .iter()
            .any(|note| note.title.starts_with(title))
    };
    if failure.claim.contains("the agent to be ready") {
        let text = "make the page one of `identification_pages`, on a route of the worker: that is where it injects the agent";
        return Some(text.to_owned());
    }
    // What is visible, or not, says itself what it waited for.
    let is_waited_for = failure.claim.contains("` to be ");
    (!is_waited_for && (has("the page has") || has("the page shows"))).then(|| {
        "compare the selector with what the page has; `--report html=FILE` shows all of it, with a picture where a browser showed it"
            .to_owned()
    })
}

/// The hop to one of these at which this was decided.
fn decided<'a>(journey: &'a [HopRecord], to: &[&str], what: &str) -> Option<&'a HopRecord> {
    journey.iter().find(|hop| {
        let decision = hop.decision.as_deref().unwrap_or_default();
        to.contains(&hop.to.as_str()) && decision.contains(what)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn hop(to: &str, decision: Option<&str>, exception: Option<&str>) -> HopRecord {
        HopRecord {
            ray: None,
            from: String::new(),
            to: to.to_owned(),
            depth: 0,
            method: "GET".to_owned(),
            url: "https://shop.example/".to_owned(),
            status: None,
            started_us: 0,
            took_us: None,
            decision: decision.map(str::to_owned),
            fault: None,
            exception: exception.map(str::to_owned),
            request_headers: Vec::new(),
            request_bytes: 0,
            response_headers: Vec::new(),
            response_bytes: 0,
            request_body: None,
            response_body: None,
            log: Vec::new(),
        }
    }

    fn failure(claim: &str, actual: &str, note: &str) -> Failure {
        Failure {
            claim: claim.to_owned(),
            actual: actual.to_owned(),
            excerpt: None,
            message: None,
            nearest: None,
            call: None,
            journey: Vec::new(),
            notes: vec![crate::record::Note {
                title: note.to_owned(),
                lines: Vec::new(),
            }],
            way_out: None,
        }
    }

    #[rstest]
    #[case::covered(
        "expected `#a` to be clicked within 3s",
        "<div> covers it",
        Some("close first what covers it")
    )]
    #[case::hidden(
        "expected `#a` to be clicked within 3s",
        "it is not visible: it has display: none",
        Some("do first what shows it")
    )]
    #[case::missing(
        "expected `#a` to be clicked within 3s",
        "no element matches `#a`",
        Some("compare the selector")
    )]
    #[case::no_window(
        "expected `#a` to be clicked within 3s",
        "no window is open whose URL matches `/terms`",
        Some("open it first")
    )]
    #[case::no_frame(
        "expected `#a` to be clicked within 3s",
        "no frame matches `#pay`",
        Some("the selector of `frame`")
    )]
    #[case::told_already(
        "expected `#a` to be filled",
        "it is a file field; the step `upload` fills those",
        None
    )]
    #[case::a_request(
        "expected a request `GET /a` from the page within 5s",
        "there was none",
        Some("compare the method and the path")
    )]
    #[case::a_dialog(
        "expected a dialog to open within 2s",
        "there was none",
        Some("say `dialog`")
    )]
    #[case::a_text(
        "expected the page to show `x` within 2s",
        "it does not",
        Some("compare it with what the page shows")
    )]
    #[case::a_script(
        "expected the script to run in the page",
        "got TypeError",
        Some("the script of the step threw this")
    )]
    fn a_step_that_was_not_done_says_what_to_do_about_what_stood_in_its_way(
        #[case] claim: &str,
        #[case] actual: &str,
        #[case] expected: Option<&str>,
    ) {
        let title = "the requests that were sent, the most similar first";
        let failure = Failure {
            // How the page came is not what stood in its way.
            journey: vec![hop("edge", Some("no route matches"), None)],
            ..failure(claim, actual, title)
        };
        let way_out = of(&failure);
        let is_so = match (&way_out, expected) {
            (Some(way_out), Some(expected)) => way_out.contains(expected),
            (None, None) => true,
            _ => false,
        };
        assert!(is_so, "{way_out:?}");
    }

    #[rstest]
    #[case::thrown(
        hop("worker", None, Some("Error: no\n    at f (a.js:1:2)")),
        "look at a.js:1:2 in the worker's folder"
    )]
    #[case::thrown_in_a_source(
        hop("worker", None, Some("Error: no\n    at f (src/a.ts:1:2)")),
        "look at src/a.ts:1:2"
    )]
    #[case::app(
        hop(
            "origin",
            Some("the application at http://127.0.0.1:9 did not respond: refused"),
            None
        ),
        "`curl http://127.0.0.1:9`"
    )]
    #[case::rule(
        hop(
            "Fingerprint",
            Some("event 1.a: block with 403 by rule r_1, `x`"),
            None
        ),
        "change this rule"
    )]
    #[case::node(
        hop("Wallarm node", Some("blocked in mode block: an attack"), None),
        "the node's mode or lists"
    )]
    #[case::closed(
        hop("worker", Some("not identified: x; failure mode closed: y"), None),
        "`failure_mode: open`"
    )]
    #[case::no_route(
        hop("edge", Some("no route matches: no worker runs"), None),
        "`edgeproof route https"
    )]
    fn what_decided_says_what_to_do(#[case] hop: HopRecord, #[case] expected: &str) {
        let failure = Failure {
            claim: String::new(),
            actual: String::new(),
            excerpt: None,
            message: None,
            nearest: None,
            call: None,
            journey: vec![hop],
            notes: Vec::new(),
            way_out: None,
        };
        let told = of(&failure).unwrap();
        assert!(told.contains(expected), "{told}");
    }
}

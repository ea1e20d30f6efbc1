//! What becomes of a protected call: the rule action, or the failure mode, or nothing at all in monitoring mode.

use crate::{
    action::Action,
    configuration::Configuration,
    cors, edge_headers,
    headers::{HeaderEdit, Headers},
    identification::{Failure, Identified},
    injection::{self, Scanner, Width},
    log::{LogEntry, LogLevel},
    redirect::{self, Pass},
    request::RequestHead,
    response::OwnResponse,
    signals::{self, Signals, cookies},
    wallarm,
};

/// What becomes of a protected call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Whether it goes on.
    pub step: Step,
    /// What the agent in the page is told.
    pub agent_data: Option<String>,
    /// Why.
    pub log: LogEntry,
    /// Cookies of the platform for the visitor.
    cookies: Vec<String>,
    /// Whether the call carried signals, so that its response is completed for pages of other origins.
    had_signals: bool,
    /// Whether cookies travel only because the signals need them: the origin neither gets nor sets any.
    hides_cookies: bool,
    /// Why a redirect after the call may go through, if it may.
    grant: Option<Grant>,
}

/// Why a redirect after a call may go through.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Grant {
    /// The ruleset allowed the call, with these additions to the request.
    Rule(Vec<HeaderEdit>),
    /// It came with a pass itself.
    Pass(Pass),
}

/// Whether a protected call goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the origin, its head changed.
    Forward(Vec<HeaderEdit>),
    /// The worker responds.
    Respond(OwnResponse),
}

/// Decides about a protected call whose identification succeeded or failed.
pub fn decide(
    configuration: &Configuration,
    head: &RequestHead,
    signals: Option<&Signals>,
    identified: Result<Identified, Failure>,
) -> Protection {
    let hides_cookies = hides_cookies(head, signals);
    let mut request = own_edits(head, hides_cookies);
    let (identified, failure) = match identified {
        Ok(identified) if configuration.is_monitoring() || identified.rule_action.is_some() => {
            (Some(identified), None)
        }
        Ok(identified) => (Some(identified), Some(Failure::NoRuleAction)),
        Err(failure) => (None, Some(failure)),
    };
    let own = request.len();
    if let Some(identified) = &identified {
        request.extend(identified.known.iter().cloned());
    }
    let rule = identified
        .as_ref()
        .and_then(|identified| identified.rule_action.as_ref());
    let (action, log) = match (&failure, rule) {
        (failure, _) if configuration.is_monitoring() => (None, monitored(failure.as_ref())),
        (Some(failure), _) => (
            Some(&configuration.fallback),
            failed(failure, &configuration.fallback),
        ),
        (None, rule) => (
            rule.map(|rule| &rule.action),
            LogEntry {
                level: LogLevel::Info,
                decision: rule.map_or("allow", |rule| word(&rule.action)),
                reason: "the ruleset decided".to_owned(),
                rule: rule.and_then(|rule| rule.rule.clone()),
            },
        ),
    };
    let mut grant = None;
    let step = match action {
        None => Step::Forward(request),
        Some(Action::Allow(edits)) => {
            request.extend(edits.iter().filter(|edit| edit.is_legal()).cloned());
            if failure.is_none() {
                grant = request.get(own..).map(|added| Grant::Rule(added.to_vec()));
            }
            Step::Forward(request)
        }
        Some(Action::Block(block)) => Step::Respond(OwnResponse::of_block(block)),
    };
    let (agent_data, cookies) = identified
        .map(|identified| (Some(identified.agent_data), identified.set_cookie_headers))
        .unwrap_or_default();
    let mut protection = Protection {
        step,
        agent_data,
        log,
        cookies,
        had_signals: signals.is_some(),
        hides_cookies,
        grant,
    };
    protection.finish_response(configuration, head);
    protection
}

fn hides_cookies(head: &RequestHead, signals: Option<&Signals>) -> bool {
    head.cross_origin().is_some()
        && matches!(
            signals,
            Some(Signals::Header {
                app_sends_credentials: false
            })
        )
}

fn own_edits(head: &RequestHead, hides_cookies: bool) -> Vec<HeaderEdit> {
    let mut edits = without_own_headers(head);
    if hides_cookies {
        edits.push(HeaderEdit::remove("cookie"));
    }
    edits
}

/// The edits every request to the origin undergoes: signals, agent data, the `fp-*` set and the mark of calls to the
/// filtering node are the worker's own.
pub fn without_own_headers(head: &RequestHead) -> Vec<HeaderEdit> {
    let mut edits = edge_headers::strip(&head.headers);
    for name in ["fp-data", "fp-agent-data", wallarm::LOOP_HEADER] {
        if head.headers.contains(name) {
            edits.push(HeaderEdit::remove(name));
        }
    }
    edits.extend(cookies::strip(&head.headers));
    edits
}

fn word(action: &Action) -> &'static str {
    match action {
        Action::Allow(_) => "allow",
        Action::Block(_) => "block",
    }
}

fn monitored(failure: Option<&Failure>) -> LogEntry {
    match failure {
        None => LogEntry::new(LogLevel::Info, "allow", "monitoring mode: identified"),
        Some(failure) => LogEntry::new(
            level(failure),
            "allow",
            format!("monitoring mode: {failure}"),
        ),
    }
}

fn failed(failure: &Failure, fallback: &Action) -> LogEntry {
    LogEntry::new(
        level(failure),
        word(fallback),
        format!("failure mode: {failure}"),
    )
}

/// Visitors without signals are everyday; a platform that fails is not.
fn level(failure: &Failure) -> LogLevel {
    match failure {
        Failure::NoSignals => LogLevel::Info,
        Failure::Tampering(_) | Failure::MissingHeader(_) | Failure::ForeignPage => LogLevel::Warn,
        Failure::NotConfigured(_)
        | Failure::Deadline
        | Failure::Unreachable
        | Failure::Status(_)
        | Failure::Response(_)
        | Failure::Broken
        | Failure::NoRuleAction => LogLevel::Error,
    }
}

impl Protection {
    /// What becomes of a redirect after an allowed call: it goes on as that call did.
    pub fn of_pass(head: &RequestHead, pass: Pass) -> Self {
        let hides_cookies = hides_cookies(head, signals::find(head, None).as_ref());
        let mut request = own_edits(head, hides_cookies);
        request.extend(pass.edits.iter().cloned());
        let reason = "a redirect after an allowed call";
        Self {
            step: Step::Forward(request),
            agent_data: None,
            log: LogEntry::new(LogLevel::Info, "allow", reason),
            cookies: Vec::new(),
            had_signals: true,
            hides_cookies,
            grant: Some(Grant::Pass(pass)),
        }
    }

    /// What a redirect after the call is given; nothing where signals are asked for again.
    pub fn pass(&self, now: i64) -> Option<Pass> {
        self.grant.as_ref().map(|grant| match grant {
            Grant::Rule(edits) => Pass::new(edits.clone(), now),
            Grant::Pass(pass) => pass.clone(),
        })
    }

    /// What changes about the head of the origin's response.
    pub fn response_edits(
        &self,
        configuration: &Configuration,
        head: &RequestHead,
        response: &Headers,
    ) -> Vec<HeaderEdit> {
        let pages = &configuration.identification_pages;
        let mut edits = Vec::new();
        if self.hides_cookies && response.contains("set-cookie") {
            edits.push(HeaderEdit::remove("set-cookie"));
        }
        if self.had_signals {
            edits.extend(cors::complete(
                head,
                pages,
                response,
                self.agent_data.is_some(),
            ));
        }
        edits.extend(cookies::expire(head));
        if matches!(self.grant, Some(Grant::Pass(_))) {
            edits.push(redirect::take_back(head));
        }
        edits.extend(self.own_fields());
        if matches!(head.method.as_str(), "GET" | "HEAD") {
            // No cache gives it to whoever comes without these signals, and what was decided to nobody at all.
            let field = match &self.step {
                Step::Forward(_) => "fp-data",
                Step::Respond(_) => "*",
            };
            edits.push(HeaderEdit::append("vary", field));
        }
        edits
    }

    /// What the platform tells the browser, in fields the runtime takes.
    fn own_fields(&self) -> impl Iterator<Item = HeaderEdit> {
        let agent_data = self.agent_data.as_deref();
        let cookies = self
            .cookies
            .iter()
            .map(|cookie| HeaderEdit::append("set-cookie", cookie));
        agent_data
            .map(|data| HeaderEdit::set("fp-agent-data", data))
            .into_iter()
            .chain(cookies)
            .filter(HeaderEdit::is_legal)
    }

    /// Completes the worker's own response: readable by an allowed page, agent data in its header and in its HTML.
    fn finish_response(&mut self, configuration: &Configuration, head: &RequestHead) {
        let Step::Respond(response) = &self.step else {
            return;
        };
        let mut response = response.clone();
        if let Some(origin) = cors::allowed_origin(head, &configuration.identification_pages) {
            response
                .headers
                .retain(|(name, _)| !name.eq_ignore_ascii_case("access-control-allow-origin"));
            response.headers.push((
                "access-control-allow-origin".to_owned(),
                origin.text.to_owned(),
            ));
            let fields: Headers = response.headers.iter().cloned().collect();
            if !cors::varies_by_origin(&fields) {
                response
                    .headers
                    .push(("vary".to_owned(), "Origin".to_owned()));
            }
        }
        let fields: Headers = response.headers.iter().cloned().collect();
        for edit in self.response_edits(configuration, head, &fields) {
            response.apply(edit);
        }
        let is_html = response.is_html();
        if let (Some(prefix), Some(data), Some(body)) = (
            &configuration.route_prefix,
            &self.agent_data,
            &mut response.body,
        ) && head.is_document_navigation()
            && is_html
        {
            *body = with_agent_processor(body, head, prefix, data, &fields);
        }
        self.step = Step::Respond(response);
    }
}

fn with_agent_processor(
    body: &str,
    head: &RequestHead,
    prefix: &str,
    agent_data: &str,
    response: &Headers,
) -> String {
    let mut scanner = Scanner::new(Width::One);
    scanner.push(body.as_bytes());
    let Some(found) = scanner.finish() else {
        return body.to_owned();
    };
    let nonce = injection::verdict(head, prefix, response, &found).nonce;
    let element = injection::agent_processor(prefix, agent_data, nonce.as_deref(), None);
    let (before, behind) = body.split_at_checked(found.position).unwrap_or((body, ""));
    [before, element.as_str(), behind].concat()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::identification::judge;

    const NOW: i64 = 1_795_000_000_000;

    fn configuration(variables: &[(&str, &str)]) -> Configuration {
        let defaults = [
            ("WORKER_ROUTE_PREFIX", "fp"),
            ("FP_SECRET_KEY", "sk"),
            ("FP_RULESET_ID", "rs_1"),
            ("IDENTIFICATION_PAGE_URLS", r#"["https://app.example/*"]"#),
        ];
        Configuration::read(|name| {
            let mut all = variables.iter().chain(&defaults);
            all.find(|(variable, _)| *variable == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    fn head(lines: &str) -> RequestHead {
        let lines = format!("cf-connecting-ip: 203.0.113.7\n{lines}");
        RequestHead::new(
            "POST",
            "https://shop.example/api",
            Headers::from_lines(&lines),
        )
        .unwrap()
    }

    const SAME_ORIGIN: &str = "origin: https://shop.example\nfp-data: abc";
    const CROSS_ORIGIN: &str = "origin: https://app.example\nfp-data: abc\ncookie: a=b";

    fn identified(rule_action: &Value) -> Result<Identified, Failure> {
        identified_with(&configuration(&[]), rule_action)
    }

    fn identified_with(
        configuration: &Configuration,
        rule_action: &Value,
    ) -> Result<Identified, Failure> {
        let head = RequestHead::new(
            "GET",
            "https://shop.example/",
            Headers::from_lines("cf-connecting-ip: ::1"),
        );
        let response = json!({
            "agent_data": "agent",
            "rule_action": rule_action,
            "set_cookie_headers": ["_iidt=1; Path=/", "broken\r\nx: y"],
            "event": {
                "replayed": false, "timestamp": NOW, "url": "https://shop.example/", "ip_address": "::1",
                "ip_info": {}, "vpn": true,
            },
        });
        judge(
            configuration,
            &head.unwrap(),
            200,
            response.to_string().as_bytes(),
            NOW,
        )
    }

    fn block() -> Value {
        json!({"type": "block", "ruleset_id": "rs_1", "rule_id": "r_1", "status_code": 451,
            "headers": [{"name": "x-rule", "value": "1"}], "body": "blocked"})
    }

    fn allow() -> Value {
        json!({"type": "allow", "ruleset_id": "rs_1", "request_header_modifications":
            {"set": [{"name": "x-risk", "value": "low"}, {"name": "bad name", "value": "x"}]}})
    }

    fn signals(app_sends_credentials: bool) -> Signals {
        Signals::Header {
            app_sends_credentials,
        }
    }

    fn decided(
        configuration: &Configuration,
        head: &RequestHead,
        result: Result<Identified, Failure>,
    ) -> Protection {
        decide(configuration, head, Some(&signals(false)), result)
    }

    fn response(protection: &Protection) -> &OwnResponse {
        match &protection.step {
            Step::Respond(response) => response,
            Step::Forward(edits) => panic!("forwarded with {edits:?}"),
        }
    }

    fn forwarded(protection: &Protection) -> &[HeaderEdit] {
        match &protection.step {
            Step::Forward(edits) => edits,
            Step::Respond(response) => panic!("answered with {response:?}"),
        }
    }

    fn has(response: &OwnResponse, name: &str, value: &str) -> bool {
        response
            .headers
            .iter()
            .any(|(field, text)| field.eq_ignore_ascii_case(name) && text == value)
    }

    #[test]
    fn a_block_action_is_the_response() {
        let protection = decided(
            &configuration(&[]),
            &head(SAME_ORIGIN),
            identified(&block()),
        );
        let response = response(&protection);
        assert_eq!(
            (response.status, response.body.as_deref()),
            (451, Some("blocked"))
        );
        assert!(has(response, "x-rule", "1") && has(response, "fp-agent-data", "agent"));
        assert!(has(response, "content-type", "text/plain;charset=UTF-8"));
        assert!(has(response, "set-cookie", "_iidt=1; Path=/"));
        assert_eq!(
            response.headers.len(),
            4,
            "a cookie the runtime refuses is left out"
        );
        assert_eq!(
            (protection.log.decision, protection.log.rule.as_deref()),
            ("block", Some("r_1"))
        );
    }

    #[test]
    fn an_allow_action_changes_the_request_and_keeps_the_signals_from_the_origin() {
        let head = head("origin: https://shop.example\nfp-data: abc\nfp-agent-data: x\nfp-vpn: ?0");
        let protection = decided(&configuration(&[]), &head, identified(&allow()));
        assert_eq!(
            forwarded(&protection),
            [
                HeaderEdit::remove("fp-vpn"),
                HeaderEdit::remove("fp-data"),
                HeaderEdit::remove("fp-agent-data"),
                HeaderEdit::set("x-risk", "low"),
            ]
        );
    }

    #[test]
    fn with_the_edge_api_the_origin_is_told_what_is_known() {
        let configuration = configuration(&[("FP_EDGE_API", "true")]);
        let identified = identified_with(&configuration, &allow());
        let protection = decided(&configuration, &head(SAME_ORIGIN), identified);
        assert!(forwarded(&protection).contains(&HeaderEdit::set("fp-vpn", "?1")));
    }

    #[rstest]
    #[case(204)]
    #[case(205)]
    #[case(304)]
    fn a_block_action_without_room_for_a_body_has_none(#[case] status: u16) {
        let mut action = block();
        action["status_code"] = json!(status);
        action["headers"] =
            json!([{"name": "bad name", "value": "x"}, {"name": "Content-Length", "value": "9"}]);
        let protection = decided(&configuration(&[]), &head(SAME_ORIGIN), identified(&action));
        let response = response(&protection);
        assert_eq!((response.status, &response.body), (status, &None));
        assert!(
            response
                .headers
                .iter()
                .all(|(name, _)| name == "fp-agent-data" || name == "set-cookie")
        );
    }

    #[rstest]
    #[case(Failure::NoSignals, LogLevel::Info)]
    #[case(Failure::Deadline, LogLevel::Error)]
    #[case(Failure::Status(500), LogLevel::Error)]
    #[case(Failure::NotConfigured("FP_SECRET_KEY"), LogLevel::Error)]
    #[case(Failure::MissingHeader("host"), LogLevel::Warn)]
    #[case(
        Failure::Tampering(crate::tampering::Tampering::Replayed),
        LogLevel::Warn
    )]
    fn the_failure_mode_decides_about_failures(#[case] failure: Failure, #[case] level: LogLevel) {
        const OPEN: (&str, &str) = ("FP_FAILURE_FALLBACK_ACTION", r#"{"type":"allow"}"#);
        let head = head(SAME_ORIGIN);
        let closed = decided(&configuration(&[]), &head, Err(failure.clone()));
        assert_eq!(
            (response(&closed).status, &response(&closed).body),
            (403, &None)
        );
        assert_eq!(closed.log.level, level);
        let open = decided(&configuration(&[OPEN]), &head, Err(failure.clone()));
        assert_eq!(forwarded(&open), [HeaderEdit::remove("fp-data")]);
        let monitoring = decided(
            &configuration(&[("FP_RULESET_ID", "")]),
            &head,
            Err(failure),
        );
        assert_eq!(forwarded(&monitoring), [HeaderEdit::remove("fp-data")]);
        assert_eq!(monitoring.agent_data, None);
    }

    #[test]
    fn without_a_rule_action_the_failure_mode_decides_and_the_agent_is_told() {
        let protection = decided(
            &configuration(&[]),
            &head(SAME_ORIGIN),
            identified(&Value::Null),
        );
        assert_eq!(response(&protection).status, 403);
        assert!(has(response(&protection), "fp-agent-data", "agent"));
    }

    #[test]
    fn in_monitoring_mode_a_rule_blocks_nothing() {
        let configuration = configuration(&[("FP_RULESET_ID", "")]);
        let protection = decided(&configuration, &head(SAME_ORIGIN), identified(&block()));
        assert_eq!(forwarded(&protection), [HeaderEdit::remove("fp-data")]);
        assert_eq!(protection.agent_data.as_deref(), Some("agent"));
    }

    #[rstest]
    #[case(CROSS_ORIGIN, false, true)]
    #[case(CROSS_ORIGIN, true, false)]
    #[case("origin: https://shop.example\ncookie: a=b", false, false)]
    fn cookies_that_travel_for_the_signals_only_stay_hidden(
        #[case] lines: &str,
        #[case] app_sends_credentials: bool,
        #[case] is_hidden: bool,
    ) {
        let head = head(lines);
        let signals = signals(app_sends_credentials);
        let protection = decide(
            &configuration(&[]),
            &head,
            Some(&signals),
            identified(&allow()),
        );
        let origin = Headers::from_lines("set-cookie: origin=1");
        let edits = protection.response_edits(&configuration(&[]), &head, &origin);
        assert_eq!(
            forwarded(&protection).contains(&HeaderEdit::remove("cookie")),
            is_hidden
        );
        assert_eq!(edits.contains(&HeaderEdit::remove("set-cookie")), is_hidden);
        assert!(edits.contains(&HeaderEdit::append("set-cookie", "_iidt=1; Path=/")));
    }

    #[test]
    fn an_allowed_page_may_read_why_it_was_blocked() {
        let protection = decided(
            &configuration(&[]),
            &head(CROSS_ORIGIN),
            identified(&block()),
        );
        for (name, value) in [
            ("access-control-allow-origin", "https://app.example"),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "fp-agent-data"),
            ("vary", "Origin"),
        ] {
            assert!(has(response(&protection), name, value), "{name}");
        }
    }

    #[rstest]
    #[case("origin: https://app.example", true)]
    #[case("origin: https://other.example", false)]
    fn without_signals_an_allowed_page_learns_the_status_only(
        #[case] lines: &str,
        #[case] is_allowed: bool,
    ) {
        let protection = decide(
            &configuration(&[]),
            &head(lines),
            None,
            Err(Failure::NoSignals),
        );
        let names: Vec<&str> = response(&protection)
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let expected: &[&str] = if is_allowed {
            &["access-control-allow-origin", "vary"]
        } else {
            &[]
        };
        assert_eq!(names, expected);
    }

    #[rstest]
    #[case(
        "text/html",
        "document",
        "<head><script data-agent-data=\"agent\" async src=\"/fp/agent-processor.iife.js\"></script>x"
    )]
    #[case("text/html", "empty", "<head>x")]
    #[case("text/plain", "document", "<head>x")]
    fn a_blocked_navigation_tells_the_agent_in_its_page(
        #[case] content_type: &str,
        #[case] destination: &str,
        #[case] body: &str,
    ) {
        let mut action = block();
        action["headers"] = json!([{"name": "Content-Type", "value": content_type}]);
        action["body"] = json!("<head>x");
        let head = head(&format!("{SAME_ORIGIN}\nsec-fetch-dest: {destination}"));
        let protection = decided(&configuration(&[]), &head, identified(&action));
        assert_eq!(response(&protection).body.as_deref(), Some(body));
    }

    #[rstest]
    #[case::passed_on("GET", allow(), Some("fp-data"))]
    #[case::decided("GET", block(), Some("*"))]
    #[case::its_head("HEAD", allow(), Some("fp-data"))]
    #[case::in_no_cache("POST", allow(), None)]
    fn no_cache_gives_a_protected_response_to_somebody_else(
        #[case] method: &str,
        #[case] action: Value,
        #[case] expected: Option<&str>,
    ) {
        let mut head = head(SAME_ORIGIN);
        head.method = method.to_owned();
        let protection = decided(&configuration(&[]), &head, identified(&action));
        let edits = protection.response_edits(&configuration(&[]), &head, &Headers::default());
        let fields = edits.into_iter().filter_map(|edit| match edit {
            HeaderEdit::Append(name, field) if name == "vary" => Some(field),
            _ => None,
        });
        assert_eq!(fields.collect::<Vec<_>>(), Vec::from_iter(expected));
    }

    #[test]
    fn agent_data_the_runtime_refuses_is_in_no_header() {
        let mut response = identified(&allow()).unwrap();
        response.agent_data = "a\r\nset-cookie: b".to_owned();
        let protection = decided(&configuration(&[]), &head(SAME_ORIGIN), Ok(response));
        let edits =
            protection.response_edits(&configuration(&[]), &head(SAME_ORIGIN), &Headers::default());
        assert_eq!(edits, [HeaderEdit::append("set-cookie", "_iidt=1; Path=/")]);
    }

    #[test]
    fn only_what_a_rule_allowed_gives_a_redirect_a_pass() {
        let closed = configuration(&[]);
        let open = configuration(&[("FP_FAILURE_FALLBACK_ACTION", r#"{"type":"allow"}"#)]);
        let monitoring = configuration(&[("FP_RULESET_ID", "")]);
        let head = head(SAME_ORIGIN);
        let pass = |configuration, result| decided(configuration, &head, result).pass(NOW);
        let allowed = pass(&closed, identified(&allow()));
        let added = vec![HeaderEdit::set("x-risk", "low")];
        assert_eq!(allowed, Some(Pass::new(added, NOW)));
        assert_eq!(pass(&closed, identified(&block())), None);
        assert_eq!(pass(&open, identified(&Value::Null)), None);
        assert_eq!(pass(&open, Err(Failure::NoSignals)), None);
        assert_eq!(pass(&monitoring, identified(&allow())), None);
    }

    #[rstest]
    #[case(SAME_ORIGIN, false)]
    #[case(CROSS_ORIGIN, true)]
    fn a_redirect_goes_on_as_the_call_before_it(#[case] lines: &str, #[case] hides_cookies: bool) {
        let head = head(&format!("{lines}\nfp-vpn: ?0"));
        let pass = Pass::new(vec![HeaderEdit::set("x-risk", "low")], NOW);
        let protection = Protection::of_pass(&head, pass.clone());
        let edits = forwarded(&protection);
        assert_eq!(edits.last(), Some(&HeaderEdit::set("x-risk", "low")));
        for name in ["fp-vpn", "fp-data"] {
            assert!(edits.contains(&HeaderEdit::remove(name)), "{name}");
        }
        assert_eq!(edits.contains(&HeaderEdit::remove("cookie")), hides_cookies);
        assert_eq!(
            protection.pass(NOW + 5000),
            Some(pass),
            "it is not made younger"
        );
    }
}

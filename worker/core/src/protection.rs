//! What becomes of a protected call: the rule action, or the failure mode, or nothing at all in monitoring mode.

use crate::{
    action::{Action, Block},
    configuration::Configuration,
    cors, edge_headers,
    headers::{HeaderEdit, Headers},
    identification::{Failure, Identified},
    injection::{self, Scanner, Width},
    log::{LogEntry, LogLevel},
    request::RequestHead,
    signals::{Signals, Source, cookies},
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
    /// Whether the call carried signals, so that its answer is completed for pages of other origins.
    had_signals: bool,
    /// Whether cookies travel only because the signals need them: the origin neither gets nor sets any.
    hides_cookies: bool,
}

/// Whether a protected call goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the origin, its head changed.
    Forward(Vec<HeaderEdit>),
    /// The worker answers.
    Answer(Answer),
}

/// An answer the worker makes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its header fields; the runtime takes every one of them.
    pub headers: Vec<(String, String)>,
    /// Its body; none where the status allows none.
    pub body: Option<String>,
}

impl Answer {
    /// A plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: vec![(
                "content-type".to_owned(),
                "text/plain;charset=UTF-8".to_owned(),
            )],
            body: Some(body.into()),
        }
    }

    /// The answer of a block action. Header fields that the runtime would refuse, or that describe the connection, are
    /// left out, and so is a body where the status allows none: a rule never ends in an exception.
    fn of_block(block: &Block) -> Self {
        let mut headers: Vec<(String, String)> = block
            .headers
            .iter()
            .filter(|(name, value)| HeaderEdit::set(name, value).is_legal() && !is_framing(name))
            .cloned()
            .collect();
        let body = block
            .body
            .clone()
            .filter(|_| !matches!(block.status, 204 | 205 | 304));
        let has_type = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if body.is_some() && !has_type {
            headers.push((
                "content-type".to_owned(),
                "text/plain;charset=UTF-8".to_owned(),
            ));
        }
        Self {
            status: block.status,
            headers,
            body,
        }
    }

    fn is_html(&self) -> bool {
        self.headers.iter().any(|(name, value)| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            name.eq_ignore_ascii_case("content-type") && essence.eq_ignore_ascii_case("text/html")
        })
    }
}

fn is_framing(name: &str) -> bool {
    [
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
    ]
    .iter()
    .any(|framing| name.eq_ignore_ascii_case(framing))
}

/// Decides about a protected call whose identification succeeded or failed.
pub fn decide(
    configuration: &Configuration,
    head: &RequestHead,
    signals: Option<&Signals>,
    identified: Result<Identified, Failure>,
) -> Protection {
    let source = signals.map(|signals| signals.source);
    let hides_cookies = head.cross_origin().is_some()
        && matches!(
            source,
            Some(Source::Header {
                app_sends_credentials: false
            })
        );
    let mut request = without_own_headers(head);
    if hides_cookies {
        request.push(HeaderEdit::remove("cookie"));
    }
    let (identified, failure) = match identified {
        Ok(identified) if configuration.is_monitoring() || identified.rule_action.is_some() => {
            (Some(identified), None)
        }
        Ok(identified) => (Some(identified), Some(Failure::NoRuleAction)),
        Err(failure) => (None, Some(failure)),
    };
    if let Some(identified) = identified.as_ref().filter(|_| configuration.edge_api) {
        request.extend(edge_headers::state(&identified.event.intelligence));
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
    let step = match action {
        None => Step::Forward(request),
        Some(Action::Allow(edits)) => {
            request.extend(edits.iter().filter(|edit| edit.is_legal()).cloned());
            Step::Forward(request)
        }
        Some(Action::Block(block)) => Step::Answer(Answer::of_block(block)),
    };
    let (agent_data, cookies) = identified
        .map(|identified| {
            (
                Some(identified.agent_data),
                identified.set_cookie_headers.unwrap_or_default(),
            )
        })
        .unwrap_or_default();
    let mut protection = Protection {
        step,
        agent_data,
        log,
        cookies,
        had_signals: signals.is_some(),
        hides_cookies,
    };
    protection.finish_answer(configuration, head);
    protection
}

/// The edits every request to the origin undergoes: signals, agent data and the `fp-*` set are the worker's own.
pub fn without_own_headers(head: &RequestHead) -> Vec<HeaderEdit> {
    let mut edits = edge_headers::strip(&head.headers);
    for name in ["fp-data", "fp-agent-data"] {
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
        Failure::Tampering(_) | Failure::MissingHeader(_) => LogLevel::Warn,
        Failure::NotConfigured(_)
        | Failure::Deadline
        | Failure::Unreachable
        | Failure::Status(_)
        | Failure::Answer(_)
        | Failure::Broken
        | Failure::NoRuleAction => LogLevel::Error,
    }
}

impl Protection {
    /// What changes about the head of the origin's answer.
    pub fn answer_edits(&self, head: &RequestHead, answer: &Headers) -> Vec<HeaderEdit> {
        let mut edits = Vec::new();
        if self.hides_cookies && answer.contains("set-cookie") {
            edits.push(HeaderEdit::remove("set-cookie"));
        }
        if self.had_signals {
            edits.extend(cors::complete(head, answer, self.agent_data.is_some()));
        }
        edits.extend(self.own_fields());
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

    /// Completes the worker's own answer: readable by an allowed page, agent data in its header and in its HTML.
    fn finish_answer(&mut self, configuration: &Configuration, head: &RequestHead) {
        let Step::Answer(answer) = &self.step else {
            return;
        };
        let mut answer = answer.clone();
        if let Some(origin) = cors::allowed_origin(head, &configuration.identification_pages) {
            answer
                .headers
                .retain(|(name, _)| !name.eq_ignore_ascii_case("access-control-allow-origin"));
            answer.headers.push((
                "access-control-allow-origin".to_owned(),
                origin.text.to_owned(),
            ));
            let fields: Headers = answer.headers.iter().cloned().collect();
            if !cors::varies_by_origin(&fields) {
                answer
                    .headers
                    .push(("vary".to_owned(), "Origin".to_owned()));
            }
        }
        let fields: Headers = answer.headers.iter().cloned().collect();
        for edit in self.answer_edits(head, &fields) {
            apply(&mut answer.headers, edit);
        }
        let is_html = answer.is_html();
        if let (Some(prefix), Some(data), Some(body)) = (
            &configuration.route_prefix,
            &self.agent_data,
            &mut answer.body,
        ) && head.is_document_navigation()
            && is_html
        {
            *body = with_agent_processor(body, prefix, data, &fields);
        }
        self.step = Step::Answer(answer);
    }
}

fn with_agent_processor(body: &str, prefix: &str, agent_data: &str, answer: &Headers) -> String {
    let mut scanner = Scanner::new(Width::One);
    scanner.push(body.as_bytes());
    let Some(found) = scanner.finish() else {
        return body.to_owned();
    };
    let nonce = injection::verdict(answer, &found).nonce;
    let element = injection::agent_processor(prefix, agent_data, nonce.as_deref());
    let (before, behind) = body.split_at_checked(found.position).unwrap_or((body, ""));
    [before, element.as_str(), behind].concat()
}

fn apply(headers: &mut Vec<(String, String)>, edit: HeaderEdit) {
    let is = |wanted: &str, name: &str| name.eq_ignore_ascii_case(wanted);
    match edit {
        HeaderEdit::Remove(wanted) => headers.retain(|(name, _)| !is(&wanted, name)),
        HeaderEdit::Set(wanted, value) => {
            headers.retain(|(name, _)| !is(&wanted, name));
            headers.push((wanted, value));
        }
        HeaderEdit::Append(name, value) => headers.push((name, value)),
    }
}

//! Keeps secrets out of every report, message and log that leaves a run: gathers what a case must not tell, and hides it in
//! the record of the case.

use std::{env, ffi::OsString};

use edgeproof_document::node::{Meaning, Value, YamlNode};
pub use edgeproof_ground::redaction::{REDACTED, Redactor};
use edgeproof_ground::{
    redaction::{Telling, is_secret, is_secret_variable},
    trace::Exchange,
    visible::visible,
};
use edgeproof_origin::RecordedRequest;
use http::HeaderMap;

use super::{
    observed::ObservedCall,
    record::{CaseRecord, Failure},
};

/// Bytes of a body in which secrets are looked for; a longer one is not shown whole anyway.
const BODY: usize = 256 * 1024;

/// What a case must not tell.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Telling);

impl Secrets {
    /// What a scenario says, and this process's environment.
    pub fn of_scenario(scenario: &YamlNode) -> Self {
        let mut secrets = Self::default();
        secrets.environment(env::vars_os());
        secrets.add_node(scenario, false);
        secrets
    }

    fn environment(&mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) {
        for (name, value) in variables {
            if is_secret_variable(&name.to_string_lossy()) {
                self.0.found(&value.to_string_lossy());
            }
        }
    }

    fn add_node(&mut self, node: &YamlNode, named: bool) {
        match &node.value {
            Value::Map(entries) => {
                for (key, value) in entries {
                    if key.text == "variables" {
                        self.add_variables(value);
                    }
                    self.add_node(value, named || is_secret(&key.text));
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.add_node(item, named)),
            Value::Plain(scalar) if named && matches!(scalar.meaning, Meaning::Integer(_)) => {
                self.0.found(&scalar.written);
            }
            Value::Plain(_) => {}
            Value::Text(text) if named => self.0.found(text),
            Value::Text(text) => self.0.found_in(text),
        }
    }

    fn add_variables(&mut self, variables: &YamlNode) {
        let Value::Map(variables) = &variables.value else {
            return;
        };
        for (name, value) in variables {
            if let Value::Text(text) = &value.value {
                self.0.variable(&name.text, text);
            }
        }
    }

    /// Texts that somebody declared secrets.
    pub fn add_declared(&mut self, secrets: impl IntoIterator<Item = String>) {
        for secret in secrets {
            self.0.declared(&secret);
        }
    }

    /// What a value of this name is worth hiding for.
    pub fn add_named(&mut self, name: &str, value: &str) {
        if is_secret(name) {
            self.0.found(value);
        }
    }

    /// What names say is secret in these hops, as far as they are kept: a page or a log may repeat it.
    pub fn add_heads(&mut self, exchanges: &[Exchange]) {
        for exchange in exchanges {
            self.0.found_in(&exchange.request.url);
            self.add_headers(&exchange.request.headers);
            if let Ok(body) = exchange.request_body() {
                self.add_body(&body);
            }
            if let Some(response) = &exchange.response {
                self.add_headers(&response.headers);
            }
        }
    }

    /// The same of what the origin or the node saw, bodies included.
    pub fn add_requests(&mut self, requests: &[RecordedRequest]) {
        for request in requests {
            self.add_headers(&request.headers);
            self.add_body(&request.body.start);
        }
    }

    /// The same of a call and its response.
    pub fn add_call(&mut self, call: &ObservedCall) {
        self.0.found_in(&call.url);
        self.add_headers(&call.sent_headers);
        self.add_headers(&call.headers);
        if let Some(sent) = &call.sent_body {
            self.add_body(sent);
        }
        self.add_body(&call.body);
    }

    /// The same of headers.
    pub fn add_headers(&mut self, headers: &HeaderMap) {
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            if is_secret(name.as_str()) {
                self.0.found_in_header(name.as_str(), &value);
            } else {
                self.0.found_in(&value);
            }
        }
    }

    fn add_body(&mut self, body: &[u8]) {
        let start = &body[..body.len().min(BODY)];
        self.0.found_in(&String::from_utf8_lossy(start));
    }

    /// What hides them.
    pub fn redactor(&self) -> Redactor {
        Redactor::knowing(self.0.texts())
    }
}

/// The record without secrets, control characters as symbols.
#[must_use]
pub fn record(mut record: CaseRecord, redactor: &Redactor) -> CaseRecord {
    record.each_text(&mut |text| *text = visible(&redactor.text(text)));
    record.each_name(&mut |name| *name = visible(&redactor.without_known(name)));
    record.each_failure(&mut |failure| excerpt(failure, redactor));
    record
}

/// The same of one failure, for those who are told of it before there is a record.
pub(crate) fn failure(failure: &mut Failure, redactor: &Redactor) {
    failure.each_text(&mut |text| *text = visible(&redactor.text(text)));
    excerpt(failure, redactor);
}

/// The headers as they are shown, with their names.
pub fn headers(redactor: &Redactor, headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (
                name.as_str().to_owned(),
                redactor.header(name.as_str(), &value),
            )
        })
        .collect()
}

fn excerpt(failure: &mut Failure, redactor: &Redactor) {
    if let Some(excerpt) = &mut failure.excerpt {
        // As long as before, so that the mark stays where it is.
        excerpt.text = redactor.starred(&excerpt.text);
        *excerpt = excerpt.visible();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use edgeproof_scenario::load::load_text;

    use super::*;

    #[test]
    fn what_a_scenario_and_its_environment_call_secret_is_hidden_everywhere() {
        let text = "scenario: a\n\
            given:\n  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }\n  \
            deployments: { flow: { variables: { UPSTREAM_TOKEN: var-abcdef, GREETING: hello-2-you, MODE: monitoring } } }\n\
            steps:\n  - request: { method: POST, url: \"https://shop.example/?sig=query-1\", \
            headers: { x-auth: header-1 }, body: { json: { password: body-123 } } }\n";
        let case = &load_text(Path::new("a.yaml"), text).unwrap()[0];
        let mut secrets = Secrets::of_scenario(&case.node);
        secrets.environment([("A_KEY".into(), "env-12345".into())]);
        assert_eq!(
            secrets.redactor().text(
                "monitoring var-abcdef hello-2-you query-1 header-1 body-123 env-12345 at shop.example"
            ),
            "monitoring [redacted] [redacted] [redacted] [redacted] [redacted] [redacted] at shop.example"
        );
    }
}

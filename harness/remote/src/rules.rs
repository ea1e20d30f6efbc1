//! What is wrong with a target file that can be read.

use edgeproof_document::{
    node::{Value, YamlNode},
    problem::Problem,
};
use edgeproof_ground::{international, redaction::is_secret};
use http::{HeaderName, HeaderValue, header};
use url::Url;

use crate::{file::TargetFile, permitted::RUN_HEADER};

/// The most calls a second that anybody may want of somebody's site.
const MOST_CALLS: f64 = 100.0;

/// Headers that no gate can have: HTTP's own, and the one that says who visits.
const NOT_OF_A_GATE: [HeaderName; 5] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::COOKIE,
];

/// Every mistake. `written` is the file as it is written, where no variable has its value yet.
pub(crate) fn broken(file: &TargetFile, written: &YamlNode) -> Vec<Problem> {
    let mut found = Found {
        node: written,
        problems: Vec::new(),
    };
    found.hosts(file);
    found.gate(file);
    found.apis(file);
    let rate = file.calls_per_second;
    if !(rate > 0.0 && rate <= MOST_CALLS) {
        found.problem(
            &["calls_per_second"],
            format!("`{rate}` is no number of calls a second"),
            "above 0, and at most 100",
        );
    }
    found.problems
}

struct Found<'a> {
    node: &'a YamlNode,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn problem(&mut self, path: &[&str], message: String, help: &str) {
        let nearest = (0..=path.len()).rev();
        let mut nodes = nearest.filter_map(|end| self.node.at_path(path[..end].iter().copied()));
        self.problems.push(Problem {
            message,
            at: nodes.next().map_or(self.node.at, |node| node.at),
            label: "here".to_owned(),
            help: Some(help.to_owned()),
        });
    }

    fn hosts(&mut self, file: &TargetFile) {
        if file.hosts.is_empty() {
            self.problem(
                &["hosts"],
                "a target without hosts leads nowhere".to_owned(),
                "name each host of the scenarios with the one it is at the site: `shop.example: staging.shop.com`",
            );
        }
        for (name, host) in &file.hosts {
            self.host(&["hosts", name], host);
        }
        for (index, host) in file.other_hosts.iter().enumerate() {
            self.host(&["other_hosts", &index.to_string()], host);
        }
        for host in file.resolve.keys() {
            let is_named = file.hosts.values().any(|known| is_same(known, host))
                || file
                    .other_hosts
                    .iter()
                    .any(|known| is_same(known, host) || is_below(host, known));
            if !is_named {
                self.problem(
                    &["resolve", host],
                    format!("`{host}` is none of the hosts that are named"),
                    "an address is for a host at the right of `hosts`, or one of `other_hosts`",
                );
            }
        }
    }

    fn host(&mut self, path: &[&str], host: &str) {
        if host.contains(['/', ':', '*']) {
            self.problem(
                path,
                format!("`{host}` is not the name of a host"),
                "the name alone, without scheme, port, path or `*`, such as `staging.shop.com`",
            );
        } else if let Err(error) = international::host(host) {
            self.problem(path, error.to_string(), "a name such as `staging.shop.com`");
        }
    }

    fn gate(&mut self, file: &TargetFile) {
        let gate = &file.gate;
        for (name, value) in &gate.headers {
            let path = ["gate", "headers", name];
            match HeaderName::try_from(name) {
                Err(_) => self.problem(
                    &path,
                    format!("`{name}` cannot be the name of a header"),
                    "letters, digits and `-`",
                ),
                Ok(header) if NOT_OF_A_GATE.contains(&header) || header == RUN_HEADER => self.problem(
                    &path,
                    format!("the header `{name}` is not a gate's to set"),
                    "`cookies` gives cookies; `host` follows from `hosts`, and who visits is said by edgeproof",
                ),
                Ok(_) => {}
            }
            self.value(&path, value);
            if is_secret(name) {
                self.of_environment(&path);
            }
        }
        for (name, value) in &gate.cookies {
            let path = ["gate", "cookies", name];
            let is_token = HeaderName::try_from(name).is_ok();
            if !is_token || value.contains([';', ',', ' ', '"', '\\']) {
                self.problem(
                    &path,
                    "this is not a cookie".to_owned(),
                    "a name of letters, digits and `-`, and a value without blanks, `;`, `,`, `\"` or `\\`",
                );
            }
            self.value(&path, value);
            self.of_environment(&path);
        }
        if let Some(basic) = &gate.basic {
            if basic.user.contains(':') {
                self.problem(
                    &["gate", "basic", "user"],
                    "a name cannot have a `:` (RFC 7617)".to_owned(),
                    "the password has a key of its own",
                );
            }
            self.of_environment(&["gate", "basic", "password"]);
            if gate
                .headers
                .keys()
                .any(|name| name.eq_ignore_ascii_case("authorization"))
            {
                self.problem(
                    &["gate", "basic"],
                    "`basic` and the header `authorization` are one header".to_owned(),
                    "remove one of them",
                );
            }
        }
    }

    /// A value that HTTP can carry. It is not repeated: it may be a secret.
    fn value(&mut self, path: &[&str], value: &str) {
        if value.is_empty() || HeaderValue::try_from(value).is_err() {
            self.problem(
                path,
                "its value is empty, or has a character that HTTP cannot carry".to_owned(),
                "a line break at the end is easily copied along",
            );
        }
    }

    fn apis(&mut self, file: &TargetFile) {
        if let Some(fingerprint) = &file.fingerprint {
            let path = ["fingerprint", "server_api_key"];
            self.value(&path, &fingerprint.server_api_key);
            self.of_environment(&path);
            self.address(&["fingerprint", "base_url"], fingerprint.base_url.as_ref());
        }
        if let Some(cloudflare) = &file.cloudflare {
            let path = ["cloudflare", "api_token"];
            self.value(&path, &cloudflare.api_token);
            self.of_environment(&path);
            self.address(&["cloudflare", "base_url"], cloudflare.base_url.as_ref());
            if file.deployment.is_none() && cloudflare.worker.is_none() {
                self.problem(
                    &["cloudflare"],
                    "there is no deployment file to compare with what is deployed".to_owned(),
                    "name it: `deployment: signup.yaml`; or, for its log alone, the worker: `worker: NAME`",
                );
            }
        }
    }

    fn address(&mut self, path: &[&str], url: Option<&String>) {
        let is_address = |url: &&String| {
            Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        };
        if let Some(url) = url.filter(|url| !is_address(url)) {
            self.problem(
                path,
                format!("`{url}` is not the address of an API"),
                "such as `https://eu.api.fpjs.io`; plain http on this machine only",
            );
        }
    }

    /// A secret comes from the environment: the file is for everybody.
    fn of_environment(&mut self, path: &[&str]) {
        let written = self.node.at_path(path.iter().copied());
        let is_written = written.is_some_and(|node| match &node.value {
            Value::Text(text) => !text.contains("${env."),
            Value::Plain(_) => true,
            Value::List(_) | Value::Map(_) => false,
        });
        if is_written {
            self.problem(
                path,
                "a secret does not belong in a file".to_owned(),
                "let it come from the environment: `${env.NAME}`; `--env-file` reads a file that is not committed",
            );
        }
    }
}

fn is_below(host: &str, above: &str) -> bool {
    let before = host.strip_suffix(above);
    before.is_some_and(|before| before.ends_with('.'))
}

fn is_same(one: &str, other: &str) -> bool {
    international::host_or_as_written(one) == international::host_or_as_written(other)
}

//! The staging site: `edgeproof up`, and what it tells the others.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use edgeproof_ground::tools;
use serde_json::Value as Json;

/// The host of the site.
pub(crate) const HOST: &str = "staging.shop.test";

/// Runs the scenario `a.yaml` at the target `target.yaml`.
pub(crate) const AT_TARGET: [&str; 6] = [
    "run",
    "a.yaml",
    "--target",
    "target.yaml",
    "--i-may-test",
    HOST,
];

/// The rules of the site: every scenario of `scenarios/flow` with a browser that says when it is blocked finds its rule.
pub(crate) const GIVEN: &str = "\
scenario: Staging
given:
  zones: { staging.shop.test: { hosts: { staging.shop.test: { site: signup } } } }
  deployments:
    flow:
      identification_pages: [staging.shop.test/signup]
      protected_apis: [POST staging.shop.test/api/create-account*]
      failure_mode: closed
      coverage: urls
      ruleset: staging
  rulesets:
    staging:
      rules:
        - { if: 'bot == \"bad\"', block: { status: 429, body: slow down } }
        - if: incognito
          block:
            status: 403
            headers: { content-type: application/json, x-rule: no-private-windows }
            body: '{\"error\":\"please use a normal window\"}'
";

/// What a scenario of the shop gives in any case.
pub(crate) const ZONES: &str =
    "  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }\n";

/// A scenario that visits one page.
pub(crate) fn page() -> String {
    let steps = "steps: [{ request: GET https://shop.example/login, expect: { status: 200 } }]\n";
    format!("scenario: A page\ngiven:\n{ZONES}{steps}")
}

/// A rig that is up until this is dropped, with a folder for the files of the test.
pub(crate) struct Staging {
    child: Child,
    pub(crate) folder: tempfile::TempDir,
    /// Where its edge listens.
    pub(crate) address: String,
    /// What it exports: the addresses and keys of its APIs.
    pub(crate) exports: BTreeMap<String, String>,
}

/// A folder with the target of a site at this address, whose certificate this authority has signed.
pub(crate) fn target_folder(address: SocketAddr, authority: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("authority.pem"), authority).unwrap();
    let target = format!(
        "hosts: {{ shop.example: {HOST} }}\nresolve: {{ {HOST}: '{address}' }}\n\
         certificate_authority: authority.pem\n"
    );
    fs::write(folder.path().join("target.yaml"), target).unwrap();
    folder
}

impl Drop for Staging {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn staging(given: &str) -> Staging {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("staging-rig.yaml"), given).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(["up", "staging-rig.yaml"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut address, mut exports) = (String::new(), BTreeMap::new());
    for line in lines.by_ref() {
        let line = line.unwrap();
        let line = line.trim();
        if let Some((_, at)) = line.split_once(", at ") {
            address = at.trim_end_matches(':').to_owned();
        }
        let mut words = line
            .split_whitespace()
            .skip_while(|word| *word != "--cacert");
        if let Some(certificate) = words.nth(1) {
            fs::copy(certificate, folder.path().join("authority.pem")).unwrap();
        }
        if let Some((name, value)) = line
            .strip_prefix("export ")
            .and_then(|pair| pair.split_once('='))
        {
            exports.insert(name.to_owned(), value.to_owned());
        }
        if line == "Press Ctrl-C to stop it." {
            break;
        }
    }
    // What it says later is read, or it would wait for room in the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    assert!(!address.is_empty() && exports.len() > 4, "{exports:?}");
    Staging {
        child,
        folder,
        address,
        exports,
    }
}

impl Staging {
    /// Writes a file of the test, and says where.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes a target file that leads here, with more lines at its end.
    pub(crate) fn target(&self, more: &str) -> PathBuf {
        let (address, api) = (
            &self.address,
            &self.exports["FINGERPRINT_SERVER_API_BASE_URL"],
        );
        let text = format!(
            "hosts: {{ shop.example: {HOST} }}\n\
             resolve: {{ {HOST}: '{address}' }}\n\
             certificate_authority: authority.pem\n\
             calls_per_second: 50\n\
             fingerprint: {{ server_api_key: '${{env.FINGERPRINT_SERVER_API_KEY}}', base_url: '{api}' }}\n{more}"
        );
        self.write("target.yaml", &text)
    }

    /// The lines of a target file about what is deployed.
    pub(crate) fn deployed(&self, deployment: &str) -> String {
        self.write("deployment.yaml", deployment);
        let api = &self.exports["CLOUDFLARE_API_BASE_URL"];
        format!(
            "cloudflare: {{ api_token: '${{env.CLOUDFLARE_API_TOKEN}}', base_url: '{api}' }}\n\
             deployment: deployment.yaml\n"
        )
    }

    /// The command of another process, which knows the site by its address and has the keys of its APIs.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_edgeproof"))
            .args(arguments)
            .current_dir(self.folder.path())
            .envs(&self.exports)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "120")
            .output()
            .unwrap()
    }
}

/// A path of this repository.
pub(crate) fn repository(path: &str) -> String {
    tools::home().join(path).display().to_string()
}

/// A JSON report.
pub(crate) fn report(folder: &Path, name: &str) -> Json {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What came of each case, in one word and with the reason where there is one.
pub(crate) fn verdicts(report: &Json) -> BTreeMap<String, String> {
    let word = |verdict: &Json| match verdict {
        Json::String(word) => word.clone(),
        other => {
            let (word, why) = other.as_object().unwrap().iter().next().unwrap();
            format!("{word}: {}", why.as_str().unwrap_or_default())
        }
    };
    let cases = report["cases"].as_array().unwrap().iter();
    cases
        .map(|case| {
            (
                case["name"].as_str().unwrap().to_owned(),
                word(&case["verdict"]),
            )
        })
        .collect()
}

/// What a command said, for a message.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

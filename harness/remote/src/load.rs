//! Reads a target file, with everything in it that comes from elsewhere: variables, a deployment, a certificate.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use edgeproof_browser::Gate;
use edgeproof_cloudflare::deploy::DeploymentFile;
use edgeproof_document::{
    LoadError, Mistake, node::YamlNode, problem::Problem, read, source::Sources, yaml,
};
use edgeproof_ground::international;
use edgeproof_scenario::load::Variables;
use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

use crate::{authority::Authority, file::TargetFile, rules};

/// A target file that was read and has no mistake.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it is, as it was given.
    pub path: PathBuf,
    /// What it says; the names of hosts are those on the wire.
    pub file: TargetFile,
    /// The deployment file that it names.
    pub deployment: Option<DeploymentFile>,
    pub(crate) authority: Option<Authority>,
}

impl Target {
    /// Reads the file at `path`, with these variables for `${env.NAME}`.
    ///
    /// # Errors
    /// The file cannot be read, or every mistake in it, each with its line.
    pub fn load(path: &Path, variables: &Variables) -> Result<Self, LoadError> {
        let text = fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut sources = Sources::default();
        let number = sources.add(path, text.clone());
        let mistakes = |problems: Vec<Problem>| {
            let sources = Arc::new(sources);
            let mistake = |problem| Mistake {
                problem,
                sources: Arc::clone(&sources),
            };
            LoadError::Mistakes(problems.into_iter().map(mistake).collect())
        };
        let read = yaml::parse(number, &text)
            .map_err(|problem| vec![problem])
            .and_then(|node| of_node(path, &node, variables));
        let (file, authority, deployment) = read.map_err(mistakes)?;
        let deployment = deployment
            .map(|path| DeploymentFile::load(&path))
            .transpose()?;
        Ok(Self {
            path: path.to_owned(),
            file,
            deployment,
            authority,
        })
    }

    /// The hosts of scenarios, each with the one that it is at the site.
    pub fn hosts(&self) -> &BTreeMap<String, String> {
        &self.file.hosts
    }

    /// The worker of the site: the one that the file names, or that of the deployment.
    pub fn worker(&self) -> Option<&str> {
        let named = self.file.cloudflare.as_ref()?.worker.as_deref();
        named.or_else(|| Some(self.deployment.as_ref()?.name.as_str()))
    }

    /// What no output may show.
    pub fn secrets(&self) -> Vec<String> {
        let TargetFile {
            gate,
            fingerprint,
            cloudflare,
            ..
        } = &self.file;
        let mut secrets: Vec<String> = gate.headers.values().cloned().collect();
        secrets.extend(gate.cookies.values().cloned());
        secrets.extend(gate.basic.iter().map(|basic| basic.password.clone()));
        secrets.extend(self.authorization());
        secrets.extend(fingerprint.iter().map(|api| api.server_api_key.clone()));
        secrets.extend(cloudflare.iter().map(|api| api.api_token.clone()));
        secrets
    }

    /// The header of a name and a password.
    fn authorization(&self) -> Option<String> {
        let basic = self.file.gate.basic.as_ref()?;
        let pair = format!("{}:{}", basic.user, basic.password);
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }

    /// What requests to the site carry, besides what says who visits.
    pub(crate) fn gate(&self) -> Gate {
        let written = &self.file.gate;
        let mut headers = HeaderMap::new();
        let authorization = self.authorization();
        let authorization = authorization
            .iter()
            .map(|value| (AUTHORIZATION.as_str(), value));
        let named = written
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value));
        for (name, value) in named.chain(authorization) {
            // They were looked at when the file was read.
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
        Gate {
            hosts: self.file.hosts.values().cloned().collect(),
            headers,
            cookies: written.cookies.clone().into_iter().collect(),
        }
    }
}

type Read = (TargetFile, Option<Authority>, Option<PathBuf>);

fn of_node(path: &Path, written: &YamlNode, variables: &Variables) -> Result<Read, Vec<Problem>> {
    let filled = variables.fill(written);
    let (file, mut problems) = read::read_partly::<TargetFile>(&filled.node);
    // What a variable without a value leads to is no mistake of its own.
    problems.retain(|problem| {
        filled
            .missing
            .iter()
            .all(|missing| missing.at != problem.at)
    });
    problems.extend(filled.missing);
    // A value of the environment is not repeated, whatever is wrong with it.
    for problem in &mut problems {
        for secret in &filled.secrets {
            problem.message = problem.message.replace(secret, "…");
        }
    }
    let Some(mut file) = file.filter(|_| problems.is_empty()) else {
        return Err(problems);
    };
    problems.extend(rules::broken(&file, written));
    let beside = |named: &Path| path.parent().unwrap_or(Path::new("")).join(named);
    let at = |key: &str| written.get(key).map_or(written.at, |node| node.at);
    let mut authority = None;
    if let Some(named) = &file.certificate_authority {
        match Authority::read(&beside(named)) {
            Ok(read) => authority = Some(read),
            Err(why) => problems.push(Problem {
                message: format!("`{}` is no certificate authority: {why}", named.display()),
                at: at("certificate_authority"),
                label: "here".to_owned(),
                help: Some("a file with one certificate in PEM".to_owned()),
            }),
        }
    }
    let deployment = file.deployment.as_deref().map(beside);
    if let Some(deployment) = &deployment
        && let Err(error) = fs::metadata(deployment)
    {
        problems.push(Problem {
            message: format!("`{}` cannot be read: {error}", deployment.display()),
            at: at("deployment"),
            label: "here".to_owned(),
            help: Some("the path is relative to the target file".to_owned()),
        });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    for host in file.hosts.values_mut().chain(&mut file.other_hosts) {
        *host = international::host_or_as_written(host).into_owned();
    }
    Ok((file, authority, deployment))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GOOD: &str = "\
hosts: { shop.example: staging.shop.test }
gate:
  headers: { x-staging: yes, cf-access-client-secret: \"${env.GATE}\" }
  cookies: { preview: \"${env.GATE}\" }
  basic: { user: shop, password: \"${env.GATE}\" }
fingerprint: { server_api_key: \"${env.GATE}\" }
";

    fn load(text: &str) -> Result<Target, LoadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("staging.yaml");
        fs::write(&path, text).unwrap();
        let variables = [("GATE", "hunter22hunter"), ("BROKEN", "hunter22\n")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Target::load(&path, &Variables::new(variables))
    }

    fn mistakes(text: &str) -> Vec<String> {
        let Err(LoadError::Mistakes(mistakes)) = load(text) else {
            return Vec::new();
        };
        let told = mistakes.iter().map(|mistake| {
            let place = mistake.sources.place(mistake.problem.at).unwrap();
            let Problem { message, .. } = &mistake.problem;
            format!("{}:{} {message}", place.line, place.column)
        });
        told.collect()
    }

    #[test]
    fn a_gate_has_its_headers_and_cookies_and_all_that_is_secret_is_known_as_such() {
        let target = load(GOOD).unwrap();
        let gate = target.gate();
        assert_eq!(gate.hosts, ["staging.shop.test"]);
        assert_eq!(
            gate.headers["authorization"],
            "Basic c2hvcDpodW50ZXIyMmh1bnRlcg=="
        );
        assert_eq!(gate.headers["cf-access-client-secret"], "hunter22hunter");
        assert_eq!(
            gate.cookies,
            [("preview".to_owned(), "hunter22hunter".to_owned())]
        );
        let secrets = target.secrets();
        for secret in ["hunter22hunter", "Basic c2hvcDpodW50ZXIyMmh1bnRlcg=="] {
            assert!(secrets.iter().any(|known| known == secret), "{secret}");
        }
    }

    #[rstest]
    #[case("", "", &[])]
    #[case("hosts: { shop.example: staging.shop.test }", "hosts: {}", &["1:8 a target without hosts leads nowhere"])]
    #[case("staging.shop.test }", "https://staging.shop.test/ }", &["1:24 `https://staging.shop.test/` is not the name of a host"])]
    #[case("staging.shop.test }", "'*.shop.test' }", &["1:24 `*.shop.test` is not the name of a host"])]
    #[case("gate:", "gates: {}\ngate:", &["2:1 unknown key `gates`"])]
    #[case("gate:", "calls_per_second: 0\ngate:", &["2:19 `0` is no number of calls a second"])]
    #[case("gate:", "resolve: { staging.shop.test: localhost }\ngate:", &["2:31 `localhost` is not an address; write an IP address and a port, such as `127.0.0.1:8443`"])]
    #[case("gate:", "resolve: { shop.test: 127.0.0.1:1 }\ngate:", &["2:23 `shop.test` is none of the hosts that are named"])]
    #[case("gate:", "certificate_authority: none.pem\ngate:", &["2:24 `none.pem` is no certificate authority: it cannot be read"])]
    #[case("gate:", "cloudflare: { api_token: \"${env.GATE}\" }\ngate:", &["2:13 there is no deployment file to compare with what is deployed"])]
    #[case("x-staging: yes", "host: a.test", &["3:20 the header `host` is not a gate's to set"])]
    #[case("cf-access-client-secret: \"${env.GATE}\"", "cf-access-client-secret: hunter22", &["3:55 a secret does not belong in a file"])]
    #[case("password: \"${env.GATE}\"", "password: hunter22", &["5:34 a secret does not belong in a file"])]
    #[case("preview: \"${env.GATE}\"", "preview: \"${env.NONE}\"", &["4:23 the environment variable `NONE` is not set"])]
    #[case::not_repeated("preview: \"${env.GATE}\"", "preview: \"${env.BROKEN}\"", &["4:23 its value is empty, or has a character that HTTP cannot carry"])]
    #[case("server_api_key: \"${env.GATE}\"", "server_api_key: \"${env.GATE}\", region: moon", &["6:55 `moon` is not a region"])]
    fn a_mistake_has_its_place_and_repeats_no_secret(
        #[case] from: &str,
        #[case] to: &str,
        #[case] expected: &[&str],
    ) {
        let told = mistakes(&GOOD.replacen(from, to, 1));
        let all = told.join("\n");
        assert_eq!(told.len(), expected.len(), "{all}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{all}");
        }
        assert!(!all.contains("hunter22"), "{all}");
    }
}

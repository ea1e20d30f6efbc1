//! Leave to visit a target: the file names its hosts, and the one who runs it repeats them. Without both nothing is sent.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use edgeproof_browser::{Engine, Reach, Trust};
use edgeproof_cloudflare::{
    client::{ApiError, CLOUDFLARE_API, Cloudflare, Network, Secret, ServerApi, Waiting},
    deploy::{Compared, DeployError, Deployer},
};
use edgeproof_ground::international;
use edgeproof_rig::SiteWay;
use edgeproof_scenario::case::renamed;
use http::{HeaderName, HeaderValue};

use crate::{
    events::Events,
    file,
    load::Target,
    log::{LogError, WorkerLog},
    pace::Pace,
};

/// The header of every request that says who visits, and in which run.
pub const RUN_HEADER: HeaderName = HeaderName::from_static("x-edgeproof-run");

/// A target that may be visited.
#[derive(Clone, Debug)]
pub struct Permitted {
    target: Target,
    run: String,
    network: Network,
}

/// Why a target may not be visited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// Hosts of the file were not repeated.
    #[error(
        "nothing was sent: `{}` leads to {}, which takes a word of yours; if you may test it, add {}",
        file.display(),
        all(hosts),
        flags(hosts)
    )]
    NotRepeated {
        /// The target file.
        file: PathBuf,
        /// The hosts.
        hosts: Vec<String>,
    },
    /// A host was repeated that the file does not name.
    #[error("nothing was sent: `{}` does not name {host}; it names {}", file.display(), all(named))]
    NotNamed {
        /// The target file.
        file: PathBuf,
        /// The host.
        host: String,
        /// Those that it names.
        named: Vec<String>,
    },
}

fn all(hosts: &[String]) -> String {
    hosts.join(", ")
}

fn flags(hosts: &[String]) -> String {
    let flags: Vec<String> = hosts
        .iter()
        .map(|host| format!("--i-may-test {host}"))
        .collect();
    format!("`{}`", flags.join(" "))
}

/// What is deployed beside the deployment file, or why that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// One thing a row.
    Compared(Vec<Compared>),
    /// It was not compared, for this reason.
    Unknown(String),
}

impl Permitted {
    /// A target whose hosts were all repeated, and no others. `variable` returns the environment's value of a name, by which
    /// APIs are reached as by other commands.
    ///
    /// # Errors
    /// When a host was not repeated, or is none of the target's.
    pub fn new(
        target: Target,
        repeated: &[String],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConsentError> {
        let file = || target.path.clone();
        let named: BTreeSet<String> = target.hosts().values().cloned().collect();
        let repeated: BTreeSet<String> = repeated
            .iter()
            .map(|host| international::host_or_as_written(host).into_owned())
            .collect();
        if let Some(host) = repeated.difference(&named).next() {
            return Err(ConsentError::NotNamed {
                file: file(),
                host: host.clone(),
                named: named.into_iter().collect(),
            });
        }
        let missing: Vec<String> = named.difference(&repeated).cloned().collect();
        if !missing.is_empty() {
            return Err(ConsentError::NotRepeated {
                file: file(),
                hosts: missing,
            });
        }
        Ok(Self {
            network: Network::of_environment(variable),
            target,
            run: format!("{:016x}", fastrand::u64(..)),
        })
    }

    /// What the file says.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The name of this run, as every request says it.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// How fast the site is asked.
    pub fn pace(&self) -> Pace {
        Pace::new(self.target.file.calls_per_second)
    }

    /// The way to the site, for visitors of whom those that name no engine come with this one.
    ///
    /// # Errors
    /// When the machine's own trust store, or the file that names more, cannot be read.
    pub async fn way(&self, engine: Engine) -> Result<SiteWay, ApiError> {
        let file = &self.target.file;
        let reach = Reach::new(
            file.hosts.values().cloned(),
            file.other_hosts.clone(),
            file.resolve
                .iter()
                .map(|(host, address)| (host.clone(), address.0))
                .collect(),
        );
        let authority = self.target.authority.as_ref();
        let network = match authority {
            None => self.network.clone(),
            // What the site's own authority has signed is trusted like the rest.
            Some(authority) => {
                let path = authority.file.display().to_string();
                Network::of_environment(|name| (name == "SSL_CERT_FILE").then(|| path.clone()))
            }
        };
        let mut gate = self.target.gate();
        if let Ok(run) = HeaderValue::try_from(&self.run) {
            gate.headers.insert(RUN_HEADER, run);
        }
        let trusted = Arc::new(network.trust()?);
        let trust = match authority {
            Some(authority) => {
                let hosts = file.hosts.values().chain(&file.other_hosts);
                authority.trust_at(hosts, &reach, &trusted).await
            }
            None => Trust::default(),
        };
        Ok(SiteWay::new(reach, trusted, trust, gate, engine))
    }

    /// Where events are looked up, where the file says so.
    ///
    /// # Errors
    /// When the API's address is none, or the way to it cannot be taken.
    pub fn events(&self) -> Result<Option<Events>, ApiError> {
        let Some(fingerprint) = &self.target.file.fingerprint else {
            return Ok(None);
        };
        let base = fingerprint
            .base_url
            .clone()
            .unwrap_or_else(|| format!("https://{}", fingerprint.region.host()));
        let key = Secret::new(fingerprint.server_api_key.as_str());
        let api = ServerApi::over(&base, key, Waiting::Real, &self.network)?;
        Ok(Some(Events::new(api)))
    }

    /// The log of the worker from now on, where the file says how it is looked up.
    ///
    /// # Errors
    /// When Cloudflare's API refuses or does not answer.
    pub async fn log(&self) -> Result<Option<WorkerLog>, LogError> {
        let file = &self.target.file;
        let (Some(cloudflare), Some(worker)) = (&file.cloudflare, self.target.worker()) else {
            return Ok(None);
        };
        let deployer = self.deployer(cloudflare)?;
        let account = deployer.account().await.map_err(LogError::Account)?;
        let tail = deployer.cloudflare.tail(&account, worker, &self.network);
        Ok(Some(WorkerLog::read(tail.await?)))
    }

    fn deployer(&self, cloudflare: &file::Cloudflare) -> Result<Deployer, ApiError> {
        let base = cloudflare.base_url.as_deref().unwrap_or(CLOUDFLARE_API);
        let token = Secret::new(cloudflare.api_token.as_str());
        Ok(Deployer {
            cloudflare: Cloudflare::over(base, token, Waiting::Real, &self.network)?,
            management: None,
            account: cloudflare.account.clone(),
            worker: None,
            take_over: false,
        })
    }

    /// Compares what is deployed with the deployment file.
    ///
    /// # Errors
    /// When Cloudflare's API refuses, does not answer, or tells something else than it should.
    pub async fn drift(&self) -> Result<Drift, DeployError> {
        let file = &self.target.file;
        let Some(deployment) = &self.target.deployment else {
            let why = "the target file names no deployment file";
            return Ok(Drift::Unknown(why.to_owned()));
        };
        let Some(cloudflare) = &file.cloudflare else {
            let why = "the target file gives no token of Cloudflare's API";
            return Ok(Drift::Unknown(why.to_owned()));
        };
        let deployer = self.deployer(cloudflare)?;
        let at_target = |text: &str| renamed(text, self.target.hosts());
        Ok(Drift::Compared(
            deployer.compare(deployment, at_target).await?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_scenario::load::Variables;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], Some("leads to b.test, c.test, which takes a word of yours; if you may test it, add `--i-may-test b.test --i-may-test c.test`"))]
    #[case(&["b.test"], Some("leads to c.test,"))]
    #[case(&["b.test", "c.test", "a.test"], Some("does not name a.test; it names b.test, c.test"))]
    #[case(&["B.test", "c.test"], None)]
    fn a_target_is_visited_with_two_consents_and_not_with_one(
        #[case] repeated: &[&str],
        #[case] expected: Option<&str>,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.yaml");
        std::fs::write(&path, "hosts: { a.test: b.test, d.test: c.test }").unwrap();
        let target = Target::load(&path, &Variables::default()).unwrap();
        let repeated: Vec<String> = repeated.iter().map(|host| (*host).to_owned()).collect();
        let refused = Permitted::new(target, &repeated, |_| None).err();
        let refused = refused.map(|error| error.to_string());
        assert_eq!(refused.is_some(), expected.is_some(), "{refused:?}");
        assert!(
            refused
                .unwrap_or_default()
                .contains(expected.unwrap_or_default())
        );
    }
}

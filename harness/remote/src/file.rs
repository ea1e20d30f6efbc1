//! The words of a target file.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use edgeproof_fingerprint::Region;
use edgeproof_ground::international;
use schemars::JsonSchema;
use serde::Deserialize;

/// Calls a second at most, where a file says nothing.
const CALLS_PER_SECOND: f64 = 5.0;

/// A site that is deployed, and what is needed to visit it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// The hosts of scenarios, each with the host that it is at the deployed site. Nothing is sent to any other, and to
    /// these only where the command line repeats them.
    #[serde(deserialize_with = "international::by_name")]
    pub hosts: BTreeMap<String, String>,
    /// What lets visitors through the gate in front of the site. It is sent to the hosts above and to no other.
    #[serde(default)]
    pub gate: Gate,
    /// Other hosts, each with all names below it, that pages load something from. Browsers reach them, and nobody else does;
    /// what a page asks of any host that is not named is cut.
    #[serde(default)]
    pub other_hosts: Vec<String>,
    /// Where the identification events of the site are looked up.
    pub fingerprint: Option<Fingerprint>,
    /// Where what is deployed is looked up, to be compared with the deployment file, and what the worker logs.
    pub cloudflare: Option<Cloudflare>,
    /// The deployment file that the site was deployed with, relative to this file. It may name the scenarios' hosts or the
    /// deployed ones.
    pub deployment: Option<PathBuf>,
    /// How many times a second, at most, a visitor does something that leads to requests. Default: 5.
    #[serde(default = "calls_per_second")]
    pub calls_per_second: f64,
    /// Addresses of hosts that are not looked up, such as `127.0.0.1:8443`.
    #[serde(default, deserialize_with = "international::by_name")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub resolve: BTreeMap<String, Address>,
    /// A file with the certificate, in PEM, of an authority of your own that has signed the site's, relative to this file.
    /// Default: the authorities that the machine, or the browser, trusts.
    pub certificate_authority: Option<PathBuf>,
    /// The schema that an editor checks this file with.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
}

/// The address of a host, such as `127.0.0.1:8443`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(pub SocketAddr);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        let wrong = |_| {
            format!(
                "`{written}` is not an address; write an IP address and a port, such as `127.0.0.1:8443`"
            )
        };
        written.parse().map(Self).map_err(wrong)
    }
}

/// What lets visitors through a gate.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// Headers, by name, such as the two of a service token of Cloudflare Access.
    pub headers: BTreeMap<String, String>,
    /// Cookies, by name.
    pub cookies: BTreeMap<String, String>,
    /// A name and a password (RFC 7617).
    pub basic: Option<Basic>,
}

/// A name and a password.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The name.
    pub user: String,
    /// The password, as `${env.NAME}`.
    pub password: String,
}

/// Where identification events are looked up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// A secret key of the workspace, as `${env.NAME}`. Events are read with it, and nothing is changed.
    pub server_api_key: String,
    /// Where the workspace keeps its data.
    #[serde(default)]
    pub region: Region,
    /// Another address of the Server API. Default: the region's.
    pub base_url: Option<String>,
}

/// Where what is deployed is looked up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cloudflare {
    /// A token that may read workers, their tails, routes and zones, as `${env.NAME}`. Nothing is changed with it.
    pub api_token: String,
    /// The worker whose log is looked up, by name. Default: the one of the deployment file.
    pub worker: Option<String>,
    /// The account, by id. Default: the only one that the token sees.
    pub account: Option<String>,
    /// Another address of the API. Default: Cloudflare's.
    pub base_url: Option<String>,
}

fn calls_per_second() -> f64 {
    CALLS_PER_SECOND
}

//! What Cloudflare and Fingerprint are asked with. It comes from the environment only: a flag is seen by everybody.

use edgeproof_cloudflare::{
    client::{CLOUDFLARE_API, Cloudflare, MANAGEMENT_API, Management, Network, Secret, Waiting},
    deploy::Deployer,
};

use super::CliError;

const TOKEN: &str = "CLOUDFLARE_API_TOKEN";
const KEY: &str = "FINGERPRINT_MANAGEMENT_API_KEY";

/// Addresses and keys of the APIs.
#[derive(Clone, Debug)]
pub struct Credentials {
    cloudflare: String,
    token: Option<Secret>,
    account: Option<String>,
    management: String,
    key: Option<Secret>,
    network: Network,
}

impl Credentials {
    /// Reads them from the environment; `variable` returns the value of a name.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name| variable(name).filter(|value| !value.is_empty());
        let or = |name, default: &str| text(name).unwrap_or_else(|| default.to_owned());
        Self {
            cloudflare: or("CLOUDFLARE_API_BASE_URL", CLOUDFLARE_API),
            token: text(TOKEN).map(Secret::new),
            account: text("CLOUDFLARE_ACCOUNT_ID"),
            management: or("FINGERPRINT_MANAGEMENT_API_BASE_URL", MANAGEMENT_API),
            key: text(KEY).map(Secret::new),
            network: Network::of_environment(&variable),
        }
    }

    /// A client of Cloudflare's API for one who only reads.
    pub(super) fn reader(&self) -> Result<Cloudflare, CliError> {
        self.client("an API token that may read: Zone, DNS, Workers Routes and Transform Rules")
    }

    /// The account, where it is named.
    pub(super) fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    fn client(&self, what: &'static str) -> Result<Cloudflare, CliError> {
        let name = TOKEN;
        let token = self.token.clone();
        let token = token.ok_or(CliError::NotSet { name, what })?;
        usable(TOKEN, &token)?;
        let waiting = Waiting::Real;
        Ok(Cloudflare::over(
            &self.cloudflare,
            token,
            waiting,
            &self.network,
        )?)
    }

    /// The deployer that has them.
    pub(super) fn deployer(&self, take_over: bool) -> Result<Deployer, CliError> {
        let what = "an API token with Workers Scripts:Edit, Workers Routes:Edit and DNS:Read";
        let cloudflare = self.client(what)?;
        let management = match &self.key {
            Some(key) => {
                usable(KEY, key)?;
                let (base, waiting) = (&self.management, Waiting::Real);
                Some(Management::over(base, key.clone(), waiting, &self.network)?)
            }
            None => None,
        };
        Ok(Deployer {
            cloudflare,
            management,
            account: self.account.clone(),
            worker: None,
            take_over,
        })
    }
}

/// Whether a token can be sent: a line break at its end is easily copied along.
fn usable(name: &'static str, token: &Secret) -> Result<(), CliError> {
    let wrong = token.reveal().chars().find(|c| !c.is_ascii_graphic());
    let what = match wrong {
        None => return Ok(()),
        Some('\n' | '\r') => "a line break",
        Some(c) if c.is_whitespace() => "a blank",
        Some(_) => "a character that no token has",
    };
    Err(CliError::NotAToken { name, what })
}

//! What Cloudflare and Fingerprint are asked with. It comes from the environment only: a flag is seen by everybody.

use edgeproof_cloudflare::{
    client::{CLOUDFLARE_API, Cloudflare, MANAGEMENT_API, Management, Secret, Waiting},
    deploy::Deployer,
};

use super::CliError;

const TOKEN: &str = "CLOUDFLARE_API_TOKEN";

/// Addresses and keys of the APIs.
#[derive(Clone, Debug)]
pub struct Credentials {
    cloudflare: String,
    token: Option<Secret>,
    account: Option<String>,
    management: String,
    key: Option<Secret>,
}

impl Credentials {
    /// Reads them from the environment; `variable` answers the value of a name.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name| variable(name).filter(|value| !value.is_empty());
        let or = |name, default: &str| text(name).unwrap_or_else(|| default.to_owned());
        Self {
            cloudflare: or("CLOUDFLARE_API_BASE_URL", CLOUDFLARE_API),
            token: text(TOKEN).map(Secret::new),
            account: text("CLOUDFLARE_ACCOUNT_ID"),
            management: or("FINGERPRINT_MANAGEMENT_API_BASE_URL", MANAGEMENT_API),
            key: text("FINGERPRINT_MANAGEMENT_API_KEY").map(Secret::new),
        }
    }

    /// The deployer that has them.
    pub(super) fn deployer(&self) -> Result<Deployer, CliError> {
        let token = self.token.clone().ok_or(CliError::NotSet {
            name: TOKEN,
            what: "an API token with Workers Scripts:Edit, Workers Routes:Edit and DNS:Read",
        })?;
        let management = match &self.key {
            Some(key) => Some(Management::new(
                &self.management,
                key.clone(),
                Waiting::Real,
            )?),
            None => None,
        };
        Ok(Deployer {
            cloudflare: Cloudflare::new(&self.cloudflare, token, Waiting::Real)?,
            management,
            account: self.account.clone(),
            worker: None,
        })
    }
}

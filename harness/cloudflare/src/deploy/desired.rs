//! What a file wants to be deployed.

use std::collections::{BTreeMap, BTreeSet};

use edgeproof_deployment::{Expansion, Keys, expand};

use super::{file::DeploymentFile, rules::host};
use crate::client::{Upload, UploadError};

/// The variable with the public key.
pub(super) const PUBLIC_KEY: &str = "FP_PUBLIC_KEY";

/// The secret with the secret key.
pub(super) const SECRET_KEY: &str = "FP_SECRET_KEY";

/// A deployment as Cloudflare is to have it, but for its keys.
#[derive(Clone, Debug)]
pub(super) struct Desired {
    pub(super) worker: String,
    pub(super) zone: String,
    /// Every host that a route is for.
    pub(super) hosts: BTreeSet<String>,
    pub(super) variables: BTreeMap<String, String>,
    /// Which of them are JSON.
    pub(super) json: BTreeSet<String>,
    pub(super) routes: BTreeSet<String>,
    pub(super) upload: Upload,
    /// The hash of the modules.
    pub(super) bundle: String,
    pub(super) environment: Option<String>,
    /// Hosts on which near misses of protected calls do not meet the worker.
    pub(super) uncovered: BTreeSet<String>,
}

impl Desired {
    /// What the file wants, with the worker in a directory.
    pub(super) fn of(file: &DeploymentFile, worker: &std::path::Path) -> Result<Self, UploadError> {
        // A deployment has no keys before it is made; expansion leaves empty variables out.
        let keys = Keys {
            public: "",
            secret: "",
        };
        let deployment = file.deployment();
        let Expansion {
            variables,
            json,
            routes,
            ..
        } = expand(&file.name, &deployment, keys, file.ruleset.as_deref());
        let uncovered = deployment.uncovered_hosts();
        let upload = Upload::read(worker)?.compatible(
            file.compatibility_date.clone(),
            file.compatibility_flags.clone(),
        );
        Ok(Self {
            worker: file.name.clone(),
            zone: file.zone.clone(),
            hosts: routes.iter().map(|route| host(route)).collect(),
            variables,
            json,
            routes: routes.into_iter().collect(),
            bundle: upload.hash(),
            upload,
            environment: file.environment.clone(),
            uncovered: uncovered.into_iter().map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A deployment `flow` of these routes in `shop.example`.
    pub(in crate::deploy) fn with_routes(routes: &[&str]) -> Desired {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("index.js"), "export default {}").unwrap();
        let upload = Upload::read(directory.path()).unwrap();
        Desired {
            worker: "flow".to_owned(),
            zone: "shop.example".to_owned(),
            hosts: BTreeSet::from(["shop.example".to_owned()]),
            variables: BTreeMap::from([
                ("FP_REGION".to_owned(), "eu".to_owned()),
                ("PROTECTED_APIS".to_owned(), "[1]".to_owned()),
            ]),
            json: BTreeSet::new(),
            routes: routes.iter().map(|route| (*route).to_owned()).collect(),
            bundle: upload.hash(),
            upload,
            environment: None,
            uncovered: BTreeSet::new(),
        }
    }
}

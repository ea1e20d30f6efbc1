//! Lists the Flow workers of an account.

use super::{
    Deployer,
    current::CurrentScript,
    deployed::DeployedFlow,
    error::{DeployError, Refusal},
};
use crate::client::WorkerRoute;

impl Deployer {
    /// Every Flow worker of the account, in the order of the account's list.
    ///
    /// # Errors
    /// What keeps them from being known.
    pub async fn list(&self) -> Result<Vec<DeployedFlow>, DeployError> {
        self.check_token().await?;
        let account = self.account().await?;
        let routes = self.all_routes(&account).await?;
        let mut all = Vec::new();
        for script in self.cloudflare.scripts(&account).await? {
            // Gone between the two calls: then there is nothing to list.
            if let Some(current) =
                CurrentScript::read(&self.cloudflare, &account, &script.id).await?
            {
                let deployed = DeployedFlow::of(&script.id, script.modified_on, &current, &routes);
                all.extend(deployed);
            }
        }
        Ok(all)
    }

    /// One Flow worker of the account.
    ///
    /// # Errors
    /// When there is none of this name, or what keeps it from being known.
    pub async fn show(&self, worker: &str) -> Result<DeployedFlow, DeployError> {
        self.check_token().await?;
        let account = self.account().await?;
        let found = CurrentScript::read(&self.cloudflare, &account, worker).await?;
        let not_deployed = || Refusal::NotDeployed(worker.to_owned());
        let script = found.ok_or_else(not_deployed)?;
        let routes = self.all_routes(&account).await?;
        let deployed = DeployedFlow::of(worker, None, &script, &routes);
        deployed.ok_or_else(|| not_deployed().into())
    }

    /// The routes of all zones that the token sees.
    pub(super) async fn all_routes(&self, account: &str) -> Result<Vec<WorkerRoute>, DeployError> {
        let mut routes = Vec::new();
        for zone in self.cloudflare.zones(None, Some(account)).await? {
            routes.extend(self.cloudflare.routes(&zone.id).await?);
        }
        Ok(routes)
    }
}

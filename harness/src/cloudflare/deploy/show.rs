//! Lists the Flow workers of an account.

use super::{
    Deployer,
    current::CurrentScript,
    deployed::Deployed,
    error::{DeployError, Refusal},
};

impl Deployer {
    /// Every Flow worker of the account, in the order of the account's list.
    ///
    /// # Errors
    /// What keeps them from being known.
    pub async fn list(&self) -> Result<Vec<Deployed>, DeployError> {
        self.check_token().await?;
        let account = self.account().await?;
        let mut all = Vec::new();
        for script in self.cloudflare.scripts(&account).await? {
            // Gone between the two calls: then there is nothing to list.
            if let Some(current) =
                CurrentScript::read(&self.cloudflare, &account, &script.id).await?
            {
                all.extend(Deployed::of(&script.id, script.modified_on, &current));
            }
        }
        Ok(all)
    }

    /// One Flow worker of the account, with its routes in all zones that the token sees.
    ///
    /// # Errors
    /// When there is none of this name, or what keeps it from being known.
    pub async fn show(&self, worker: &str) -> Result<Deployed, DeployError> {
        self.check_token().await?;
        let account = self.account().await?;
        let found = CurrentScript::read(&self.cloudflare, &account, worker).await?;
        let mut deployed = found
            .and_then(|script| Deployed::of(worker, None, &script))
            .ok_or_else(|| Refusal::NotDeployed(worker.to_owned()))?;
        let mut routes = Vec::new();
        for zone in self.cloudflare.zones(None, Some(&account)).await? {
            let of_zone = self.cloudflare.routes(&zone.id).await?;
            let own = of_zone
                .into_iter()
                .filter(|route| route.script.as_deref() == Some(worker));
            routes.extend(own.map(|route| route.pattern));
        }
        deployed.routes = Some(routes);
        Ok(deployed)
    }
}

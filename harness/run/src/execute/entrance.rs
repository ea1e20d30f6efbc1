//! Where visitors come in: the edge of a rig, or a site that is deployed.

use edgeproof_rig::{BrowserVisit, Rig, Site, Visitor};

use super::HarnessFault;

/// Has the visitors of a case, and lets them in.
pub(super) trait Entrance {
    /// The visitor of this name.
    fn visitor(&self, name: &str) -> Result<&Visitor, HarnessFault>;

    /// A browser for a visitor.
    async fn browser(&self, name: &str) -> Result<BrowserVisit, HarnessFault>;
}

impl Entrance for Rig {
    fn visitor(&self, name: &str) -> Result<&Visitor, HarnessFault> {
        Ok(Self::visitor(self, name)?)
    }

    async fn browser(&self, name: &str) -> Result<BrowserVisit, HarnessFault> {
        Ok(Self::browser(self, name).await?)
    }
}

impl Entrance for Site {
    fn visitor(&self, name: &str) -> Result<&Visitor, HarnessFault> {
        Ok(Self::visitor(self, name)?)
    }

    async fn browser(&self, name: &str) -> Result<BrowserVisit, HarnessFault> {
        Ok(Self::browser(self, name).await?)
    }
}

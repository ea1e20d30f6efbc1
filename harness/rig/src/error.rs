//! Why a rig cannot do what was asked.

use edgeproof_browser::BrowserError;
use edgeproof_cloudflare::plane::{GivenError, PlaneError};
use edgeproof_edge::EdgeError;
use edgeproof_fingerprint::StartError;
use edgeproof_ground::pattern::PatternError;
use edgeproof_internet::InternetError;
use edgeproof_origin::{AppError, SiteError, launch::LaunchError};
use edgeproof_runtime::{ProjectError, RuntimeError};

/// Why a rig did not start, or cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RigError {
    /// A host names neither a site nor an application, or both.
    #[error("host `{0}` needs either a `site` or an `app`")]
    Host(String),
    /// A site cannot be read.
    #[error("the site of `{host}`")]
    Site {
        /// The host.
        host: String,
        /// Why.
        source: SiteError,
    },
    /// An application has no usable address.
    #[error(transparent)]
    App(#[from] AppError),
    /// An application could not be started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// There is no worker at its path, or it asks for what is not there.
    #[error("worker `{worker}`")]
    Worker {
        /// Its name.
        worker: String,
        /// Why.
        source: ProjectError,
    },
    /// A deployment names a ruleset that is not there.
    #[error("deployment `{deployment}` names the ruleset `{ruleset}`, which is not given")]
    Ruleset {
        /// The deployment.
        deployment: String,
        /// The ruleset.
        ruleset: String,
    },
    /// A route pattern is not one.
    #[error("route of `{worker}`")]
    Route {
        /// The worker.
        worker: String,
        /// Why.
        source: PatternError,
    },
    /// No visitor has this name.
    #[error("no visitor is called `{0}`")]
    Visitor(String),
    /// The visitor has no browser.
    #[error("visitor `{0}` comes without a browser; its profile is `http`")]
    NoBrowser(String),
    /// No port could be had for a door.
    #[error("no port could be had")]
    Door(#[source] std::io::Error),
    /// The browser of a visitor is not installed, or does not start or answer.
    #[error(transparent)]
    Browser(#[from] BrowserError),
    /// The edge did not start.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// The internet did not start, or a fault makes no sense.
    #[error(transparent)]
    Internet(#[from] InternetError),
    /// The Fingerprint platform did not start.
    #[error(transparent)]
    Fingerprint(#[from] StartError),
    /// The runtime did not start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The emulated control plane did not start.
    #[error(transparent)]
    Plane(#[from] PlaneError),
    /// What is given for the control plane cannot be there.
    #[error("`{worker}` on the control plane")]
    Given {
        /// The worker.
        worker: String,
        /// Why.
        source: Box<GivenError>,
    },
    /// What was deployed on the control plane does not run at the edge.
    #[error("what was deployed does not run at the edge: {0}")]
    Propagation(String),
    /// The files of a worker could not be written.
    #[error("the files of a worker could not be written")]
    Write(#[source] std::io::Error),
}

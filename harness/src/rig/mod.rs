//! A running world: every part built from one description, stopped together.

mod apps;
mod client;
mod connector;
mod description;
mod door;
mod environment;
mod plane;
mod replacing;
mod running;
mod visit;
mod wrong_clock;

pub(crate) use apps::BorrowedApp;
pub use client::{Client, ClientError};
pub use connector::{BlockPage, Connector, ConnectorMode, RealNode};
pub use description::{
    Cookies, Deployment, Description, FailureMode, Host, Profile, ProtectedApi, ProtectedApiError,
    Visitor, VisitorHeaders, Zone,
};
pub use door::Door;
pub use environment::{Environment, EnvironmentError};
pub use running::{Rig, RigError};
pub(crate) use running::{routes, zones};
pub use visit::BrowserVisit;
pub use wrong_clock::{WrongClock, WrongClockError};

//! The user's own app as a process: started with a command of hers, shared by the scenarios that say the same, ended
//! with everything it started.
//!
//! How it is asked, once it runs, is the matter of [`super::App`].

mod description;
mod error;
mod needs;
mod output;
mod pool;
mod ready;
mod running;
mod secrets;

pub use description::{AddressPattern, Launch, LaunchMistake, Ready, Start};
pub use error::LaunchError;
pub use needs::Missing;
pub use output::{Printed, Stream};
pub use pool::{Pool, Stage};
pub use running::{Ended, RunningApp};
pub use secrets::secret_texts;

//! A running world: every part built from one description, stopped together.

mod description;

pub use description::{
    Deployment, Description, FailureMode, Host, Profile, ProtectedApi, ProtectedApiError, Visitor,
    Zone,
};

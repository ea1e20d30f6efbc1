//! Why nothing could be measured.

use std::{io, path::PathBuf};

use edgeproof_runtime::{ProjectError, RuntimeError};

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// There is no worker where one is meant.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A module of a worker could not be read.
    #[error("the worker in {} could not be read", path.display())]
    Size {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What the workers are in front of did not start.
    #[error("the origin could not be started")]
    Server(#[source] io::Error),
    /// `workerd` did not start with a worker.
    #[error("`{contender}` did not start")]
    Runtime {
        /// The worker's name.
        contender: String,
        /// Why.
        source: RuntimeError,
    },
}

impl BenchError {
    /// Whether it is the worker's doing rather than the harness's.
    pub fn is_the_workers(&self) -> bool {
        matches!(
            self,
            Self::Runtime {
                source: RuntimeError::Ended(_),
                ..
            }
        )
    }
}

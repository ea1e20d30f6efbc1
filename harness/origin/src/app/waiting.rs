//! How long a response may take: the time runs from the last piece of the request's body that was passed on, so that a
//! long upload is not taken for a slow application.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use edgeproof_ground::body::{Body, BodyError, Observer, observed};
use tokio::time::timeout;

/// No response came within the time.
#[derive(Debug, thiserror::Error)]
#[error("nothing came within {} s", .0.as_secs_f64())]
pub(super) struct Late(pub(super) Duration);

/// When the last piece of a request was passed on. Clones share it.
#[derive(Clone)]
pub(super) struct Progress(Arc<Mutex<Instant>>);

impl Progress {
    /// The request goes out now.
    pub(super) fn begin() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// The same body; each of its pieces is progress.
    pub(super) fn of(&self, body: Body) -> Body {
        observed(body, self.clone())
    }

    /// What `response` comes to, where that takes no longer than `limit` from the last progress.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        response: impl Future<Output = T>,
    ) -> Result<T, Late> {
        let mut response = pin!(response);
        loop {
            let left = limit.saturating_sub(self.last().elapsed());
            match timeout(left, &mut response).await {
                Ok(response) => return Ok(response),
                Err(_) if self.last().elapsed() < limit => {}
                Err(_) => return Err(Late(limit)),
            }
        }
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn data(&mut self, _: &Bytes) -> Result<(), BodyError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(())
    }
}

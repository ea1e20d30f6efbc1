//! Breaks off a request's body that is larger than the zone's plan allows.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use edgeproof_ground::body::{Body, BodyError, Observer, observed};

/// Whether a limited body went over its limit.
#[derive(Clone, Debug, Default)]
pub(super) struct Exceeded(Arc<AtomicBool>);

impl Exceeded {
    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// `body` while it has no more than `limit` bytes; an error after that.
pub(super) fn limited(body: Body, limit: u64) -> (Body, Exceeded) {
    let exceeded = Exceeded::default();
    let limit = Limit {
        left: limit,
        exceeded: exceeded.clone(),
    };
    (observed(body, limit), exceeded)
}

struct Limit {
    left: u64,
    exceeded: Exceeded,
}

impl Observer for Limit {
    fn data(&mut self, data: &Bytes) -> Result<(), BodyError> {
        match self.left.checked_sub(data.len() as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded.0.store(true, Ordering::Relaxed);
                return Err("the body is larger than the plan allows".into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_ground::body::full;
    use http_body_util::BodyExt;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(7, false)]
    #[case(6, true)]
    #[tokio::test]
    async fn one_byte_over_the_limit_breaks_the_body_off(
        #[case] limit: u64,
        #[case] expected: bool,
    ) {
        let (body, exceeded) = limited(full("content"), limit);
        assert_eq!(body.collect().await.is_err(), expected);
        assert_eq!(exceeded.happened(), expected);
    }
}

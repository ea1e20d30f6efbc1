//! A worker is at work until its response has ended: a body that keeps the visit open.

use bytes::Bytes;
use edgeproof_ground::body::{Body, BodyError, Observer, observed};

use super::{endpoint::OpenVisit, invocations::VisitGuard};

/// `body`; the visit is open until it has ended or was dropped.
pub(super) fn until_end(body: Body, visit: (VisitGuard, OpenVisit)) -> Body {
    observed(body, UnderWay { _visit: visit })
}

struct UnderWay {
    _visit: (VisitGuard, OpenVisit),
}

impl Observer for UnderWay {
    fn data(&mut self, _: &Bytes) -> Result<(), BodyError> {
        Ok(())
    }
}

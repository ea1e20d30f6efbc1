//! Counts the bytes of a body while it streams past a hop, and keeps its beginning where the trace is to.

use bytes::Bytes;

use super::Hop;
use crate::body::{Body, BodyError, Observer, observed};

/// Which of the two bodies of a hop is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The request's body.
    Request = 0,
    /// The response's body.
    Response = 1,
}

/// The same body; its bytes are added to the hop's record as they pass.
pub fn counted(body: Body, hop: Hop, side: Counted) -> Body {
    observed(body, Counter { hop, side })
}

struct Counter {
    hop: Hop,
    side: Counted,
}

impl Observer for Counter {
    fn data(&mut self, data: &Bytes) -> Result<(), BodyError> {
        self.hop.count(self.side, data);
        Ok(())
    }
}

//! Counts the bytes of a body while it streams past a hop, and keeps them where they are few.

use bytes::Bytes;

use super::Hop;
use crate::body::{Body, BodyError, Observer, observed};

/// Which of the two bodies of a hop is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The request's body.
    Request,
    /// The response's body.
    Response,
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
        self.hop.count(self.side, data.len() as u64);
        Ok(())
    }
}

/// The most bytes of a body that a hop keeps: more than a request to the ingress has.
pub const KEPT_BODY: usize = 256 * 1024;

/// The same body of a request; its beginning is kept with the hop's record.
pub fn kept(body: Body, hop: Hop) -> Body {
    hop.change(|exchange| exchange.request_body = Some(Bytes::new()));
    observed(body, Keeper(hop))
}

struct Keeper(Hop);

impl Observer for Keeper {
    fn data(&mut self, data: &Bytes) -> Result<(), BodyError> {
        self.0.keep(data);
        Ok(())
    }
}

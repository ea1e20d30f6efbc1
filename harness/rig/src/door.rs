//! A way into a rig for programs that know nothing of it: curl, one's own browser.

use std::net::SocketAddr;

use edgeproof_browser::Gateway;

/// A port of this machine. Whoever connects to it reaches the rig's edge as one of its visitors, with or without TLS.
/// It closes when it is dropped.
#[derive(Debug)]
pub struct Door {
    gateway: Gateway,
}

impl Door {
    pub(super) fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }
}

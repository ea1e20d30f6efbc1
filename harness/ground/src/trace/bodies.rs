//! The beginnings of the two bodies of a hop, for anyone who wants to look at them.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;

use super::Counted;
use crate::memory::Latest;

/// Bytes of one body that are kept: requests to the ingress are whole, and so are most pages.
const MOST_OF_ONE: usize = 256 * 1024;

/// The two bodies of each hop, as far as there is room for them.
pub(super) type AllBodies = Latest<[Vec<u8>; 2]>;

/// What has passed of the bodies of a hop.
#[derive(Debug)]
pub(super) struct Bodies {
    all: AllBodies,
    /// Which of them are these, once there is something of them.
    number: OnceLock<usize>,
    /// Whether that of the request is kept whatever the trace does.
    keeps_request: AtomicBool,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// Nobody has asked for it.
    NotAsked,
    /// Too many others came after it.
    Forgotten,
}

impl Bodies {
    pub(super) fn new(all: &AllBodies) -> Self {
        Self {
            all: all.clone(),
            number: OnceLock::new(),
            keeps_request: AtomicBool::new(false),
        }
    }

    /// Keeps a piece as far as there is room for it.
    pub(super) fn keep(&self, side: Counted, data: &Bytes) {
        let number = *self
            .number
            .get_or_init(|| self.all.push(Default::default(), 0));
        self.all.change(number, |bodies| {
            let body = &mut bodies[side as usize];
            let piece = data.len().min(MOST_OF_ONE.saturating_sub(body.len()));
            let room = body.capacity();
            body.extend_from_slice(&data[..piece]);
            body.capacity() - room
        });
    }

    /// What is kept of a body.
    pub(super) fn of(&self, side: Counted) -> Vec<u8> {
        self.kept(side).unwrap_or_default()
    }

    /// Keeps that of the request whatever the trace does.
    pub(super) fn keep_request(&self) {
        self.keeps_request.store(true, Ordering::Relaxed);
    }

    /// Whether a body is kept whatever the trace does.
    pub(super) fn keeps(&self, side: Counted) -> bool {
        side == Counted::Request && self.keeps_request.load(Ordering::Relaxed)
    }

    /// The beginning of the request's body, where somebody has asked for it to be kept.
    pub(super) fn of_request(&self) -> Result<Vec<u8>, NotKept> {
        if !self.keeps(Counted::Request) {
            return Err(NotKept::NotAsked);
        }
        self.kept(Counted::Request).ok_or(NotKept::Forgotten)
    }

    fn kept(&self, side: Counted) -> Option<Vec<u8>> {
        match self.number.get() {
            Some(number) => self.all.read(*number, |both| both[side as usize].clone()),
            None => Some(Vec::new()),
        }
    }
}

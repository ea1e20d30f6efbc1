//! What happened: one [`Exchange`] for each hop a request took, in the order the hops received it.

mod counted;
mod exchange;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

pub use counted::{Counted, counted};
pub use exchange::{Exchange, Party, RequestHead, ResponseHead};

/// The record of all hops of one rig. Clones share the record.
#[derive(Clone, Debug)]
pub struct Trace {
    start: Instant,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

/// A hop under way: what is learnt later (the answer, the decision) is written through it.
#[derive(Clone, Debug)]
pub struct Hop {
    trace: Trace,
    index: usize,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            exchanges: Arc::default(),
        }
    }
}

impl Trace {
    /// An empty trace whose clock starts now.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a hop when its request arrives, before anybody answers it.
    pub fn begin(&self, from: Party, to: Party, request: RequestHead) -> Hop {
        let exchange = Exchange::new(from, to, request, self.start.elapsed());
        let mut exchanges = self.lock();
        exchanges.push(exchange);
        Hop {
            trace: self.clone(),
            index: exchanges.len() - 1,
        }
    }

    /// A copy of everything recorded so far.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Exchange>> {
        // A panic elsewhere leaves the list whole: each change is one push or one field.
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hop {
    /// Writes the head of the answer and how long it took to come.
    pub fn answered(&self, response: ResponseHead) {
        let elapsed = self.trace.start.elapsed();
        self.change(|exchange| {
            exchange.took = Some(elapsed.saturating_sub(exchange.started));
            exchange.response = Some(response);
        });
    }

    /// Writes why this hop did what it did, in words a user understands.
    pub fn decided(&self, decision: impl Into<String>) {
        self.change(|exchange| exchange.decision = Some(decision.into()));
    }

    /// Writes the fault that was applied to this hop.
    pub fn faulted(&self, fault: impl Into<String>) {
        self.change(|exchange| exchange.fault = Some(fault.into()));
    }

    /// Writes the ray id, where it is known only after the hop began.
    pub fn belongs_to(&self, ray: impl Into<String>) {
        self.change(|exchange| exchange.ray = Some(ray.into()));
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Exchange)) {
        if let Some(exchange) = self.trace.lock().get_mut(self.index) {
            change(exchange);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, StatusCode};

    use super::*;

    fn request(url: &str) -> RequestHead {
        RequestHead {
            method: Method::GET,
            url: url.to_owned(),
            headers: HeaderMap::new(),
            body_bytes: 0,
        }
    }

    #[test]
    fn a_hop_is_recorded_on_arrival_and_completed_by_its_answer() {
        let trace = Trace::new();
        let hop = trace.begin(
            Party::Visitor,
            Party::Edge,
            request("https://shop.example/"),
        );
        assert!(trace.exchanges()[0].response.is_none());

        hop.answered(ResponseHead {
            status: StatusCode::FORBIDDEN,
            headers: HeaderMap::new(),
            body_bytes: 0,
        });
        hop.decided("route shop.example/* runs flow");

        let exchange = &trace.exchanges()[0];
        assert_eq!(
            exchange.response.as_ref().map(|response| response.status),
            Some(StatusCode::FORBIDDEN)
        );
        assert_eq!(
            exchange.decision.as_deref(),
            Some("route shop.example/* runs flow")
        );
    }

    #[test]
    fn the_ray_of_a_hop_is_read_from_its_request() {
        let trace = Trace::new();
        let mut head = request("https://shop.example/");
        head.headers
            .insert("cf-ray", "0123456789abcdef-FRA".parse().unwrap());
        trace.begin(Party::Edge, Party::Worker, head);
        assert_eq!(
            trace.exchanges()[0].ray.as_deref(),
            Some("0123456789abcdef-FRA")
        );
    }
}

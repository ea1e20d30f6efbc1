//! What was seen of a step: the material every expectation is judged by.

use std::time::Duration;

use bytes::Bytes;
use edgeproof_cloudflare::plane::State;
use edgeproof_ground::trace::Exchange;
use edgeproof_origin::RecordedRequest;
use edgeproof_rig::Forgotten;
use edgeproof_scenario::deploying::DeployOutcome;
use http::{HeaderMap, Method, StatusCode};

/// What was seen of one step.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The call the step made or caused; none where it caused none.
    pub call: Option<ObservedCall>,
    /// What came of a `deploy` step.
    pub deployment: Option<Deployment>,
    /// What a `probe` step found.
    pub probe: Option<edgeproof_probe::Outcome>,
    /// The live page, as HTML.
    pub live_page: Option<LivePage>,
    /// What the page has printed so far.
    pub console: Vec<String>,
    /// The page as the origin serves it without an edge in between.
    pub origin_page: Option<Bytes>,
    /// The hops of the call.
    pub hops: Vec<Exchange>,
    /// Every hop of every call so far.
    pub all_hops: Vec<Exchange>,
    /// What the origin saw of the call.
    pub origin: Vec<RecordedRequest>,
    /// Everything the origin has seen so far.
    pub origin_all: Vec<RecordedRequest>,
    /// What the filtering node saw of the call.
    pub node: Vec<RecordedRequest>,
    /// Everything the filtering node has seen so far.
    pub node_all: Vec<RecordedRequest>,
    /// What the workers have written to their console so far.
    pub log: Vec<String>,
    /// What this step asked of the control plane, and the account afterwards.
    pub control_plane: OnControlPlane,
    /// How much the rig no longer keeps of what happened so far.
    pub forgotten: Forgotten,
    /// Whether hops of this step are among it.
    pub has_lost_hops: bool,
    /// Whether all hops of the step are those of its call.
    pub is_raw: bool,
}

/// What was asked of the control plane, and the account then.
#[derive(Clone, Debug, Default)]
pub struct OnControlPlane {
    /// The hops among which its requests are.
    pub hops: Vec<Exchange>,
    /// What the account holds; nothing where no control plane is emulated.
    pub state: Option<State>,
}

/// What came of a `deploy` step.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// In one word.
    pub outcome: DeployOutcome,
    /// What the command says.
    pub text: String,
    /// Seconds that the APIs made the client wait, by the rig's clock.
    pub waited: f64,
}

/// What a browser shows.
#[derive(Clone, Debug)]
pub struct LivePage {
    /// The document as it stands.
    pub html: String,
    /// After how many bytes the response broke off that the document came in; nothing where it is complete.
    pub broke_off: Option<usize>,
}

/// A call and its response, as the visitor saw them.
#[derive(Clone, Debug)]
pub struct ObservedCall {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// The headers the visitor sent.
    pub sent_headers: HeaderMap,
    /// The body the visitor sent, where it is known.
    pub sent_body: Option<Bytes>,
    /// The status.
    pub status: StatusCode,
    /// The response headers.
    pub headers: HeaderMap,
    /// The body of the response as far as it came, without its content codings.
    pub body: Bytes,
    /// After how many bytes the body broke off; nothing where it is complete.
    pub broke_off: Option<usize>,
    /// Whether a fault of the scenario was applied on its way: then it broke off because the scenario says so.
    pub is_faulty: bool,
    /// Why the body still has its content codings, or is not known; nothing where it was decoded, or had none.
    pub undecoded: Option<String>,
    /// How long the head of the response took.
    pub took: Duration,
}

/// What was seen of a whole scenario.
#[derive(Clone, Debug, Default)]
pub struct ObservedAtEnd {
    /// Every hop.
    pub hops: Vec<Exchange>,
    /// Everything the origin saw.
    pub origin: Vec<RecordedRequest>,
    /// Everything the filtering node saw.
    pub node: Vec<RecordedRequest>,
    /// The attacks it recorded, in order.
    pub attacks: Vec<serde_json::Value>,
    /// The identification events, in order.
    pub events: Vec<serde_json::Value>,
    /// What the workers wrote to their console.
    pub log: Vec<String>,
    /// What the account of the control plane holds; nothing where none is emulated.
    pub account: Option<State>,
    /// How much the rig no longer keeps.
    pub forgotten: Forgotten,
}

impl ObservedCall {
    /// `POST https://shop.example/api/login`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    /// Why no check can read the body: a part of it does only for one that is expected to be incomplete, or that a fault of
    /// the scenario cut.
    pub fn unreadable(&self, complete: Option<bool>) -> Option<String> {
        let complete = complete.or(self.is_faulty.then_some(false));
        broken(self.broke_off, complete).or_else(|| self.undecoded.clone())
    }
}

impl LivePage {
    /// Why no check can read the page, as for the body of a call.
    pub fn unreadable(&self, complete: Option<bool>) -> Option<String> {
        broken(self.broke_off, complete)
    }
}

fn broken(after: Option<usize>, complete: Option<bool>) -> Option<String> {
    let after = after.filter(|_| complete != Some(false))?;
    Some(format!("the body broke off after {after} bytes"))
}

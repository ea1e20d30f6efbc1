//! Runs a worker for one request: asks the runtime, within the worker's limits; its failure is a page of the edge.

use std::time::{Duration, Instant};

use edgeproof_ground::{
    body::{self, Body},
    pattern::Scheme,
    trace::{Counted, Party, Trace, counted},
};
use http::{HeaderValue, Request, Response, StatusCode};

use super::{
    endpoint::WorkerEndpoint,
    front::DeployedWorkers,
    invocations::{Invocation, Invocations},
    pages::{self, ErrorCode, ErrorPageReader},
    processor, under_way,
    workers::{self, Failure, Workers},
};

/// A worker to run, and where: nowhere if it is not deployed. What was chosen is what runs, whatever is deployed meanwhile.
pub(super) struct Run {
    pub(super) worker: String,
    pub(super) endpoint: Option<WorkerEndpoint>,
}

impl Run {
    pub(super) fn of(worker: &str, deployed: &DeployedWorkers) -> Self {
        Self {
            worker: worker.to_owned(),
            endpoint: deployed.workers.get(worker).cloned(),
        }
    }
}

/// What the runtime says of a worker whose promise for a response nothing will settle.
const HANGS: &str = "would never generate a response";

/// One request to a worker.
pub(super) struct WorkerRequest {
    pub(super) run: Run,
    /// Why it runs.
    pub(super) why: String,
    pub(super) visit: Invocation,
    pub(super) request: Request<Body>,
    pub(super) scheme: Scheme,
    pub(super) reader: ErrorPageReader,
    /// What the worker's `request.cf` says.
    pub(super) cf: HeaderValue,
    /// The limit of the zone, in milliseconds of processor time.
    pub(super) cpu_ms: Option<u64>,
}

/// Who runs workers.
pub(super) struct Invoker {
    pub(super) runtime: Workers,
    /// The visitor requests that are in a worker right now.
    pub(super) invocations: Invocations,
    pub(super) trace: Trace,
}

impl Invoker {
    /// Asks the worker; its failure is a page of the edge.
    pub(super) async fn run(&self, asked: WorkerRequest) -> Response<Body> {
        let WorkerRequest {
            run,
            why,
            visit,
            request,
            scheme,
            reader,
            cf,
            cpu_ms,
        } = asked;
        let visit = self.invocations.enter(visit);
        let hop = self.trace.begin(Party::Edge, Party::Worker, &request);
        hop.decided(&why);
        hop.runs(&run.worker);
        let fail = |failure: &str, code: ErrorCode| {
            hop.decided(format!("{why}, {failure}: error {}", code.number()));
            pages::error(code, &reader)
        };
        let Some(endpoint) = run.endpoint else {
            return fail("which is not deployed", ErrorCode::WorkerThrew);
        };
        let began = Instant::now();
        let open = endpoint.in_use.visit();
        let outgoing = hop.clone();
        let request = request.map(|body| counted(body, outgoing, Counted::Request));
        let limit = [cpu_ms, endpoint.cpu_ms].into_iter().flatten().min();
        let asked = self.runtime.ask(&endpoint.socket, request, scheme, cf);
        let response = tokio::select! {
            response = asked => response,
            () = processor::used_up(endpoint.process, limit.map(Duration::from_millis)) => {
                let milliseconds = limit.unwrap_or_default();
                let failure = format!("which took more than {milliseconds} ms of processor time");
                return fail(&failure, ErrorCode::WorkerOverLimit);
            }
        };
        let mut response = match response {
            Ok(response) => response,
            Err(error) => return fail(&format!("but {error}"), ErrorCode::WorkerThrew),
        };
        hop.answered(&response);
        match workers::failure(response.status(), response.headers()) {
            Some(Failure::Threw) => {
                let thrown = endpoint.thrown.since(began).await;
                let what = match &thrown {
                    Some(thrown) if thrown.contains(HANGS) => "which hangs and will never respond",
                    Some(_) => "which threw an exception",
                    None => "which threw an exception or will never respond",
                };
                thrown.into_iter().for_each(|thrown| hop.threw(thrown));
                fail(what, ErrorCode::WorkerThrew)
            }
            Some(Failure::Overloaded) => fail("which is overloaded", ErrorCode::WorkerOverLimit),
            None => {
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    response.extensions_mut().insert(open.clone());
                }
                response.map(|body| {
                    // The worker is at work until its response has ended.
                    let body = under_way::until_end(body::stream(body), (visit, open));
                    counted(body, hop, Counted::Response)
                })
            }
        }
    }
}

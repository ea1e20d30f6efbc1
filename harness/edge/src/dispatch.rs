//! What becomes of a request that was taken in: a worker runs, or it goes to the origin.

use std::time::{Duration, Instant};

use edgeproof_deployment::FailureMode;
use edgeproof_ground::{
    body::{self, Body},
    causes::with_causes,
    pattern::{Scheme, Target},
    trace::{Counted, Party, RequestHead, ResponseHead, counted},
};
use http::{
    HeaderValue, Request, Response, StatusCode, header::ACCEPT_ENCODING, uri::PathAndQuery,
};

use super::{
    encoding::{self, Accepted},
    endpoint::WorkerEndpoint,
    front::{Arrival, DeployedWorkers, Front, normalise_uri},
    headers::{self, WorkerHeaders},
    pages::{self, ErrorCode, ErrorPageReader},
    processor,
    ray::Ray,
    request_cf::{self, Location, Protocol},
    under_way,
    workers::{self, Failure},
    zones::Zone,
};

/// What a request runs, and why.
enum Choice {
    Worker { run: Run, why: String },
    Origin { why: String },
    Refused { code: ErrorCode, why: String },
}

/// A worker to run, and where: nowhere if it is not deployed. What was chosen is what runs, whatever is deployed meanwhile.
struct Run {
    worker: String,
    endpoint: Option<WorkerEndpoint>,
}

impl Run {
    fn of(worker: &str, deployed: &DeployedWorkers) -> Self {
        Self {
            worker: worker.to_owned(),
            endpoint: deployed.workers.get(worker).cloned(),
        }
    }
}

impl Front {
    /// Routes a request and gives the response in a content coding that the visitor accepts.
    pub(super) async fn serve(&self, arrival: Arrival<'_>) -> Response<Body> {
        let method = arrival.request.method().clone();
        let accepted = Accepted::by(arrival.request.headers());
        let codings = arrival.zone.settings.codings();
        let (hop, reader) = (arrival.hop.clone(), arrival.reader.clone());
        let response = self.route(arrival).await;
        encoding::for_visitor(response, &method, &accepted, &codings)
            .await
            .unwrap_or_else(|error| {
                hop.decided(format!("{}: error 502", with_causes(&*error)));
                pages::error(ErrorCode::BadCoding, &reader)
            })
    }

    /// Routes a request and gives the response of what it runs.
    async fn route(&self, mut arrival: Arrival<'_>) -> Response<Body> {
        let unknown = Location::default();
        let location = self.visitors.get(&arrival.ip).unwrap_or(&unknown);
        let settings = &arrival.zone.settings;
        let accepted = arrival.request.headers().get(ACCEPT_ENCODING).cloned();
        headers::rewrite_for_worker(
            arrival.request.headers_mut(),
            WorkerHeaders {
                ip: arrival.ip,
                country: location.country.as_deref().unwrap_or("XX"),
                scheme: arrival.scheme,
                ray: &arrival.ray,
                forwarded_for: settings.forwarded_for_in_worker,
            },
        );
        let raw = arrival.request.uri().clone();
        if settings.normalization.incoming {
            normalise_uri(&mut arrival.request, settings.normalization);
        }
        match self.choose(&arrival) {
            Choice::Worker { run, why } => {
                arrival.hop.decided(&why);
                let cf = request_cf::request_cf(
                    location,
                    &arrival.protocol,
                    &self.colo,
                    accepted.as_ref(),
                );
                self.run(run, &why, arrival, request_cf::blob(&cf)).await
            }
            Choice::Origin { why } => {
                arrival.hop.decided(why);
                *arrival.request.uri_mut() = raw;
                self.to_origin(arrival).await
            }
            Choice::Refused { code, why } => {
                arrival.hop.decided(why);
                pages::error(code, &arrival.reader)
            }
        }
    }

    fn choose(&self, arrival: &Arrival<'_>) -> Choice {
        let uri = arrival.request.uri();
        let deployed = self.deployed();
        let route = deployed.routes.choose(Target {
            scheme: arrival.scheme,
            host: arrival.host,
            path_and_query: uri.path_and_query().map_or("/", PathAndQuery::as_str),
        });
        let (name, why) = match route {
            Some(route) => match &route.worker {
                Some(worker) => (worker, format!("route {} runs {worker}", route.pattern)),
                None => {
                    let why = format!(
                        "route {} has no worker: straight to the origin",
                        route.pattern
                    );
                    return Choice::Origin { why };
                }
            },
            None => match arrival.zone.custom_domains.get(arrival.host) {
                Some(worker) => (
                    worker,
                    format!("custom domain {} runs {worker}", arrival.host),
                ),
                None => {
                    let why = "no route matches: straight to the origin".to_owned();
                    return Choice::Origin { why };
                }
            },
        };
        if arrival.workers_left == 0 {
            return Choice::Refused {
                code: ErrorCode::LoopLimit,
                why: format!("{why}, after {} workers: error 1019", headers::MOST_WORKERS),
            };
        }
        if self.quota.is_used_up(arrival.zone) {
            // A custom domain has no failure mode; it fails closed as a route does by default.
            let mode = route.map_or(FailureMode::Closed, |route| route.over_daily_limit);
            return match mode {
                FailureMode::Open => Choice::Origin {
                    why: format!("{why}, but the daily limit is reached: straight to the origin"),
                },
                FailureMode::Closed => Choice::Refused {
                    code: ErrorCode::DailyLimit,
                    why: format!("{why}, but the daily limit is reached: error 1027"),
                },
            };
        }
        Choice::Worker {
            run: Run::of(name, &deployed),
            why,
        }
    }

    /// Runs the worker that is the origin of a custom domain for a subrequest of the same zone.
    pub(super) async fn run_custom_domain(
        &self,
        zone: &Zone,
        host: &str,
        request: Request<Body>,
        reader: ErrorPageReader,
    ) -> Response<Body> {
        let hop = self
            .trace
            .begin(Party::Worker, Party::Edge, RequestHead::of(&request));
        let arrival = Arrival {
            zone,
            host,
            scheme: Scheme::Https,
            protocol: Protocol::between_zones(),
            ip: headers::connecting_ip(request.headers()).unwrap_or(headers::OTHER_ZONE_IP),
            ray: reader.ray.clone().unwrap_or_else(|| Ray::new(&self.colo)),
            hop: hop.clone(),
            reader,
            workers_left: headers::workers_left(request.headers()),
            request,
        };
        let why = format!("custom domain {host} is the origin");
        hop.decided(&why);
        let answer = match zone.custom_domains.get(host) {
            _ if arrival.workers_left == 0 => pages::error(ErrorCode::LoopLimit, &arrival.reader),
            Some(worker) => {
                let cf = request_cf::request_cf(
                    &Location::default(),
                    &arrival.protocol,
                    &self.colo,
                    None,
                );
                let run = Run::of(worker, &self.deployed());
                self.run(run, &why, arrival, request_cf::blob(&cf)).await
            }
            None => pages::error(ErrorCode::UnknownHost, &arrival.reader),
        };
        hop.answered(ResponseHead::of(&answer));
        answer.map(|body| counted(body, hop, Counted::Response))
    }

    /// Asks the worker; its failure is a page of the edge.
    async fn run(
        &self,
        run: Run,
        why: &str,
        arrival: Arrival<'_>,
        cf: HeaderValue,
    ) -> Response<Body> {
        let visit = self.invocations.enter(arrival.visit(&run.worker));
        let head = RequestHead::of(&arrival.request);
        let hop = self.trace.begin(Party::Edge, Party::Worker, head);
        hop.decided(why);
        let fail = |failure: &str, code: ErrorCode| {
            hop.decided(format!("{why}, {failure}: error {}", code.number()));
            pages::error(code, &arrival.reader)
        };
        let Some(endpoint) = run.endpoint else {
            return fail("which is not deployed", ErrorCode::WorkerThrew);
        };
        let began = Instant::now();
        let open = endpoint.in_use.visit();
        let outgoing = hop.clone();
        let request = arrival
            .request
            .map(|body| counted(body, outgoing, Counted::Request));
        let limits = [arrival.zone.settings.cpu_ms, endpoint.cpu_ms];
        let limit = limits.into_iter().flatten().min();
        let asked = self
            .runtime
            .ask(&endpoint.socket, request, arrival.scheme, cf);
        let answer = tokio::select! {
            answer = asked => answer,
            () = processor::used_up(endpoint.process, limit.map(Duration::from_millis)) => {
                let milliseconds = limit.unwrap_or_default();
                let failure = format!("which took more than {milliseconds} ms of processor time");
                return fail(&failure, ErrorCode::WorkerOverLimit);
            }
        };
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => return fail(&format!("but {error}"), ErrorCode::WorkerThrew),
        };
        hop.answered(ResponseHead::of(&answer));
        match workers::failure(answer.status(), answer.headers()) {
            Some(Failure::Threw) => {
                if let Some(thrown) = endpoint.thrown.since(began).await {
                    hop.threw(thrown);
                }
                fail("which threw or will never answer", ErrorCode::WorkerThrew)
            }
            Some(Failure::Overloaded) => fail("which is overloaded", ErrorCode::WorkerOverLimit),
            None => {
                if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                    answer.extensions_mut().insert(open.clone());
                }
                answer.map(|body| {
                    // The worker is at work until its response has ended.
                    let body = under_way::until_end(body::stream(body), (visit, open));
                    counted(body, hop, Counted::Response)
                })
            }
        }
    }
}

//! What becomes of a request that was taken in: a worker runs, or it goes to the origin.

use edgeproof_deployment::FailureMode;
use edgeproof_ground::{
    body::Body,
    causes::with_causes,
    pattern::{Scheme, Target},
    trace::{Counted, Party, counted},
};
use http::{HeaderValue, Request, Response, header::ACCEPT_ENCODING, uri::PathAndQuery};

use super::{
    encoding::{self, Accepted},
    front::{Arrival, Front, normalise_uri},
    headers::{self, WorkerHeaders},
    invoke::{Run, WorkerRequest},
    pages::{self, ErrorCode, ErrorPageReader},
    ray::Ray,
    request_cf::{self, Location, Protocol},
    zones::Zone,
};

/// What a request runs, and why.
enum Choice {
    Worker { run: Run, why: String },
    Origin { why: String },
    Refused { code: ErrorCode, why: String },
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
                    let why = format!("route {} has no worker: no worker runs", route.pattern);
                    return Choice::Origin { why };
                }
            },
            None => match arrival.zone.custom_domains.get(arrival.host) {
                Some(worker) => (
                    worker,
                    format!("custom domain {} runs {worker}", arrival.host),
                ),
                None => {
                    let why = "no route matches: no worker runs".to_owned();
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
                    why: format!("{why}, but the daily limit is reached: no worker runs"),
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
        let hop = self.trace.begin(Party::Worker, Party::Edge, &request);
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
        hop.answered(&answer);
        answer.map(|body| counted(body, hop, Counted::Response))
    }

    /// Runs the worker, unless the cache in front of it has the response.
    async fn run(
        &self,
        run: Run,
        why: &str,
        arrival: Arrival<'_>,
        cf: HeaderValue,
    ) -> Response<Body> {
        let cache = run
            .endpoint
            .as_ref()
            .and_then(|endpoint| endpoint.cache.clone());
        let asked = WorkerRequest {
            visit: arrival.visit(&run.worker),
            run,
            why: why.to_owned(),
            scheme: arrival.scheme,
            cpu_ms: arrival.zone.settings.cpu_ms,
            request: arrival.request,
            reader: arrival.reader,
            cf,
        };
        match cache {
            None => self.invoker.run(asked).await,
            Some(cache) => {
                let version = cache.version.as_deref();
                self.workers_cache
                    .respond(&self.invoker, version, &arrival.hop, asked)
                    .await
            }
        }
    }
}

//! The door for a worker's subrequests: workerd sends every `fetch()` here, with the URL the worker asked for.

use std::{net::SocketAddr, pin::pin, sync::Arc};

use edgeproof_ground::{
    body::{self, Body},
    header_limits::HEADER_COUNT,
    hop_by_hop::remove_hop_by_hop,
    lingering::lingering,
    runtime_headers::{CACHE_API_HEADER, CF_BLOB_HEADER, FORWARDED_PROTO_HEADER},
};
use http::{HeaderValue, Request, Response, StatusCode, header::HOST};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    Deployer, EdgeError, cache::CacheOptions, egress::Dropped, front::Front, tunnel::Tunnels,
    turns::Turns,
};

/// How every member of `cf` that concerns the cache begins.
const CACHE_MEMBER: &[u8] = b"\"cache";

/// An open door; dropping it closes it and every connection through it.
#[derive(Debug)]
pub struct Outbound {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Outbound {
    /// Where workerd's `globalOutbound` must lead: an external service with `style = proxy`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Deployer {
    /// Opens a door for the subrequests of the worker of this name.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn listen(&self, worker: &str) -> Result<Outbound, EdgeError> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(EdgeError::Door)?;
        let address = listener.local_addr().map_err(EdgeError::Door)?;
        let task = tokio::spawn(accept(Arc::clone(&self.front), Arc::from(worker), listener));
        Ok(Outbound { address, task })
    }
}

async fn accept(front: Arc<Front>, worker: Arc<str>, listener: TcpListener) {
    // The connections end with this task: the set aborts what is left when it is dropped.
    let mut connections = JoinSet::new();
    let tunnels = Tunnels::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error here concerns one connection that never came to be.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(Arc::clone(&front), Arc::clone(&worker), tunnels.clone(), stream));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(front: Arc<Front>, worker: Arc<str>, tunnels: Tunnels, stream: TcpStream) {
    // Without it a small response waits for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let turns = Turns::default();
    let of_service = turns.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (front, worker) = (Arc::clone(&front), Arc::clone(&worker));
        let (tunnels, turns) = (tunnels.clone(), of_service.clone());
        async move {
            let upgrade = hyper::upgrade::on(&mut request);
            let mut response = response(&front, &worker, lingering(request)).await?;
            tunnels.join(upgrade, &mut response);
            Ok::<_, Dropped>(response.map(|body| turns.before_error(body)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .max_headers(HEADER_COUNT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // How a connection ends is seen in its last hop; there is nobody else to tell.
    let _ = turns.count(pin!(connection)).await;
}

/// What a `cf` object says of the cache. Most say nothing of it: `fetch(request)` sends along what the visitor's request
/// had, and reading that would be for nothing.
fn cache_options(cf: &HeaderValue) -> Option<CacheOptions> {
    let mut members = cf.as_bytes().windows(CACHE_MEMBER.len());
    if !members.any(|bytes| bytes == CACHE_MEMBER) {
        return None;
    }
    let cf = serde_json::from_slice(cf.as_bytes()).ok()?;
    Some(CacheOptions::from_cf(&cf))
}

async fn response(
    front: &Front,
    worker: &str,
    mut request: Request<Body>,
) -> Result<Response<Body>, Dropped> {
    let Some(host) = request
        .uri()
        .authority()
        .map(|host| host.as_str().to_owned())
    else {
        let mut response = Response::new(body::full(
            "the worker's outgoing requests must be in absolute form (style = proxy)\n",
        ));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let headers = request.headers_mut();
    remove_hop_by_hop(headers);
    headers.remove(FORWARDED_PROTO_HEADER);
    // Decision: what the worker wrote into `Host` does not leave: the name of the URL decides, as on the real edge.
    if let Ok(host) = HeaderValue::from_str(&host) {
        headers.insert(HOST, host);
    }
    let cache_api = headers.remove(CACHE_API_HEADER).is_some();
    let cf = headers.remove(CF_BLOB_HEADER);
    if cache_api {
        return Ok(front.cache_operation(worker, request).await);
    }
    let options = cf.as_ref().and_then(cache_options).unwrap_or_default();
    front.subrequest(worker, request, options).await
}

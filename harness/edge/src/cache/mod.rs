//! The zone's cache. It stands behind the workers: what a visitor asks for reaches it only where no worker runs, or
//! through a worker's `fetch()`.

mod api;
mod policy;
mod recorder;
mod serve;
mod store;

pub(super) use api::{is_purge, operate, put_content};
pub use policy::{CacheOptions, is_eligible, lifetime};
pub(super) use policy::{seconds_until_expiry, stale_if_error};
pub(super) use recorder::recorded;
pub(super) use serve::{ask_again, serve};
pub(super) use store::CF_CACHE_STATUS;
pub use store::{Cache, Lookup, Stored};

/// The largest body that is stored. Cloudflare stores up to 512 MB; this bound keeps the memory of a rig flat.
const LARGEST: usize = 16 * 1024 * 1024;

/// What a response is stored under: the zone and the URL of the request that left, or the worker's own key.
pub(super) fn key(zone: &str, url: &http::Uri, options: &CacheOptions) -> String {
    match &options.cache_key {
        Some(key) => format!("{zone} key {key}"),
        None => format!("{zone} {url}"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    /// Header fields for the tests of this room.
    pub(crate) fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&str, &str)| {
            (
                name.parse::<HeaderName>().unwrap(),
                value.parse::<HeaderValue>().unwrap(),
            )
        };
        headers.iter().map(field).collect()
    }
}

//! What the edge and the runtime tell one another in headers that no visitor, no worker and no origin sees.

/// The header that workerd adds to the operations of the Cache API, so that they are told apart from `fetch()`.
pub const CACHE_API_HEADER: &str = "x-edgeproof-cache";

/// The header of every `cfBlobHeader`: a request's `cf` object as JSON.
pub const CF_BLOB_HEADER: &str = "x-edgeproof-cf";

/// The header of the `forwardedProtoHeader` of workerd's socket: which scheme the visitor spoke.
pub const FORWARDED_PROTO_HEADER: &str = "x-edgeproof-proto";

/// The named cache to which a worker writes what it wants to have purged of the cache in front of it. Standalone workerd has
/// no `ctx.cache`; the operations of the Cache API come to the edge by themselves. `workerd` sends the name percent-encoded.
pub const WORKERS_CACHE_NAMESPACE: &str = "edgeproof-workers-cache";

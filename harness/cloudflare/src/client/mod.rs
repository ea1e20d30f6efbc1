//! Clients of Cloudflare's REST API and of Fingerprint's Management API.
//!
//! They know a base URL and a token, and not whether the API behind them is the real one or the emulated one.

mod cloudflare;
mod envelope;
mod error;
mod http;
mod management;
mod multipart;
mod secret;
mod upload;

pub(crate) use cloudflare::variables;
pub use cloudflare::{
    Account, Binding, Cloudflare, DnsRecord, Running, Script, TokenStatus, Uploaded, WorkerRoute,
    ZoneFound,
};
pub use error::{ApiError, Said};
pub use http::Waiting;
pub use management::{ApiKey, KeyType, Management};
pub use secret::Secret;
pub use upload::{Metadata, Upload, UploadError};

/// The real REST API.
pub const CLOUDFLARE_API: &str = "https://api.cloudflare.com/client/v4";

/// The real Management API.
pub const MANAGEMENT_API: &str = "https://management-api.fpjs.io";

#[cfg(test)]
mod tests;

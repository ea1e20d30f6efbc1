//! Clients of Cloudflare's REST API and of Fingerprint's Management and Server APIs.
//!
//! They know a base URL and a token, and not whether the API behind them is the real one or the emulated one.

mod cloudflare;
mod envelope;
mod error;
mod fingerprint;
mod http;
mod management;
mod multipart;
mod network;
mod page;
mod resources;
mod server_api;
mod tail;
mod upload;

pub use crate::secret::Secret;
pub use cloudflare::Cloudflare;
pub use error::{ApiError, Said};
pub use http::Waiting;
pub use management::{ApiKey, KeyType, Management};
pub use network::Network;
pub(crate) use resources::variables;
pub use resources::{
    Account, Binding, Deployed, DnsRecord, NormalizationScope, Past, Script, Share, TokenStatus,
    UrlNormalization, Version, VersionHead, WorkerRoute, ZoneFound,
};
pub use server_api::ServerApi;
pub use tail::Tail;
pub use upload::{Metadata, Upload, UploadError};

/// The real REST API.
pub const CLOUDFLARE_API: &str = "https://api.cloudflare.com/client/v4";

/// The real Management API.
pub const MANAGEMENT_API: &str = "https://management-api.fpjs.io";

#[cfg(test)]
mod tests;

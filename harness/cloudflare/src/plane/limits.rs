//! What the account's plan allows.
//!
//! Source: Cloudflare's documentation, Workers › Platform › Limits (July 2026). Since 2026-09-05 that page knows one limit
//! of 64 MiB without compression; the older, stricter one is applied, so that what passes here passes there.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::ApiError;

/// Bytes of one variable or secret.
pub const VARIABLE_BYTES: usize = 5 * 1024;
/// Characters of a binding's name. Cloudflare publishes the code and not the number.
pub const BINDING_NAME: usize = 255;
/// Characters of a script's name: it is a label of a host on workers.dev.
pub const SCRIPT_NAME: usize = 63;
/// Bytes of all modules as they are.
pub const SCRIPT_BYTES: usize = 64 * 1024 * 1024;

/// Milliseconds of processor time that one invocation may be given.
pub(super) const CPU_MS: u64 = 300_000;

/// The Workers plan of the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkersPlan {
    /// 3 MB compressed, 64 variables and secrets, 100 scripts.
    Free,
    /// 10 MB compressed, 128 variables and secrets, 500 scripts.
    #[default]
    Paid,
}

impl WorkersPlan {
    /// Bytes of all modules, compressed with gzip.
    pub fn compressed_bytes(self) -> usize {
        let megabytes = match self {
            Self::Free => 3,
            Self::Paid => 10,
        };
        megabytes * 1024 * 1024
    }

    /// How many variables and secrets a script may have.
    pub fn variables(self) -> usize {
        match self {
            Self::Free => 64,
            Self::Paid => 128,
        }
    }

    /// How many scripts the account may have.
    pub fn scripts(self) -> usize {
        match self {
            Self::Free => 100,
            Self::Paid => 500,
        }
    }

    /// Whether modules of this content may be uploaded together.
    pub(super) fn check_size<'a>(
        self,
        modules: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Result<(), ApiError> {
        let bytes: usize = modules.clone().map(<[u8]>::len).sum();
        if bytes > SCRIPT_BYTES {
            return Err(ApiError::script_too_large("64 MiB before compression"));
        }
        let most = self.compressed_bytes();
        // Compression makes nothing larger than a little, so most scripts need not be compressed to know.
        if bytes > most && compressed(modules) > most {
            let limit = format!("{} MiB after compression", most / 1024 / 1024);
            return Err(ApiError::script_too_large(limit));
        }
        Ok(())
    }
}

fn compressed<'a>(modules: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut encoder = GzEncoder::new(Counter(0), Compression::default());
    for module in modules {
        // A counter takes everything.
        let _ = encoder.write_all(module);
    }
    encoder.finish().map_or(0, |counter| counter.0)
}

struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(bytes: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(1);
        std::iter::repeat_with(|| random.u8(..))
            .take(bytes)
            .collect()
    }

    fn allows(plan: WorkersPlan, content: &[u8]) -> bool {
        plan.check_size([content].into_iter()).is_ok()
    }

    #[test]
    fn what_counts_is_the_size_after_compression() {
        let (text, random) = (vec![b'a'; 4 << 20], noise(4 << 20));
        assert!(allows(WorkersPlan::Free, &text));
        assert!(!allows(WorkersPlan::Free, &random));
        assert!(allows(WorkersPlan::Paid, &random));
    }

    #[test]
    fn nothing_over_64_mebibytes_passes_however_it_compresses() {
        assert!(!allows(WorkersPlan::Paid, &vec![b'a'; SCRIPT_BYTES + 1]));
    }
}

//! Content codings (RFC 9110 §8.4): which ones a body is in, and a body in other ones.
//!
//! Everything streams: what has come of a body is coded and passed on before more of it is read, so neither a slow
//! response nor one that unpacks to a thousand times its size needs more memory than the windows of its codings.

mod layers;
mod recoded;

use std::fmt;

use http::{HeaderMap, header::CONTENT_ENCODING};

pub use recoded::{CodingError, recoded};

/// The most codings that are undone of one body; curl's own bound. Each costs memory for its window.
const MOST_CODINGS: usize = 5;

/// A content coding that can be applied and undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952; `x-gzip` is the same (RFC 9110 §8.4.1.3).
    Gzip,
    /// RFC 7932.
    Brotli,
    /// The zlib format of RFC 1950. Some servers send the raw stream inside it instead, which is read as well.
    Deflate,
    /// RFC 8878, with a window of up to 8 MiB (RFC 9659).
    Zstd,
}

impl Coding {
    /// Its name in `Content-Encoding` and `Accept-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "br" => Some(Self::Brotli),
            "deflate" => Some(Self::Deflate),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A `Content-Encoding` that cannot be undone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCoding {
    /// A name that stands for no coding, or for none that is known here.
    #[error("`{0}` is not a supported content coding; use gzip, br, deflate or zstd")]
    Name(String),
    /// More than are undone of one body: five.
    #[error("there are more than {MOST_CODINGS} content codings")]
    TooMany,
}

/// The codings of a body with these headers, in the order in which they were applied.
///
/// # Errors
/// Where one of them is unknown, or there are too many.
pub fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, UnknownCoding> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let value = String::from_utf8_lossy(value.as_bytes());
        for name in value.split(',').map(str::trim) {
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            let coding =
                Coding::from_name(name).ok_or_else(|| UnknownCoding::Name(name.to_owned()))?;
            if codings.len() == MOST_CODINGS {
                return Err(UnknownCoding::TooMany);
            }
            codings.push(coding);
        }
    }
    Ok(codings)
}

#[cfg(test)]
mod tests;

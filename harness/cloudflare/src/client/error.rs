//! What can go wrong between a client and an API.

use std::{fmt, time::Duration};

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The API answered that it will not.
    #[error("{call} was refused with status {status}: {}", listed(errors))]
    Refused {
        /// Method and path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// What the API said, with its codes.
        errors: Vec<Said>,
    },
    /// No response came, so what happened is not known.
    #[error("{call} got no response: {reason}")]
    Unanswered {
        /// Method and path.
        call: String,
        /// What the network said.
        reason: String,
    },
    /// The API asks to come back later than anybody waits.
    #[error("{call} may be retried only after {} s, but edgeproof waits at most {} s", wait.as_secs(), super::http::LONGEST_WAIT.as_secs())]
    Later {
        /// Method and path.
        call: String,
        /// How long it asks for.
        wait: Duration,
    },
    /// The response is not what the API's documentation says.
    #[error("the response to {call} could not be read: {reason}")]
    UnexpectedResponse {
        /// Method and path.
        call: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something on the way answered in place of the API, with a page for people.
    #[error(
        "{call} was answered with a page in place of JSON (status {status}{}{}): {}",
        in_words(", Ray ID ", ray),
        in_words(", titled ", title),
        if *is_challenge { CHALLENGED } else { IN_BETWEEN }
    )]
    Page {
        /// Method and path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// What Cloudflare's support finds the request by.
        ray: Option<String>,
        /// The page's title.
        title: Option<String>,
        /// Whether Cloudflare's bot protection made it.
        is_challenge: bool,
    },
    /// The machine's own way to the network cannot be taken.
    #[error("{reason}")]
    Network {
        /// Why.
        reason: String,
    },
    /// The API's address is not usable.
    #[error("`{url}` is not the address of an API: {reason}")]
    Address {
        /// The address.
        url: String,
        /// Why.
        reason: &'static str,
    },
}

/// One error as an API states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Cloudflare has numbers, Fingerprint words.
    pub code: String,
    /// In the API's words.
    pub message: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.message.as_str(), self.code.as_str()) {
            ("", "") => f.write_str("no reason given"),
            ("", code) => write!(f, "code {code}"),
            (message, "") => f.write_str(message),
            (message, code) => write!(f, "{message} (code {code})"),
        }
    }
}

/// What helps where the client was challenged.
const CHALLENGED: &str = "Cloudflare's bot protection challenged this client, as it does with shared addresses such as a CI's; run \
                          it from another address, or give the Ray ID to Cloudflare's support";

/// What helps where a page came from somebody else.
const IN_BETWEEN: &str = "the API itself was not reached, or is down; where a proxy is in between, sign in to it or ask who runs it, \
                          otherwise try again later";

fn in_words(before: &str, text: &Option<String>) -> String {
    text.as_ref()
        .map_or(String::new(), |text| format!("{before}{text}"))
}

fn listed(errors: &[Said]) -> String {
    if errors.is_empty() {
        return "no reason given".to_owned();
    }
    let errors: Vec<String> = errors.iter().map(Said::to_string).collect();
    errors.join("; ")
}

impl ApiError {
    /// Whether the API answered with one of these codes.
    pub fn has_code(&self, codes: &[u32]) -> bool {
        let Self::Refused { errors, .. } = self else {
            return false;
        };
        errors.iter().any(|error| {
            error
                .code
                .parse()
                .is_ok_and(|code: u32| codes.contains(&code))
        })
    }

    /// The status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the call may have had its effect all the same.
    pub fn is_uncertain(&self) -> bool {
        match self {
            Self::Unanswered { .. } | Self::UnexpectedResponse { .. } => true,
            Self::Refused { status, .. } | Self::Page { status, .. } => *status >= 500,
            Self::Later { .. } | Self::Network { .. } | Self::Address { .. } => false,
        }
    }
}

//! How a node is set up: `given.node` of a scenario.

use edgeproof_ground::clock::Clock;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{IpList, Mode};

/// The set-up of a node.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NodeSettings {
    /// How strict it is.
    pub mode: Mode,
    /// Addresses that are let past unchecked.
    pub allowlist: IpList,
    /// Addresses whose every request is blocked.
    pub denylist: IpList,
    /// Addresses whose attacks are blocked in mode `safe_blocking`.
    pub graylist: IpList,
    /// Hosts that it serves, with `*` and `?`. Default: all. Others get status 415.
    pub hosts: Vec<String>,
    /// Whether a request that was given up counts as malicious; the node lets it pass otherwise.
    pub overlimit_is_attack: bool,
    /// The node's time.
    #[serde(skip)]
    pub clock: Clock,
}

/// What can change while it runs: `set: { node: { mode: block } }`. What is absent stays.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Changes {
    /// Another mode.
    pub mode: Option<Mode>,
    /// Another allowlist.
    pub allowlist: Option<IpList>,
    /// Another denylist.
    pub denylist: Option<IpList>,
    /// Another graylist; those whom the trigger put there leave it too.
    pub graylist: Option<IpList>,
}

/// Whether a host is meant by one of the patterns, in which `*` stands for anything and `?` for one character.
pub(super) fn is_allowed(patterns: &[String], host: &str) -> bool {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name).to_ascii_lowercase();
    patterns.is_empty()
        || patterns
            .iter()
            .any(|pattern| glob(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes()))
}

/// Both pointers only move on, but for one step back to the last star: at worst as slow as the two lengths multiplied.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_pattern) = (0, 0);
    let mut last_star = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                last_star = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(&letter) if letter == b'?' || letter == text[at] => {
                at += 1;
                in_pattern += 1;
            }
            _ => match last_star {
                Some((star, covered)) => {
                    last_star = Some((star, covered + 1));
                    at = covered + 1;
                    in_pattern = star + 1;
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|&letter| letter == b'*')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], "anything.example", true)]
    #[case(&["shop.example"], "SHOP.example:443", true)]
    #[case(&["shop.example"], "www.shop.example", false)]
    #[case(&["*.shop.example"], "www.shop.example", true)]
    #[case(&["*.shop.example"], "shop.example", false)]
    #[case(&["shop-?.example"], "shop-1.example", true)]
    #[case(&["shop-?.example"], "shop-12.example", false)]
    #[case(&["a*b*c"], "aXbXbc", true)]
    #[case(&["other.example", "*"], "shop.example", true)]
    fn hosts_are_meant_by_patterns(
        #[case] patterns: &[&str],
        #[case] host: &str,
        #[case] allowed: bool,
    ) {
        let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        assert_eq!(is_allowed(&patterns, host), allowed);
    }
}

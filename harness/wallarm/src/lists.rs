//! Lists of addresses, each entry for a while or for good.

use std::{net::IpAddr, time::Duration};

use edgeproof_ground::time::Time;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Standing;

/// Addresses of one list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct IpList(Vec<Listed>);

/// One entry: `203.0.113.0/24`, or `{ address: 203.0.113.7, for: 1h }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct Listed {
    /// An address or a subnet.
    pub network: IpNet,
    /// How long it stays on the list; for good where it is absent.
    pub ttl: Option<Duration>,
    /// When it leaves the list, in milliseconds since 1970: known once the list is in force.
    until: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    Address(String),
    ForAWhile(ForAWhile),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ForAWhile {
    address: String,
    #[serde(rename = "for")]
    ttl: Time,
}

impl TryFrom<Written> for Listed {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let (address, ttl) = match written {
            Written::Address(address) => (address, None),
            Written::ForAWhile(entry) => (entry.address, Some(entry.ttl.0)),
        };
        let network = address
            .parse::<IpNet>()
            .or_else(|_| address.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| {
                format!("`{address}` is neither an address nor a subnet, such as `203.0.113.0/24`")
            })?;
        Ok(Self {
            network,
            ttl,
            until: None,
        })
    }
}

impl IpList {
    /// The list, its entries counting from now.
    pub(super) fn counting_from(mut self, now: i64) -> Self {
        for entry in &mut self.0 {
            entry.until = entry.ttl.map(|ttl| end(now, ttl));
        }
        self
    }

    /// Puts an address on the list, or lets it stay longer.
    pub(super) fn put(&mut self, address: IpAddr, now: i64, ttl: Duration) {
        self.0
            .retain(|entry| entry.until.is_none_or(|until| until > now));
        self.0.push(Listed {
            network: address.into(),
            ttl: Some(ttl),
            until: Some(end(now, ttl)),
        });
    }

    /// Whether the address is on the list at this time.
    pub(super) fn holds(&self, address: IpAddr, now: i64) -> bool {
        self.0.iter().any(|entry| {
            entry.network.contains(&address) && entry.until.is_none_or(|until| now < until)
        })
    }
}

fn end(now: i64, ttl: Duration) -> i64 {
    now.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX))
}

/// The three lists of a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    pub(super) allow: IpList,
    pub(super) deny: IpList,
    pub(super) gray: IpList,
}

impl Lists {
    /// The first list that holds the address decides.
    pub(super) fn standing(&self, address: IpAddr, now: i64) -> Standing {
        if self.allow.holds(address, now) {
            Standing::Allowed
        } else if self.deny.holds(address, now) {
            Standing::Denied
        } else if self.gray.holds(address, now) {
            Standing::Gray
        } else {
            Standing::Unlisted
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn list(yaml: &str) -> IpList {
        serde_saphyr::from_str::<IpList>(yaml)
            .unwrap()
            .counting_from(1_000)
    }

    #[rstest]
    #[case("[203.0.113.0/24]", "203.0.113.9", 1_000, true)]
    #[case("[203.0.113.0/24]", "203.0.114.9", 1_000, false)]
    #[case("['2001:db8::/32']", "2001:db8::1", i64::MAX, true)]
    #[case("[{address: 203.0.113.7, for: 2s}]", "203.0.113.7", 2_999, true)]
    #[case("[{address: 203.0.113.7, for: 2s}]", "203.0.113.7", 3_000, false)]
    #[case("[]", "203.0.113.7", 1_000, false)]
    fn an_entry_counts_until_its_time_is_over(
        #[case] yaml: &str,
        #[case] address: IpAddr,
        #[case] now: i64,
        #[case] holds: bool,
    ) {
        assert_eq!(list(yaml).holds(address, now), holds);
    }

    #[rstest]
    #[case(
        "[203.0.113]",
        "`203.0.113` is neither an address nor a subnet, such as `203.0.113.0/24`"
    )]
    #[case(
        "[{address: 203.0.113.7, until: 2s}]",
        "did not match any variant of untagged enum Written"
    )]
    fn what_is_no_address_is_refused(#[case] yaml: &str, #[case] message: &str) {
        let error = serde_saphyr::from_str::<IpList>(yaml).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }

    #[test]
    fn allowlist_goes_before_denylist_and_that_before_graylist() {
        let address: IpAddr = [203, 0, 113, 7].into();
        let mut lists = Lists {
            gray: list("[203.0.113.7]"),
            ..Lists::default()
        };
        assert_eq!(lists.standing(address, 1_000), Standing::Gray);
        lists.deny = list("[203.0.113.0/24]");
        assert_eq!(lists.standing(address, 1_000), Standing::Denied);
        lists.allow = list("[203.0.113.7]");
        assert_eq!(lists.standing(address, 1_000), Standing::Allowed);
        assert_eq!(
            lists.standing([203, 0, 113, 8].into(), 1_000),
            Standing::Denied
        );
    }
}

//! Whether an event belongs to the call it came with. The checks run in the order of the vendor's worker.

use std::net::IpAddr;

use url::{Position, Url};

use crate::{
    date,
    json::{Json, JsonError, Object, Read},
};

/// The part of an event that ties it to one call.
#[derive(Clone, Debug)]
pub struct Provenance {
    /// Whether the platform saw these signals before.
    pub replayed: bool,
    /// When the signals were collected, in Unix milliseconds.
    pub timestamp: i64,
    /// The page they were collected on.
    pub url: Url,
    /// The address they came from.
    pub ip_address: IpAddr,
}

impl Provenance {
    pub(crate) fn read(event: Object<'_>) -> Result<Self, JsonError> {
        let url: &str = event.required("url")?;
        let address: &str = event.required("ip_address")?;
        Ok(Self {
            replayed: event.required("replayed")?,
            timestamp: event.required::<Timestamp>("timestamp")?.0,
            url: url.parse().map_err(|_| JsonError::Member("url"))?,
            ip_address: address
                .parse()
                .map_err(|_| JsonError::Member("ip_address"))?,
        })
    }
}

/// What of the call the event is compared with.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its `Origin` header.
    pub origin: Option<&'a str>,
    /// Whether signals may come from the page of the event at all.
    pub trusts_page: bool,
    /// The addresses the edge knows its client by: the real one, and a pseudo IPv4 address where Cloudflare made one.
    pub addresses: &'a [IpAddr],
    /// Now, in Unix milliseconds.
    pub now: i64,
}

/// Why signals are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Tampering {
    /// The platform saw them before.
    #[error("the signals were used before")]
    Replayed,
    /// They are older than [`MAX_AGE`].
    #[error("the signals are older than three seconds")]
    Old,
    /// The call and the page have different origins.
    #[error("the signals come from another origin")]
    Origin,
    /// The call and the signals come from different addresses.
    #[error("the signals come from another address")]
    Address,
}

/// How old signals may be, in milliseconds. Dates in the future pass: clocks differ.
pub const MAX_AGE: i64 = 3000;

/// Checks that an event belongs to a call.
pub fn check(event: &Provenance, call: &Call<'_>) -> Result<(), Tampering> {
    if event.replayed {
        return Err(Tampering::Replayed);
    }
    if call.now.saturating_sub(event.timestamp) > MAX_AGE {
        return Err(Tampering::Old);
    }
    if !call.trusts_page || !is_same_origin(event, call) {
        return Err(Tampering::Origin);
    }
    let address = event.ip_address.to_canonical();
    if call
        .addresses
        .iter()
        .any(|known| known.to_canonical() == address)
    {
        Ok(())
    } else {
        Err(Tampering::Address)
    }
}

/// A call without `Origin` is accepted where browsers send none: for GET and HEAD.
fn is_same_origin(event: &Provenance, call: &Call<'_>) -> bool {
    match call.origin {
        None => matches!(call.method, "GET" | "HEAD"),
        Some(origin) if *origin == event.url[..Position::BeforePath] => event.url.has_host(),
        Some(origin) => Url::parse(origin).is_ok_and(|origin| {
            origin.origin().is_tuple() && origin.origin() == event.url.origin()
        }),
    }
}

/// A time: Unix time in milliseconds, or a date of RFC 3339.
pub(crate) struct Timestamp(pub(crate) i64);

impl<'a> Read<'a> for Timestamp {
    fn read(json: &'a Json<'_>) -> Option<Self> {
        match json {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "fractions do not count; the conversion saturates"
            )]
            Json::Number(number) => Some(Self(*number as i64)),
            Json::Text(text) => date::milliseconds(text).map(Self),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    fn event(replayed: bool, timestamp: &str, url: &str, address: &str) -> Provenance {
        Provenance {
            replayed,
            timestamp: Timestamp::read(&Json::parse(timestamp).unwrap()).unwrap().0,
            url: url.parse().unwrap(),
            ip_address: address.parse().unwrap(),
        }
    }

    fn checked(
        event: &Provenance,
        method: &str,
        origin: Option<&str>,
        address: &str,
    ) -> Result<(), Tampering> {
        let call = Call {
            method,
            origin,
            trusts_page: true,
            addresses: &[address.parse().unwrap()],
            now: NOW,
        };
        check(event, &call)
    }

    #[rstest]
    #[case(0, Ok(()))]
    #[case(3000, Ok(()))]
    #[case(3001, Err(Tampering::Old))]
    #[case(-86_400_000, Ok(()))]
    fn signals_are_at_most_three_seconds_old(
        #[case] age: i64,
        #[case] expected: Result<(), Tampering>,
    ) {
        let event = event(
            false,
            &(NOW - age).to_string(),
            "https://a.example/p",
            "203.0.113.7",
        );
        assert_eq!(
            checked(&event, "POST", Some("https://a.example"), "203.0.113.7"),
            expected
        );
    }

    #[rstest]
    #[case("1795000000000", NOW)]
    #[case("1795000000000.7", NOW)]
    #[case(r#""2026-11-18T10:26:40Z""#, 1_794_997_600_000)]
    #[case(r#""2026-11-18T10:26:40.250+01:00""#, 1_794_994_000_250)]
    fn a_timestamp_is_milliseconds_or_a_date(#[case] text: &str, #[case] expected: i64) {
        assert_eq!(
            event(false, text, "https://a.example/", "::1").timestamp,
            expected
        );
    }

    #[test]
    fn replayed_signals_are_refused_before_anything_else() {
        let event = event(true, "0", "https://b.example/", "::1");
        assert_eq!(
            checked(&event, "POST", Some("https://a.example"), "203.0.113.7"),
            Err(Tampering::Replayed)
        );
    }

    #[rstest]
    #[case("POST", Some("https://a.example"), Ok(()))]
    #[case("POST", Some("https://a.example:443"), Ok(()))]
    #[case("POST", Some("http://a.example"), Err(Tampering::Origin))]
    #[case("POST", Some("https://a.example:8443"), Err(Tampering::Origin))]
    #[case("POST", Some("https://b.example"), Err(Tampering::Origin))]
    #[case("POST", Some("null"), Err(Tampering::Origin))]
    #[case("POST", Some("data:x"), Err(Tampering::Origin))]
    #[case("POST", None, Err(Tampering::Origin))]
    #[case("DELETE", None, Err(Tampering::Origin))]
    #[case("GET", None, Ok(()))]
    #[case("HEAD", None, Ok(()))]
    fn the_call_comes_from_the_origin_of_the_page(
        #[case] method: &str,
        #[case] origin: Option<&str>,
        #[case] expected: Result<(), Tampering>,
    ) {
        let event = event(
            false,
            &NOW.to_string(),
            "https://a.example/p?q",
            "203.0.113.7",
        );
        assert_eq!(checked(&event, method, origin, "203.0.113.7"), expected);
    }

    #[rstest]
    #[case("203.0.113.7", "203.0.113.7", Ok(()))]
    #[case("203.0.113.7", "203.0.113.8", Err(Tampering::Address))]
    #[case("2001:db8::1", "2001:0DB8:0:0:0:0:0:1", Ok(()))]
    #[case("::ffff:203.0.113.7", "203.0.113.7", Ok(()))]
    #[case("203.0.113.7", "::ffff:cb00:7107", Ok(()))]
    fn addresses_compare_as_addresses(
        #[case] event_address: &str,
        #[case] client: &str,
        #[case] expected: Result<(), Tampering>,
    ) {
        let event = event(false, &NOW.to_string(), "https://a.example/", event_address);
        assert_eq!(checked(&event, "GET", None, client), expected);
    }

    #[test]
    fn a_page_that_is_not_trusted_is_refused_whatever_the_call_says() {
        let event = event(
            false,
            &NOW.to_string(),
            "https://a.example/p",
            "203.0.113.7",
        );
        for (method, origin) in [("GET", None), ("POST", Some("https://a.example"))] {
            let call = Call {
                method,
                origin,
                trusts_page: false,
                addresses: &["203.0.113.7".parse().unwrap()],
                now: NOW,
            };
            assert_eq!(check(&event, &call), Err(Tampering::Origin));
        }
    }
}

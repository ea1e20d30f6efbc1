//! The trigger of a new account: many different payloads from one address put it on the graylist
//! (documentation, Configuring triggers).

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use edgeproof_ground::memory::{Keyed, Memory};

/// More different payloads than this within [`WINDOW`] and the address goes on the graylist.
const PAYLOADS: usize = 3;
/// How far back payloads count, in milliseconds: an hour.
const WINDOW: i64 = 60 * 60 * 1000;
/// How long the address stays on the graylist.
pub(super) const STAY: Duration = Duration::from_secs(60 * 60);

/// The latest payloads of an address, no more of them than decide, with their times.
type Latest = VecDeque<(i64, String)>;

/// What each address has sent within the last hour.
#[derive(Debug)]
pub(super) struct Payloads {
    seen: Keyed<IpAddr, Latest>,
}

impl Payloads {
    pub(super) fn new(memory: &Memory) -> Self {
        Self {
            seen: Keyed::new(memory),
        }
    }

    /// Counts a payload; returns whether the address has now sent too many.
    pub(super) fn add(&self, address: IpAddr, payload: &str, now: i64) -> bool {
        let add = |seen: &mut Latest| {
            seen.retain(|(time, other)| now.saturating_sub(*time) < WINDOW && other != payload);
            seen.push_back((now, payload.to_owned()));
            if seen.len() > PAYLOADS + 1 {
                seen.pop_front();
            }
            seen.len() > PAYLOADS
        };
        self.seen.change(address, add, |_, seen| bytes(seen))
    }
}

fn bytes(seen: &Latest) -> usize {
    let texts: usize = seen.iter().map(|(_, payload)| payload.len()).sum();
    size_of::<(IpAddr, Latest)>() + seen.capacity() * size_of::<(i64, String)>() + texts
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));
    const BOB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 8));

    #[test]
    fn the_fourth_different_payload_of_an_address_is_one_too_many() {
        let payloads = Payloads::new(&Memory::default());
        assert!(!payloads.add(ANN, "a", 0));
        assert!(!payloads.add(ANN, "a", 1), "the same again does not count");
        assert!(!payloads.add(ANN, "b", 2));
        assert!(!payloads.add(ANN, "c", 3));
        assert!(
            !payloads.add(BOB, "d", 4),
            "another address has its own count"
        );
        assert!(payloads.add(ANN, "d", 5));
        for more in 6..100 {
            assert!(payloads.add(ANN, &more.to_string(), more));
        }
    }

    #[test]
    fn payloads_older_than_an_hour_do_not_count() {
        let payloads = Payloads::new(&Memory::default());
        for (time, payload) in ["a", "b", "c"].iter().enumerate() {
            payloads.add(ANN, payload, time as i64);
        }
        assert!(!payloads.add(ANN, "d", WINDOW));
        assert!(payloads.add(ANN, "e", WINDOW));
    }
}

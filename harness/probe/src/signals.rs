//! Signals that are made for a shape: good ones, and such as a worker or a ruleset has to refuse.

use edgeproof_fingerprint::{
    Signals,
    signals::{Bot, Head, Incognito, Measurements},
};
use edgeproof_ground::clock::Clock;

use super::{ProbeError, shape::Made};

const HOUR: i64 = 60 * 60 * 1000;

/// Makes signals, and remembers the last that were good.
pub(super) struct Signalling {
    clock: Clock,
    /// A page that may make the call.
    page: String,
    good: Option<String>,
}

impl Signalling {
    pub(super) fn new(clock: Clock, page: String) -> Self {
        Self {
            clock,
            page,
            good: None,
        }
    }

    /// A value of `fp-data`.
    pub(super) fn make(&mut self, made: Made) -> Result<String, ProbeError> {
        let (page, now) = (self.page.clone(), self.clock.now());
        let host = page.split('/').nth(2).unwrap_or_default();
        Ok(match made {
            Made::Good => {
                let good = encoded(page, now, Measurements::default())?;
                self.good.insert(good).clone()
            }
            Made::Replayed => match &self.good {
                Some(good) => good.clone(),
                None => encoded(page, now, Measurements::default())?,
            },
            Made::Stale => encoded(page, now - 24 * HOUR, Measurements::default())?,
            Made::Future => encoded(page, now + HOUR, Measurements::default())?,
            Made::OtherPage => encoded(
                format!("https://{host}/elsewhere"),
                now,
                Measurements::default(),
            )?,
            Made::OtherSite => encoded(
                "https://elsewhere.example/".to_owned(),
                now,
                Measurements::default(),
            )?,
            Made::NoPage => encoded(String::new(), now, Measurements::default())?,
            Made::Automated => encoded(
                page,
                now,
                Measurements {
                    bot: Bot {
                        bot: true,
                        bot_kind: Some("headless_chrome".to_owned()),
                    },
                    ..Measurements::default()
                },
            )?,
            Made::Incognito => encoded(
                page,
                now,
                Measurements {
                    incognito: Incognito {
                        is_private: true,
                        browser_name: None,
                    },
                    ..Measurements::default()
                },
            )?,
            Made::Cut => {
                let mut whole = encoded(page, now, Measurements::default())?;
                whole.truncate(whole.len() / 2);
                whole
            }
            Made::Longest => encoded(
                page,
                now,
                Measurements {
                    // Within what the edge lets through.
                    linked_id: Some((0..60_000).map(|_| fastrand::alphanumeric()).collect()),
                    ..Measurements::default()
                },
            )?,
        })
    }
}

fn encoded(url: String, timestamp: i64, body: Measurements) -> Result<String, ProbeError> {
    let head = Head {
        url,
        timestamp,
        clock_ahead: Some(0),
        nonce: format!("{:032x}", fastrand::u128(..)),
        visitor_token: None,
    };
    Signals { head, body }
        .encode()
        .map_err(|error| ProbeError::Signals(error.to_string()))
}

//! How often a key may ask: a bucket that refills, and deletions by the hour and the day.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::response::{ApiError, Refused};

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;
const DELETIONS_AN_HOUR: usize = 30;
const DELETIONS_A_DAY: usize = 500;

/// How many requests for events one secret key may send to the Server API. The ingress and `/v4/edge` are not limited:
/// no limit of theirs is published.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// Requests a second, in the long run.
    pub per_second: f64,
    /// Requests at once.
    pub burst: f64,
}

impl Default for RateLimit {
    /// 5 a second and three times as many at once, as published.
    fn default() -> Self {
        Self {
            per_second: 5.0,
            burst: 15.0,
        }
    }
}

/// What each key has asked.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    buckets: HashMap<String, Bucket>,
    deletions: HashMap<String, Vec<i64>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: i64,
}

impl Limits {
    /// Takes one request from the key's bucket.
    pub(super) fn ordinary(
        &mut self,
        key: &str,
        limit: &RateLimit,
        now: i64,
        message: &'static str,
    ) -> Result<(), Refused> {
        let full = Bucket {
            left: limit.burst,
            at: now,
        };
        let bucket = self.buckets.entry(key.to_owned()).or_insert(full);
        let refill = (now - bucket.at) as f64 / 1000.0 * limit.per_second;
        *bucket = Bucket {
            left: (bucket.left + refill).min(limit.burst),
            at: now,
        };
        if bucket.left < 1.0 {
            let seconds = (1.0 - bucket.left) / limit.per_second;
            return Err(ApiError::too_many(message, seconds.ceil() as u64).into());
        }
        bucket.left -= 1.0;
        Ok(())
    }

    /// Takes one deletion from the key's hour and day.
    pub(super) fn deletion(&mut self, key: &str, now: i64) -> Result<(), Refused> {
        let made = self.deletions.entry(key.to_owned()).or_default();
        made.retain(|at| *at > now - DAY);
        let this_hour = made.iter().filter(|at| **at > now - HOUR).count();
        if this_hour >= DELETIONS_AN_HOUR || made.len() >= DELETIONS_A_DAY {
            return Err(ApiError::too_many("too many requests", (HOUR / 1000) as u64).into());
        }
        made.push(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_emptied_at_once_and_refills_by_the_second() {
        let (mut limits, limit) = (Limits::default(), RateLimit::default());
        let mut ask = |now| {
            limits
                .ordinary("key", &limit, now, "too many requests")
                .is_ok()
        };
        assert_eq!((0..20).filter(|_| ask(0)).count(), 15);
        assert_eq!((0..20).filter(|_| ask(1_000)).count(), 5);
        assert_eq!((0..20).filter(|_| ask(1_199)).count(), 0);
        assert_eq!((0..20).filter(|_| ask(60_000)).count(), 15);
    }

    #[test]
    fn deletions_are_limited_by_the_hour_and_by_the_day() {
        let mut limits = Limits::default();
        let made: Vec<_> = (0..20)
            .map(|hour| {
                (0..40)
                    .filter(|_| limits.deletion("key", hour * HOUR).is_ok())
                    .count()
            })
            .collect();
        assert_eq!(made[..2], [30, 30]);
        assert_eq!(made.iter().sum::<usize>(), 500);
    }
}

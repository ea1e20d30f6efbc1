//! The daily limit on requests that run a worker (free plan).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::zones::Zone;

/// How many requests have run a worker so far, by zone. A rig lives less than a day, so nothing is ever reset.
#[derive(Debug, Default)]
pub(super) struct Quota {
    used: Mutex<HashMap<String, u64>>,
}

impl Quota {
    /// Whether the zone has nothing left; counts one more request where it has.
    pub(super) fn is_used_up(&self, zone: &Zone) -> bool {
        let Some(limit) = zone.settings.daily_requests else {
            return false;
        };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.entry(zone.name.clone()).or_default();
        if *used >= limit {
            return true;
        }
        *used += 1;
        false
    }
}

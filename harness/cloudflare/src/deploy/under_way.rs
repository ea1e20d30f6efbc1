//! Keeps an attempt from beginning while another one is under way.

use jiff::Timestamp;

use super::{Deployer, current::CurrentScript, error::Refusal, mark};

/// How old a version is whose attempt, if it was never finished, is taken for killed: no attempt takes so long.
const LONGEST_ATTEMPT: i64 = 300;

impl Deployer {
    /// Refuses where the worker's version is that of an attempt that may still be under way. That only spares both of them
    /// the trouble: where two attempts meet in spite of it, the worker's history tells which of them counts.
    pub(super) fn check_nobody_is_at_it(
        &self,
        worker: &str,
        script: Option<&CurrentScript>,
    ) -> Result<(), Refusal> {
        let may_be_under_way = |script: &&CurrentScript| {
            let mark = script.mark.as_ref();
            let has_ended = mark.is_some_and(|mark| mark::has_ended(&script.tags, &mark.attempt));
            script.is_unfinished() && !has_ended && !self.take_over
        };
        let Some(script) = script.filter(may_be_under_way) else {
            return Ok(());
        };
        let uploaded: Option<Timestamp> = script
            .uploaded_on
            .as_ref()
            .and_then(|uploaded| uploaded.parse().ok());
        let now = self.cloudflare.now();
        let age = uploaded.map(|uploaded| now.as_second() - uploaded.as_second());
        match age {
            Some(age) if age < LONGEST_ATTEMPT => Err(Refusal::UnderWay {
                worker: worker.to_owned(),
                since: age.max(0),
                wait: LONGEST_ATTEMPT - age,
            }),
            _ => Ok(()),
        }
    }
}

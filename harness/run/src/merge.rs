//! The reports of shards become one.

use std::collections::BTreeMap;

use edgeproof_scenario::shard::Shard;

use super::{record::CaseRecord, results::Results, target::TargetRecord};

/// Why reports are not those of the shards of one run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Two reports are of the same shard, or have the same case.
    #[error("{what} is in both `{first}` and `{second}`; give each report once")]
    Doubled {
        /// The shard or the case.
        what: String,
        /// One report.
        first: String,
        /// The other.
        second: String,
    },
    /// Two reports are of different runs.
    #[error(
        "`{first}` is of `{first_run}` and `{second}` of `{second_run}`; merge the shards of one run"
    )]
    Different {
        /// One report.
        first: String,
        /// What ran there.
        first_run: String,
        /// The other.
        second: String,
        /// What ran there.
        second_run: String,
    },
}

/// One result of several, and what is missing from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The cases of all reports, in the order of names. The shards ran side by side, so the longest time counts.
    pub results: Results,
    /// The shards of which there is no report.
    pub missing: Vec<Shard>,
}

/// Merges reports, each with a name to call it by.
///
/// # Errors
/// When two are of the same shard, have a case in common, or are of different runs.
pub fn merge(reports: Vec<(String, Results)>) -> Result<Merged, MergeError> {
    let run = |results: &Results| {
        let all = results.shard.and_then(|shard| shard.all().last());
        let of = all.map(|last| format!(", {last}"));
        format!(
            "{}{}",
            results.selection.as_deref().unwrap_or("a run"),
            of.unwrap_or_default()
        )
    };
    let mut shards: BTreeMap<String, &str> = BTreeMap::new();
    for (name, results) in &reports {
        let (first, of_first) = &reports[0];
        if run(results) != run(of_first) {
            return Err(MergeError::Different {
                first: first.clone(),
                first_run: run(of_first),
                second: name.clone(),
                second_run: run(results),
            });
        }
        if let Some(shard) = results.shard
            && let Some(other) = shards.insert(shard.to_string(), name)
        {
            return Err(MergeError::Doubled {
                what: format!("shard {shard}"),
                first: other.to_owned(),
                second: name.clone(),
            });
        }
    }
    let all = reports.first().and_then(|(_, results)| results.shard);
    let all = all.into_iter().flat_map(Shard::all);
    let missing = all
        .filter(|shard| !shards.contains_key(&shard.to_string()))
        .collect();
    joined(reports).map(|results| Merged { results, missing })
}

fn joined(reports: Vec<(String, Results)>) -> Result<Results, MergeError> {
    let (selection, worker, about) = match reports.first() {
        Some((_, first)) => (
            first.selection.clone(),
            first.worker.clone(),
            first.about.clone(),
        ),
        None => (None, None, None),
    };
    let others = reports.iter().map(|(name, results)| {
        let other = results.against.as_deref()?;
        Some((name.clone(), other.clone()))
    });
    let against = match others.collect::<Option<Vec<_>>>() {
        Some(others) if !others.is_empty() => Some(Box::new(joined(others)?)),
        _ => None,
    };
    let targets = reports.iter();
    let targets = targets.filter_map(|(_, results)| results.target.clone());
    let target = TargetRecord::joined(targets);
    let mut took_ms = 0;
    let mut cases: BTreeMap<String, (String, CaseRecord)> = BTreeMap::new();
    for (name, results) in reports {
        took_ms = took_ms.max(results.summary.took_ms);
        for case in results.cases {
            if let Some((first, _)) = cases.get(&case.name) {
                return Err(MergeError::Doubled {
                    what: case.name,
                    first: first.clone(),
                    second: name,
                });
            }
            cases.insert(case.name.clone(), (name.clone(), case));
        }
    }
    let cases = cases.into_values().map(|(_, case)| case).collect();
    Ok(Results {
        selection,
        worker,
        about,
        against,
        target,
        ..Results::new(cases, took_ms)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use edgeproof_scenario::load::load_text;
    use rstest::rstest;

    use super::*;
    use crate::record::Verdict;

    fn report(shard: &str, names: &[&str], took_ms: u64) -> Results {
        let case = load_text(Path::new("a.yaml"), "scenario: a\nsteps: []\n").unwrap();
        let cases = names.iter().map(|name| {
            let mut record = CaseRecord::without_run(&case[0], Verdict::Passed);
            record.name = (*name).to_owned();
            record
        });
        Results {
            shard: shard.parse().ok(),
            selection: Some("scenarios".to_owned()),
            ..Results::new(cases.collect(), took_ms)
        }
    }

    fn named(reports: Vec<Results>) -> Vec<(String, Results)> {
        let names = (1..).map(|number| format!("{number}.json"));
        names.zip(reports).collect()
    }

    #[test]
    fn shards_are_joined_in_the_order_of_names() {
        let reports = named(vec![
            report("2/2", &["b"], 5),
            report("1/2", &["c", "a"], 9),
        ]);
        let merged = merge(reports).unwrap();
        let names: Vec<&str> = merged
            .results
            .cases
            .iter()
            .map(|case| case.name.as_str())
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(merged.results.summary.took_ms, 9);
        assert_eq!(merged.results.summary.passed, 3);
        assert!(merged.missing.is_empty() && merged.results.shard.is_none());
    }

    #[test]
    fn what_came_of_another_worker_is_joined_as_well() {
        let shard = |shard: &str, name: &str| Results {
            worker: Some("first".to_owned()),
            against: Some(Box::new(Results {
                worker: Some("second".to_owned()),
                ..report("", &[name], 1)
            })),
            ..report(shard, &[name], 1)
        };
        let merged = merge(named(vec![shard("1/2", "a"), shard("2/2", "b")])).unwrap();
        let against = merged.results.against.unwrap();
        assert_eq!(merged.results.worker.as_deref(), Some("first"));
        assert_eq!(against.worker.as_deref(), Some("second"));
        assert_eq!(against.cases.len(), 2);
        let alone = merge(named(vec![shard("1/2", "a"), report("2/2", &["b"], 1)])).unwrap();
        assert_eq!(alone.results.against, None);
    }

    #[test]
    fn a_shard_without_a_report_is_named() {
        let reports = named(vec![report("1/4", &["a"], 1), report("3/4", &[], 1)]);
        let missing = merge(reports).unwrap().missing;
        let missing: Vec<String> = missing.iter().map(Shard::to_string).collect();
        assert_eq!(missing, ["2/4", "4/4"]);
    }

    #[rstest]
    #[case::shard(report("1/2", &["a"], 1), report("1/2", &["b"], 1), "shard 1/2 is in both `1.json` and `2.json`")]
    #[case::case_name(report("1/2", &["a"], 1), report("2/2", &["a"], 1), "a is in both")]
    #[case::whole_runs(report("", &["a"], 1), report("", &["a"], 1), "a is in both")]
    #[case::number(report("1/2", &["a"], 1), report("2/3", &["b"], 1), "`scenarios, 3/3`")]
    #[case::selection(
        report("1/2", &["a"], 1),
        Results { selection: Some("scenarios --tag slow".to_owned()), ..report("2/2", &["b"], 1) },
        "`scenarios --tag slow, 2/2`"
    )]
    fn reports_that_are_not_of_one_run_are_refused(
        #[case] first: Results,
        #[case] second: Results,
        #[case] expected: &str,
    ) {
        let error = merge(named(vec![first, second])).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

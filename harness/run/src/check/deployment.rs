//! The result of a `deploy` step.

use edgeproof_scenario::deploying::ExpectDeployment;

use super::Mismatch;
use crate::observed::Deployment;

/// Everything that does not hold of it.
pub(super) fn check(expect: &ExpectDeployment, seen: Option<&Deployment>) -> Vec<Mismatch> {
    let Some(Deployment {
        outcome,
        text,
        waited,
    }) = seen
    else {
        let claim = "expected a `deploy` step";
        return vec![Mismatch::new(
            &[],
            claim,
            "but this step does something else",
        )];
    };
    let mut mismatches = Vec::new();
    let actual = || format!("it was {}:\n{text}", outcome.as_str());
    match expect.outcome {
        Some(expected) if expected != *outcome => {
            let claim = format!("expected the deployment to be {}", expected.as_str());
            mismatches.push(Mismatch::new(&["outcome"], claim, actual()));
        }
        None if !outcome.is_success() => {
            let claim = "expected the deployment to succeed";
            mismatches.push(Mismatch::new(&[], claim, actual()));
        }
        _ => {}
    }
    for (index, matcher) in expect.text.iter().enumerate() {
        if !matcher.holds(Some(text)) {
            let path = ["text", &index.to_string()];
            let claim = format!("expected the output {matcher}");
            let mismatch = Mismatch::new(&path, claim, format!("got:\n{text}"));
            mismatches.push(mismatch.saying(matcher.message()));
        }
    }
    if let Some(range) = &expect.waited
        && !range.holds(*waited)
    {
        let claim = format!("expected the client to wait {range} s");
        mismatches.push(Mismatch::new(
            &["waited"],
            claim,
            format!("it waited {waited} s"),
        ));
    }
    mismatches
}

#[cfg(test)]
mod tests {
    use edgeproof_document::{read::read, yaml};
    use edgeproof_scenario::deploying::DeployOutcome;
    use rstest::rstest;

    use super::*;

    fn seen(outcome: DeployOutcome) -> Deployment {
        Deployment {
            outcome,
            text: "route a made".to_owned(),
            waited: 30.0,
        }
    }

    #[rstest]
    #[case("{}", DeployOutcome::Created, &[])]
    #[case("{}", DeployOutcome::Undone, &[""])]
    #[case("{outcome: undone}", DeployOutcome::Undone, &[])]
    #[case("{outcome: created}", DeployOutcome::Edited, &["outcome"])]
    #[case("{text: [{contains: route a}, {contains: route b}]}", DeployOutcome::Created, &["text/1"])]
    #[case("{waited: {min: 30, max: 30}}", DeployOutcome::Created, &[])]
    #[case("{waited: {max: 0}}", DeployOutcome::Created, &["waited"])]
    fn what_does_not_hold_is_named(
        #[case] expect: &str,
        #[case] outcome: DeployOutcome,
        #[case] wrong: &[&str],
    ) {
        let expect: ExpectDeployment = read(&yaml::parse(0, expect).unwrap()).unwrap();
        let found = check(&expect, Some(&seen(outcome)));
        let paths: Vec<String> = found.iter().map(|found| found.path.join("/")).collect();
        assert_eq!(paths, wrong);
    }
}

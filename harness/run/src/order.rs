//! In which order cases begin when several run at a time. They are reported in the order of their files all the same.

use edgeproof_browser::Profile;
use edgeproof_scenario::load::Case;

/// The cases as they begin, each with its index: those with a browser spread evenly between those without, each kind in its
/// own order. A browser leaves a core idle now and then, where a page waits for a timer or the network, and cases without
/// one hardly ever do: side by side they use what one after the other would waste.
pub(super) fn of_starts(cases: Vec<Case>) -> Vec<(usize, Case)> {
    let all = cases.len();
    let browsers = cases.iter().filter(|case| has_browser(case)).count();
    let (of_kind, mut begun) = ([all - browsers, browsers], [0, 0]);
    let mut placed: Vec<(usize, usize, Case)> = Vec::with_capacity(all);
    for (index, case) in cases.into_iter().enumerate() {
        let kind = usize::from(has_browser(&case));
        let place = (2 * begun[kind] + 1) * all / of_kind[kind];
        begun[kind] += 1;
        placed.push((place, index, case));
    }
    placed.sort_by_key(|(place, ..)| *place);
    let starts = placed.into_iter();
    starts.map(|(_, index, case)| (index, case)).collect()
}

fn has_browser(case: &Case) -> bool {
    let mut visitors = case.scenario.given.visitors.values();
    visitors.any(|visitor| visitor.profile != Profile::Http)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use edgeproof_scenario::load::load_text;

    use super::*;

    /// One case a letter: `b` has a browser, `h` has none.
    fn started(kinds: &str) -> String {
        let cases: Vec<Case> = kinds
            .chars()
            .flat_map(|kind| {
                let visitors = match kind {
                    'b' => "{ ann: {}, bob: { profile: incognito } }",
                    _ => "{ ann: {} }",
                };
                let text = format!("scenario: x\ngiven: {{ visitors: {visitors} }}\nsteps: []\n");
                load_text(Path::new("x.yaml"), &text).unwrap()
            })
            .collect();
        let kind = |index: usize| kinds.as_bytes()[index] as char;
        let starts = of_starts(cases).into_iter();
        starts.map(|(index, _)| kind(index)).collect()
    }

    #[rstest::rstest]
    #[case::nothing("", "")]
    #[case::one_kind("hhh", "hhh")]
    #[case::only_browsers("bb", "bb")]
    #[case::a_block_of_browsers("hhhbbbhhh", "hbhhbhhbh")]
    #[case::browsers_first("bbhhhh", "hbhhbh")]
    fn browsers_begin_evenly_between_the_others(#[case] kinds: &str, #[case] expected: &str) {
        assert_eq!(started(kinds), expected);
    }
}

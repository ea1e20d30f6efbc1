//! In which order cases begin when several run at a time. They are reported in the order of their files all the same.

use crate::{rig::Profile, scenario::load::Case};

/// The indices of the cases as they begin: those with a browser spread evenly between those without, each kind in its own
/// order. A browser leaves a core idle now and then, where a page waits for a timer or the network, and cases without
/// one hardly ever do: side by side they use what one after the other would waste.
pub(super) fn of_starts(cases: &[Case]) -> Vec<usize> {
    let kinds: (Vec<usize>, Vec<usize>) =
        (0..cases.len()).partition(|&index| has_browser(&cases[index]));
    let mut places: Vec<(usize, usize)> = [kinds.0, kinds.1]
        .iter()
        .flat_map(|kind| {
            let place = |rank| (2 * rank + 1) * cases.len() / kind.len();
            kind.iter()
                .enumerate()
                .map(move |(rank, &index)| (place(rank), index))
        })
        .collect();
    places.sort_unstable();
    places.into_iter().map(|(_, index)| index).collect()
}

fn has_browser(case: &Case) -> bool {
    let mut visitors = case.scenario.given.visitors.values();
    visitors.any(|visitor| visitor.profile != Profile::Http)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::load::load_text;

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
        of_starts(&cases).into_iter().map(kind).collect()
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

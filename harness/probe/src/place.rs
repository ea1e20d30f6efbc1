//! Where in a path a row stands.

use std::ops::Range;

use serde::Deserialize;

/// A kind of place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Each letter.
    Letters,
    /// The first letter of each segment.
    FirstLetters,
    /// Each character that is neither a letter, nor a digit, nor a slash.
    Marks,
    /// Each slash but the first.
    Slashes,
    /// The end of each segment but the last.
    SegmentEnds,
    /// The start of each segment.
    SegmentStarts,
    /// The middle of each segment.
    Middles,
}

/// The bytes of `path` that each place takes up; none where something is put in between.
pub(super) fn places(path: &str, place: Place) -> Vec<Range<usize>> {
    let segments = segments(path);
    let letters = |range: Range<usize>| {
        let letters = path[range.clone()].char_indices();
        letters
            .filter(|(_, letter)| letter.is_ascii_alphabetic())
            .map(move |(at, _)| range.start + at..range.start + at + 1)
    };
    let point = |at: usize| at..at;
    match place {
        Place::Letters => segments.into_iter().flat_map(letters).collect(),
        Place::FirstLetters => segments
            .into_iter()
            .filter_map(|segment| letters(segment).next())
            .collect(),
        Place::Marks => path
            .char_indices()
            .filter(|(_, mark)| mark.is_ascii_punctuation() && *mark != '/')
            .map(|(at, _)| at..at + 1)
            .collect(),
        Place::Slashes => path
            .match_indices('/')
            .skip(1)
            .map(|(at, _)| at..at + 1)
            .collect(),
        Place::SegmentEnds => segments
            .iter()
            .take(segments.len().saturating_sub(1))
            .map(|segment| point(segment.end))
            .collect(),
        Place::SegmentStarts => segments
            .iter()
            .map(|segment| point(segment.start))
            .collect(),
        Place::Middles => segments
            .iter()
            .filter(|segment| segment.len() > 1)
            .map(|segment| point(path.floor_char_boundary(segment.start + segment.len() / 2)))
            .collect(),
    }
}

/// The segments that are not empty.
fn segments(path: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut segments = Vec::new();
    for segment in path.split('/') {
        if !segment.is_empty() {
            segments.push(start..start + segment.len());
        }
        start += segment.len() + 1;
    }
    segments
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Place::Letters, "/a1/bc", &["a", "b", "c"])]
    #[case(Place::FirstLetters, "/1a/bc/7", &["a", "b"])]
    #[case(Place::Marks, "/a-b/c_d", &["-", "_"])]
    #[case(Place::Slashes, "/a/b/c", &["/", "/"])]
    #[case(Place::SegmentEnds, "/a/b/c", &["", ""])]
    #[case(Place::SegmentStarts, "/a/b", &["", ""])]
    #[case(Place::Middles, "/ab/c", &[""])]
    #[case(Place::Letters, "/", &[])]
    fn places_are_where_they_say(
        #[case] place: Place,
        #[case] path: &str,
        #[case] expected: &[&str],
    ) {
        let found: Vec<&str> = places(path, place)
            .into_iter()
            .map(|at| &path[at])
            .collect();
        assert_eq!(found, expected);
    }
}

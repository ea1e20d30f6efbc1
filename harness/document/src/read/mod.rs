//! Reads a [`YamlNode`] into any type that serde knows, and finds every mistake rather than the first.
//!
//! serde stops at the first value that does not fit. The reader then sets that value aside and tries again, as if it
//! had not been written, until the rest fits or nothing is left. Unknown and repeated keys need no second attempt.

mod mistake;
mod reader;

use serde::de::DeserializeOwned;

use self::reader::{Context, Reader};
use super::{node::YamlNode, problem::Problem};

pub use mistake::nearest;

/// Attempts before a file is given up; one with that many mistakes has told enough.
const ATTEMPTS: usize = 100;

/// The value, where the whole node could be read, and otherwise every mistake in it, in the order of the file.
pub fn read<T: DeserializeOwned>(node: &YamlNode) -> Result<T, Vec<Problem>> {
    match read_partly(node) {
        (Some(value), problems) if problems.is_empty() => Ok(value),
        (_, problems) => Err(problems),
    }
}

/// What could be read without the values that do not fit, and every mistake, in the order of the file.
pub fn read_partly<T: DeserializeOwned>(node: &YamlNode) -> (Option<T>, Vec<Problem>) {
    let context = Context::default();
    let mut problems = Vec::new();
    let mut value = None;
    for _ in 0..ATTEMPTS {
        match T::deserialize(Reader::new(node, &context)) {
            Ok(read) => {
                value = Some(read);
                break;
            }
            Err(mistake) => {
                let set_aside = mistake
                    .culprit
                    .is_some_and(|culprit| context.set_aside(culprit));
                if !mistake.consequence {
                    problems.push(mistake.problem());
                }
                if !set_aside {
                    break;
                }
            }
        }
    }
    problems.extend(context.keys());
    problems.sort_by_key(|problem| (problem.at.file, problem.at.start));
    problems.dedup();
    (value, problems)
}

#[cfg(test)]
mod tests;

//! What somebody did in a browser, put together: a field that was typed into has one value, not one for each letter.

use edgeproof_browser::{Deed, Did};

/// How much is recorded. A person does some hundred things.
const MOST: usize = 10_000;

/// What was done, in order.
#[derive(Clone, Debug, Default)]
pub struct Deeds(Vec<Deed>);

impl Deeds {
    /// Adds what was done next.
    pub fn push(&mut self, deed: Deed) {
        if self.0.len() >= MOST {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.place == deed.place && replaces(&deed.did, &last.did) => {
                // The calls of the first letter are those of the whole.
                last.did = deed.did;
                last.url = deed.url;
            }
            _ => self.0.push(deed),
        }
    }

    /// All of it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Deed> {
        self.0.iter()
    }

    /// Whether nothing was done.
    pub fn is_empty(&self) -> bool {
        let nothing = |deed: &Deed| {
            matches!(
                deed.did,
                Did::Document { .. } | Did::Dialog { .. } | Did::Lost { .. }
            )
        };
        self.0.iter().all(nothing)
    }
}

/// Whether one says all that the one before it said.
fn replaces(next: &Did, last: &Did) -> bool {
    match (next, last) {
        (Did::Fill { fill, .. }, Did::Fill { fill: before, .. }) => fill == before,
        (Did::Select { select, .. }, Did::Select { select: before, .. }) => select == before,
        (Did::Upload { upload, .. }, Did::Upload { upload: before, .. }) => upload == before,
        // Of a radio button both are told that it was clicked and that it was changed.
        (Did::Check { check }, Did::Check { check: before }) => check == before,
        // The form was submitted with this key.
        (Did::Submit { .. }, Did::Press { press, .. }) => press == "Enter",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_browser::Place;

    use super::*;

    fn deed(before: usize, did: Did) -> Deed {
        Deed {
            before,
            place: Place::default(),
            url: "https://shop.example/".to_owned(),
            agent: false,
            did,
        }
    }

    fn fill(field: &str, value: &str) -> Did {
        Did::Fill {
            fill: field.to_owned(),
            value: value.to_owned(),
            secret: false,
            called: field.to_owned(),
        }
    }

    #[test]
    fn letters_become_a_value_and_a_key_that_submits_is_the_submission() {
        let enter = Did::Press {
            press: "Enter".to_owned(),
            field: Some("#b".to_owned()),
        };
        let submit = Did::Submit {
            submit: "form".to_owned(),
        };
        let mut deeds = Deeds::default();
        for (before, did) in [
            (3, fill("#a", "x")),
            (4, fill("#a", "xy")),
            (5, fill("#b", "z")),
            (5, enter),
            (6, submit.clone()),
        ] {
            deeds.push(deed(before, did));
        }
        let done: Vec<_> = deeds
            .iter()
            .map(|deed| (deed.before, deed.did.clone()))
            .collect();
        assert_eq!(
            done,
            [(3, fill("#a", "xy")), (5, fill("#b", "z")), (5, submit)]
        );
    }
}

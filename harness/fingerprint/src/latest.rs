//! The latest of many: what a workspace keeps of what happened, so that one that runs for days stays as large as it is.

use std::collections::VecDeque;

/// How many are kept. An event with everything its browser measured takes up to 20 KB.
const MOST: usize = 2000;

/// The latest values, the oldest first.
#[derive(Debug)]
pub(super) struct Latest<T>(VecDeque<T>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Latest<T> {
    /// Adds the newest; the oldest goes where there are too many.
    pub(super) fn push(&mut self, value: T) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }
}

impl<T: Clone> Latest<T> {
    pub(super) fn to_vec(&self) -> Vec<T> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_and_the_order_stays() {
        let mut latest = Latest::default();
        for number in 0..MOST + 3 {
            latest.push(number);
        }
        let kept: Vec<usize> = (3..MOST + 3).collect();
        assert_eq!(latest.to_vec(), kept);
    }
}

//! What is known of sockets, by cookie: bounded, the oldest goes first. What was forgotten counts as unknown.

use std::collections::{HashMap, VecDeque};

/// More sockets than a run has open at once.
const MOST: usize = 16 * 1024;

/// A bounded table.
#[derive(Debug)]
pub(crate) struct Table<T> {
    known: HashMap<u64, T>,
    order: VecDeque<u64>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { known: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Table<T> {
    pub(crate) fn put(&mut self, cookie: u64, value: T) {
        if self.known.insert(cookie, value).is_none() {
            self.order.push_back(cookie);
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    pub(crate) fn of(&self, cookie: u64) -> Option<&T> {
        self.known.get(&cookie)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (u64, &T)> {
        self.known.iter().map(|(cookie, value)| (*cookie, value))
    }

    pub(crate) fn of_mut(&mut self, cookie: u64) -> Option<&mut T> {
        self.known.get_mut(&cookie)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let mut table = Table::default();
        for cookie in 0..=MOST as u64 {
            table.put(cookie, cookie);
        }
        assert_eq!(table.of(0), None);
        assert_eq!(table.of(1), Some(&1));
        assert_eq!(table.of(MOST as u64), Some(&(MOST as u64)));
        assert_eq!(table.known.len(), table.order.len());
    }
}

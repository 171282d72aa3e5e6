//! From what an action holds to the few rules that may speak of it. An item is filed under one key that must
//! hold for it to match, the rarest that it offers; so the cost follows what matches, not the number of rules.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::profile::document::List;

/// Keys are hashes already.
#[derive(Debug, Default, Clone, Copy)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        // Only u64 keys come here; anything else still hashes to something.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

type Counts = HashMap<u64, u32, BuildHasherDefault<AsIs>>;

/// Items by key; plain data, so that it can be part of the program.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Index {
    /// A table that is at most half full, its length a power of two: a key lies at its own low bits, or in the next
    /// free place. What lies in `from..to` of `filed` belongs to it; nothing does in a free place.
    pub slots: List<Slot>,
    /// Items, those of one key together.
    pub filed: List<u32>,
    /// Items without a key.
    pub always: List<u32>,
}

/// A place of the table.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The key.
    pub key: u64,
    /// Where its items begin.
    pub from: u32,
    /// Where they end.
    pub to: u32,
}

impl Slot {
    const fn is_free(self) -> bool {
        self.from == self.to
    }
}

impl Index {
    /// Files items: each with its number and the keys of which every one must hold for it to match, the most
    /// telling first. An item without keys is a candidate for everything.
    pub(crate) fn build(items: &[(u32, Vec<u64>)]) -> Self {
        let mut counts = Counts::with_capacity_and_hasher(items.len(), BuildHasherDefault::default());
        for key in items.iter().flat_map(|(_, keys)| keys) {
            let count = counts.entry(*key).or_default();
            *count = count.saturating_add(1);
        }
        let mut pairs = Vec::with_capacity(items.len());
        let mut always = Vec::new();
        for (item, keys) in items {
            match keys.iter().min_by_key(|key| counts.get(key).copied().unwrap_or(0)) {
                Some(key) => pairs.push((*key, *item)),
                None => always.push(*item),
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        Self::lay(&pairs, always)
    }

    fn lay(pairs: &[(u64, u32)], mut always: Vec<u32>) -> Self {
        always.sort_unstable();
        always.dedup();
        let mut slots = Vec::new();
        if !pairs.is_empty() {
            slots.resize((pairs.len() * 2).next_power_of_two(), Slot::default());
        }
        let mut from = 0;
        for of_one in pairs.chunk_by(|(a, _), (b, _)| a == b) {
            let to = from + u32::try_from(of_one.len()).unwrap_or(u32::MAX);
            let key = of_one.first().map_or(0, |(key, _)| *key);
            let place = place(&slots, key);
            if let Some(slot) = slots.get_mut(place) {
                *slot = Slot { key, from, to };
            }
            from = to;
        }
        let filed: Vec<u32> = pairs.iter().map(|(_, item)| *item).collect();
        Self { slots: slots.into(), filed: filed.into(), always: always.into() }
    }

    /// Items that may match something of which exactly these keys hold; each once, in order.
    pub(crate) fn candidates(&self, keys: &[u64]) -> Vec<u32> {
        let mut found = self.always.to_vec();
        for key in keys {
            if let Some(slot) = self.slots.get(place(&self.slots, *key)) {
                let range = slot.from as usize..slot.to as usize;
                found.extend(self.filed.get(range).into_iter().flatten());
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Where a key lies, or would lie. There is always a free place, so the search ends.
fn place(slots: &[Slot], key: u64) -> usize {
    let mask = slots.len().wrapping_sub(1);
    let low = usize::try_from(key & u64::from(u32::MAX)).unwrap_or_default();
    let mut at = low & mask;
    while slots.get(at).is_some_and(|slot| slot.key != key && !slot.is_free()) {
        at = (at + 1) & mask;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::Index;

    #[test]
    fn what_is_filed_is_found_and_nothing_else() {
        // Keys that share their low bits, and the key 0, which a free place has too.
        let keys = |n: u32| vec![u64::from(n % 7) << 40];
        let items: Vec<(u32, Vec<u64>)> = (0..50).map(|n| (n, keys(n))).collect();
        let index = Index::build(&items);
        for rest in 0..7 {
            let wanted: Vec<u32> = (0..50).filter(|n| n % 7 == rest).collect();
            assert_eq!(index.candidates(&keys(rest)), wanted);
        }
        assert!(index.candidates(&[7 << 40, 1, u64::MAX]).is_empty());
        assert!(Index::build(&[]).candidates(&[0, 1]).is_empty());
        assert_eq!(Index::build(&[(3, Vec::new())]).candidates(&[0]), [3]);
    }
}

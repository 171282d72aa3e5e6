//! From what an action holds to the few rules that may speak of it. An item is filed under one key that must
//! hold for it to match, the rarest that it offers; so the cost follows what matches, not the number of rules.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

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

type Table<V> = HashMap<u64, V, BuildHasherDefault<AsIs>>;

/// Items by key.
#[derive(Debug, Default)]
pub(crate) struct Index {
    ranges: Table<(u32, u32)>,
    filed: Vec<u32>,
    always: Vec<u32>,
}

impl Index {
    /// Files items: each with its number and the keys of which every one must hold for it to match, the most
    /// telling first. An item without keys is a candidate for everything.
    pub(crate) fn build(items: &[(u32, Vec<u64>)]) -> Self {
        let mut counts: Table<u32> = Table::with_capacity_and_hasher(items.len(), BuildHasherDefault::default());
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
        let mut ranges: Table<(u32, u32)> = Table::with_capacity_and_hasher(pairs.len(), BuildHasherDefault::default());
        for (at, (key, _)) in (0_u32..).zip(pairs) {
            ranges.entry(*key).or_insert((at, at)).1 = at + 1;
        }
        Self { ranges, filed: pairs.iter().map(|(_, item)| *item).collect(), always }
    }

    /// Items that may match something of which exactly these keys hold; each once, in order.
    pub(crate) fn candidates(&self, keys: &[u64]) -> Vec<u32> {
        let mut found = self.always.clone();
        for key in keys {
            if let Some((from, to)) = self.ranges.get(key) {
                let range = *from as usize..*to as usize;
                found.extend(self.filed.get(range).into_iter().flatten());
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

//! The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1): hashes, the compact range that makes appending
//! logarithmic, and the two proofs with their checks.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a leaf: `SHA-256(0x00 || bytes)`.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// The hash of an inner node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The roots of the perfect subtrees that cover the leaves so far, largest first: all that appending needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    nodes: Vec<Hash>,
}

impl CompactRange {
    /// How many leaves it covers.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one bit of the size is a perfect subtree of the same height as `hash`: they merge.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.nodes.push(hash);
        self.size += 1;
    }

    /// The root over all leaves; `SHA-256("")` for none.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.nodes.iter().rev();
        match smallest_first.next() {
            None => Sha256::digest([]).into(),
            Some(last) => smallest_first.fold(*last, |right, left| node_hash(left, &right)),
        }
    }

    /// The stored form: the hashes, largest subtree first, end to end.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.nodes.concat()
    }

    /// Reads the stored form; none where the length does not fit the size.
    #[must_use]
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (nodes, rest) = bytes.as_chunks::<32>();
        let fits = rest.is_empty() && nodes.len() == usize::try_from(size.count_ones()).ok()?;
        fits.then(|| Self { size, nodes: nodes.to_vec() })
    }
}

/// The leaf ranges whose roots prove that leaf `index` is in a tree of `size` leaves, in proof order
/// (RFC 6962 2.1.1); none where there is no such leaf.
#[must_use]
pub fn inclusion_ranges(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut tree, mut path) = (0..size, Vec::new());
    while tree.end - tree.start > 1 {
        let middle = tree.start + split(tree.end - tree.start);
        if index < middle {
            path.push(middle..tree.end);
            tree.end = middle;
        } else {
            path.push(tree.start..middle);
            tree.start = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The leaf ranges whose roots prove that a tree of `new` leaves begins with the tree of the first `old` ones, in proof
/// order (RFC 6962 2.1.2); none where `old` is 0 or more than `new`.
#[must_use]
pub fn consistency_ranges(old: u64, new: u64) -> Option<Vec<Range<u64>>> {
    if old == 0 || old > new {
        return None;
    }
    let (mut tree, mut path, mut whole) = (0..new, Vec::new(), true);
    while tree.end != old {
        let middle = tree.start + split(tree.end - tree.start);
        if old <= middle {
            path.push(middle..tree.end);
            tree.end = middle;
        } else {
            path.push(tree.start..middle);
            tree.start = middle;
            whole = false;
        }
    }
    if !whole {
        path.push(tree);
    }
    path.reverse();
    Some(path)
}

/// The largest power of two smaller than `n`, for `n` > 1.
const fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The roots of several ranges of leaves, found in one pass over the leaves.
#[derive(Debug)]
pub struct RangeRoots(Vec<(Range<u64>, CompactRange)>);

impl RangeRoots {
    /// For these ranges.
    #[must_use]
    pub fn new(ranges: Vec<Range<u64>>) -> Self {
        Self(ranges.into_iter().map(|r| (r, CompactRange::default())).collect())
    }

    /// Takes the next leaf; leaves must come in order.
    pub fn push(&mut self, index: u64, leaf: Hash) {
        for (range, tree) in &mut self.0 {
            if range.contains(&index) {
                tree.push(leaf);
            }
        }
    }

    /// The roots, in the order of the ranges; none where leaves were missing.
    #[must_use]
    pub fn finish(self) -> Option<Vec<Hash>> {
        self.0.into_iter().map(|(r, tree)| (tree.size() == r.end - r.start).then(|| tree.root())).collect()
    }
}

/// Whether `proof` shows that a leaf is the `index`-th of the tree with this size and root (RFC 9162 2.1.3.2).
#[must_use]
pub fn proves_inclusion(leaf: &Hash, index: u64, (size, root): (u64, &Hash), proof: &[Hash]) -> bool {
    if index >= size {
        return false;
    }
    let (mut fnode, mut snode, mut hash) = (index, size - 1, *leaf);
    for p in proof {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            hash = node_hash(p, &hash);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            hash = node_hash(&hash, p);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && hash == *root
}

/// Whether `proof` shows that the tree with the `new` size and root begins with the tree with the `old` ones
/// (RFC 9162 2.1.4.2).
#[must_use]
pub fn proves_consistency(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 || old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    let with_old;
    let path = if old_size.is_power_of_two() {
        with_old = [&[*old_root], proof].concat();
        with_old.as_slice()
    } else {
        proof
    };
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let (mut fnode, mut snode) = (old_size - 1, new_size - 1);
    while fnode & 1 == 1 {
        fnode >>= 1;
        snode >>= 1;
    }
    let (mut from, mut to) = (*first, *first);
    for c in rest {
        if snode == 0 {
            return false;
        }
        if fnode & 1 == 1 || fnode == snode {
            from = node_hash(c, &from);
            to = node_hash(c, &to);
            while fnode & 1 == 0 && fnode != 0 {
                fnode >>= 1;
                snode >>= 1;
            }
        } else {
            to = node_hash(&to, c);
        }
        fnode >>= 1;
        snode >>= 1;
    }
    snode == 0 && from == *old_root && to == *new_root
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;

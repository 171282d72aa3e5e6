//! The tree against the known test tree of Certificate Transparency, against a plain recursive definition, and with
//! every proof for trees of up to 40 leaves, right and wrong.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it is wrong")]

use super::*;

/// The leaves of the test tree that certificate-transparency's implementations share.
const LEAVES: [&[u8]; 8] = [
    b"",
    &[0],
    &[0x10],
    &[0x20, 0x21],
    &[0x30, 0x31],
    &[0x40, 0x41, 0x42, 0x43],
    &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
    &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
];

/// Its roots, from no leaf to eight.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hex(hash: &Hash) -> String {
    crate::key::hex(hash)
}

fn leaves(n: u64) -> Vec<Hash> {
    (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

/// RFC 6962 2.1, word for word.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        _ => {
            let k = usize::try_from(split(leaves.len() as u64)).unwrap();
            node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
        }
    }
}

fn roots(ranges: Vec<Range<u64>>, leaves: &[Hash]) -> Vec<Hash> {
    let mut roots = RangeRoots::new(ranges);
    leaves.iter().enumerate().for_each(|(i, l)| roots.push(i as u64, *l));
    roots.finish().unwrap()
}

#[test]
fn the_known_test_tree_has_its_known_roots() {
    let mut range = CompactRange::default();
    assert_eq!(hex(&range.root()), ROOTS[0]);
    for (leaf, root) in LEAVES.iter().zip(&ROOTS[1..]) {
        range.push(leaf_hash(leaf));
        assert_eq!(hex(&range.root()), *root);
    }
}

#[test]
fn the_known_test_tree_has_its_known_proofs() {
    let tree: Vec<Hash> = LEAVES.iter().map(|l| leaf_hash(l)).collect();
    let path = roots(inclusion_ranges(0, 8).unwrap(), &tree);
    assert_eq!(
        path.iter().map(hex).collect::<Vec<_>>(),
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
    );
    let proof = roots(consistency_ranges(6, 8).unwrap(), &tree);
    assert_eq!(
        proof.iter().map(hex).collect::<Vec<_>>(),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn the_compact_range_agrees_with_the_definition_and_survives_storage() {
    let all = leaves(140);
    let mut range = CompactRange::default();
    for n in 1..=all.len() {
        range.push(all[n - 1]);
        assert_eq!(range.root(), mth(&all[..n]));
        range = CompactRange::from_bytes(n as u64, &range.to_bytes()).unwrap();
    }
    assert_eq!(CompactRange::from_bytes(3, &[0; 32]), None);
    assert_eq!(CompactRange::from_bytes(1, &[0; 33]), None);
}

#[test]
fn every_inclusion_proof_holds_and_no_other_does() {
    for n in 1..=40_u64 {
        let all = leaves(n);
        let root = mth(&all);
        for i in 0..n {
            let proof = roots(inclusion_ranges(i, n).unwrap(), &all);
            let leaf = &all[usize::try_from(i).unwrap()];
            assert!(proves_inclusion(leaf, i, (n, &root), &proof));
            assert!(!proves_inclusion(&[7; 32], i, (n, &root), &proof));
            assert!(!proves_inclusion(leaf, i, (n, &[7; 32]), &proof));
            for other in (0..n).filter(|o| *o != i) {
                assert!(!proves_inclusion(leaf, other, (n, &root), &proof));
            }
            for k in 0..proof.len() {
                let mut wrong = proof.clone();
                wrong[k][0] ^= 1;
                assert!(!proves_inclusion(leaf, i, (n, &root), &wrong));
                assert!(!proves_inclusion(leaf, i, (n, &root), &proof[..k]));
            }
            assert!(!proves_inclusion(leaf, i, (n, &root), &[proof, vec![[0; 32]]].concat()));
        }
        assert_eq!(inclusion_ranges(n, n), None);
    }
}

#[test]
fn every_consistency_proof_holds_and_no_other_does() {
    for new in 1..=40_u64 {
        let all = leaves(new);
        for old in 1..=new {
            let (from, to) = (mth(&all[..usize::try_from(old).unwrap()]), mth(&all));
            let proof = roots(consistency_ranges(old, new).unwrap(), &all);
            assert!(proves_consistency((old, &from), (new, &to), &proof));
            assert!(!proves_consistency((old, &[7; 32]), (new, &to), &proof));
            assert!(!proves_consistency((old, &from), (new, &[7; 32]), &proof));
            for k in 0..proof.len() {
                let mut wrong = proof.clone();
                wrong[k][0] ^= 1;
                assert!(!proves_consistency((old, &from), (new, &to), &wrong));
                assert!(!proves_consistency((old, &from), (new, &to), &proof[..k]));
            }
        }
        assert_eq!(consistency_ranges(0, new), None);
        assert_eq!(consistency_ranges(new + 1, new), None);
    }
}

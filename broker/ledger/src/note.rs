//! Checkpoints in the C2SP formats <https://c2sp.org/tlog-checkpoint> and <https://c2sp.org/signed-note>, so that
//! tools that know those can check ours; Ed25519 only.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::tree::Hash;

/// The signed-note algorithm number of Ed25519.
const ED25519: u8 = 1;

/// The root of a ledger at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which ledger: the name of its key.
    pub origin: String,
    /// How many records.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a note is not a checkpoint of this ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteFault {
    /// It does not have the form of a signed checkpoint.
    Malformed,
    /// It is of another ledger, or signed with another key.
    OtherKey,
    /// The signature does not fit the text.
    WrongSignature,
}

impl fmt::Display for NoteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a signed checkpoint",
            Self::OtherKey => "the checkpoint is of another ledger or signed with another key",
            Self::WrongSignature => "the signature does not fit the checkpoint",
        })
    }
}

impl std::error::Error for NoteFault {}

impl Checkpoint {
    /// The text that is signed: origin, size and root, a line each.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// The checkpoint in a note of whatever key. Nothing says yet that it is genuine.
    pub(crate) fn unverified(note: &[u8]) -> Option<Self> {
        let (body, _) = std::str::from_utf8(note).ok()?.split_once("\n\n")?;
        Self::parse(&format!("{body}\n"))
    }

    fn parse(body: &str) -> Option<Self> {
        let mut lines = body.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: size.parse().ok()?,
            root: STANDARD.decode(root).ok()?.try_into().ok()?,
        };
        // What is signed is text: only the one text that we would have written is taken for the checkpoint.
        (!origin.is_empty() && checkpoint.body() == body).then_some(checkpoint)
    }
}

/// What all of a ledger's secrets follow from: its private key, without the work that signing takes.
pub(crate) struct Seed([u8; 32]);

impl Seed {
    /// Reads what [`Signer::to_text`] wrote. That name and number fit the key is seen when it signs.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        split_key(private(text)?).map(|(_, seed)| Self(seed))
    }

    /// A secret that is bound to this key, for `purpose`.
    pub(crate) fn derive(&self, purpose: &str) -> Hash {
        Sha256::new().chain_update(purpose).chain_update([0]).chain_update(self.0).finalize().into()
    }
}

/// The key that signs a ledger's checkpoints.
pub struct Signer {
    key: SigningKey,
    verifier: Verifier,
}

/// The public half: what a checkpoint is checked with.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Signer {
    /// From a name (no space, no `+`) and a 32-byte seed; none for a name that a note can't hold.
    #[must_use]
    pub fn new(name: &str, seed: &[u8; 32]) -> Option<Self> {
        let key = SigningKey::from_bytes(seed);
        let verifier = Verifier::new(name, key.verifying_key())?;
        Some(Self { key, verifier })
    }

    /// Reads what [`Self::to_text`] wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let (name, seed) = split_key(private(text)?)?;
        let signer = Self::new(name, &seed)?;
        (signer.to_text() == text).then_some(signer)
    }

    /// One line, in the form that Go's `sumdb/note` uses: `PRIVATE+KEY+name+id+base64`.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("PRIVATE+KEY+{}\n", key_text(&self.verifier, &self.key.to_bytes()))
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// What its other secrets follow from.
    pub(crate) fn seed(&self) -> Seed {
        Seed(self.key.to_bytes())
    }

    /// The signed note for a tree of this size and root.
    #[must_use]
    pub fn sign(&self, size: u64, root: Hash) -> String {
        let body = Checkpoint { origin: self.verifier.name.clone(), size, root }.body();
        let signature = self.key.sign(body.as_bytes()).to_bytes();
        format!("{body}\n{}", self.verifier.line(&signature))
    }
}

impl Verifier {
    fn new(name: &str, key: VerifyingKey) -> Option<Self> {
        if name.is_empty() || name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control()) {
            return None;
        }
        let hash: Hash = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', ED25519])
            .chain_update(key.as_bytes())
            .finalize()
            .into();
        let id = *hash.first_chunk()?;
        Some(Self { name: name.to_owned(), id, key })
    }

    /// Reads a verifier key, `name+id+base64`; none where it is not one.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let (name, bytes) = split_key(text)?;
        let verifier = Self::new(name, VerifyingKey::from_bytes(&bytes).ok()?)?;
        (verifier.to_text() == text).then_some(verifier)
    }

    /// The verifier key as C2SP signed-note writes it: `name+id+base64`.
    #[must_use]
    pub fn to_text(&self) -> String {
        key_text(self, self.key.as_bytes())
    }

    /// The ledger's name, which is its checkpoints' origin line.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The checkpoint in a signed note. Signatures by other keys may stand beside ours, as witnesses add them.
    ///
    /// # Errors
    /// [`NoteFault`] where it isn't a checkpoint of this ledger, signed by its key.
    pub fn open(&self, note: &[u8]) -> Result<Checkpoint, NoteFault> {
        let note = std::str::from_utf8(note).map_err(|_| NoteFault::Malformed)?;
        let (body, signatures) = note.split_once("\n\n").ok_or(NoteFault::Malformed)?;
        let body = format!("{body}\n");
        let checkpoint = Checkpoint::parse(&body).ok_or(NoteFault::Malformed)?;
        let signatures = signatures.strip_suffix('\n').ok_or(NoteFault::Malformed)?;
        let mut found = None;
        for line in signatures.split('\n') {
            let (name, rest) = line.strip_prefix("— ").and_then(|l| l.split_once(' ')).ok_or(NoteFault::Malformed)?;
            let bytes = STANDARD.decode(rest).map_err(|_| NoteFault::Malformed)?;
            let (id, signature) = bytes.split_first_chunk().ok_or(NoteFault::Malformed)?;
            if name == self.name && *id == self.id {
                found = Some(Signature::from_slice(signature).map_err(|_| NoteFault::Malformed)?);
            }
        }
        let signature = found.filter(|_| checkpoint.origin == self.name).ok_or(NoteFault::OtherKey)?;
        self.key.verify_strict(body.as_bytes(), &signature).map_err(|_| NoteFault::WrongSignature)?;
        Ok(checkpoint)
    }

    /// Like [`Self::open`], but the note must be, byte for byte, one that the ledger's own key wrote.
    ///
    /// # Errors
    /// [`NoteFault`] as above; [`NoteFault::Malformed`] also for a note with anything more in it.
    pub fn open_exact(&self, note: &[u8]) -> Result<Checkpoint, NoteFault> {
        let checkpoint = self.open(note)?;
        let one_signature = note.split(|b| *b == b'\n').count() == 6;
        if one_signature { Ok(checkpoint) } else { Err(NoteFault::Malformed) }
    }

    fn line(&self, signature: &[u8]) -> String {
        format!("— {} {}\n", self.name, STANDARD.encode([self.id.as_slice(), signature].concat()))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

fn key_text(verifier: &Verifier, bytes: &[u8; 32]) -> String {
    let with_kind = [&[ED25519], bytes.as_slice()].concat();
    format!("{}+{:08x}+{}", verifier.name, u32::from_be_bytes(verifier.id), STANDARD.encode(with_kind))
}

/// What follows the mark of a private key.
fn private(text: &str) -> Option<&str> {
    text.strip_suffix('\n')?.strip_prefix("PRIVATE+KEY+")
}

/// Name and key bytes of `name+id+base64`; the caller compares the whole with what it would have written.
fn split_key(text: &str) -> Option<(&str, [u8; 32])> {
    let (name, rest) = text.split_once('+')?;
    let (_, key) = rest.split_once('+')?;
    match STANDARD.decode(key).ok()?.split_first()? {
        (&ED25519, bytes) => Some((name, bytes.try_into().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it is wrong")]
    use super::*;

    /// The signer key that Go's golang.org/x/mod/sumdb/note documents, and its verifier key.
    const GO_SIGNER: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz\n";
    const GO_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn keys_and_signatures_are_those_of_the_reference_implementation() {
        let signer = Signer::from_text(GO_SIGNER).unwrap();
        assert_eq!(signer.verifier().to_text(), GO_VERIFIER);
        assert_eq!(Verifier::from_text(GO_VERIFIER).unwrap(), *signer.verifier());
        // The package's example note: not a checkpoint, but the same signing.
        let text =
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let line = signer.verifier().line(&signer.key.sign(text.as_bytes()).to_bytes());
        assert_eq!(
            line,
            "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
        );
    }

    #[test]
    fn a_note_opens_and_no_changed_note_does() {
        let signer = Signer::from_text(GO_SIGNER).unwrap();
        let note = signer.sign(17, [9; 32]);
        let got = signer.verifier().open_exact(note.as_bytes()).unwrap();
        assert_eq!(got, Checkpoint { origin: "PeterNeumann".into(), size: 17, root: [9; 32] });
        for at in 0..note.len() {
            for bit in 0..8 {
                let mut wrong = note.clone().into_bytes();
                wrong[at] ^= 1 << bit;
                assert!(signer.verifier().open_exact(&wrong).is_err(), "byte {at}, bit {bit}");
            }
            assert!(signer.verifier().open(&note.as_bytes()[..at]).is_err(), "cut at {at}");
        }
        let other = Signer::new("PeterNeumann", &[3; 32]).unwrap();
        assert_eq!(other.verifier().open(note.as_bytes()), Err(NoteFault::OtherKey));
        let forged = note.replacen("17", "18", 1);
        assert_eq!(signer.verifier().open(forged.as_bytes()), Err(NoteFault::WrongSignature));
    }

    #[test]
    fn a_witness_may_sign_beside_us() {
        let signer = Signer::new("ours", &[1; 32]).unwrap();
        let note = signer.sign(1, [2; 32]);
        let witnessed = format!("{note}{}", Signer::new("witness", &[2; 32]).unwrap().verifier().line(&[0; 64]));
        assert_eq!(signer.verifier().open(witnessed.as_bytes()).unwrap().size, 1);
        assert_eq!(signer.verifier().open_exact(witnessed.as_bytes()), Err(NoteFault::Malformed));
    }

    #[test]
    fn no_other_text_is_a_key() {
        for wrong in ["", "\n", &GO_SIGNER[1..], &GO_SIGNER.replace("c74", "c75"), &GO_SIGNER.replace("Peter", "Pe er")]
        {
            assert!(Signer::from_text(wrong).is_none(), "{wrong}");
        }
        assert!(Signer::new("a+b", &[0; 32]).is_none());
        assert!(Signer::new("", &[0; 32]).is_none());
        assert!(Verifier::from_text(&GO_VERIFIER.replace("ARpc", "ARpd")).is_none());
    }
}

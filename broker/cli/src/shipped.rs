//! Profiles that come with the program, checked and made part of it when it was built.

use tollgate_policy::Document;

/// One shipped profile.
#[derive(Debug)]
pub(crate) struct Shipped {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its source, with comments and examples.
    pub(crate) text: &'static str,
    document: Document,
}

/// All of them, by name.
pub(crate) static ALL: &[Shipped] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// The profile of this name, without its examples.
pub(crate) fn lookup(name: &str) -> Option<Document> {
    let at = ALL.binary_search_by(|shipped| shipped.name.cmp(name)).ok()?;
    Some(ALL.get(at)?.document.clone())
}

/// What to do about a name that no profile has.
pub(crate) fn hint(name: &str) -> String {
    let near = ALL.iter().map(|shipped| (strsim::damerau_levenshtein(shipped.name, name), shipped.name)).min();
    match near {
        Some((distance, near)) if distance <= 2.max(name.len() / 3) => format!("did you mean `{near}`?"),
        _ => "`tollgate policy test` names the shipped ones; a file of your own is given with --policy".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn every_profile_is_what_its_text_says() {
        assert!(!ALL.is_empty());
        for shipped in ALL {
            let parsed = tollgate_policy::parse(&format!("profile:{}", shipped.name), shipped.text).unwrap();
            assert_eq!(lookup(shipped.name).unwrap(), parsed.without_examples(), "{}", shipped.name);
        }
        assert_eq!(lookup("no-such-profile"), None);
        assert_eq!(hint("wrokspace"), "did you mean `workspace`?");
        assert!(hint("zzzzzzzz").contains("policy test"));
    }
}

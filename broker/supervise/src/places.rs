//! Which paths can be written, and which be run from, inside: the boundary's roots, where their symlinks lead.

use std::cell::OnceCell;

use tollgate_policy::boundary::{Boundary, Enforced, Feature, Rights};
use tollgate_policy::path::AbsPath;

/// Directories that a private temp directory and private shared memory stand in for.
const PRIVATE: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Roots that can be written from inside. Devices are none: what is written to them stays nowhere.
pub(crate) fn writable(boundary: &Boundary, enforced: &Enforced) -> Vec<AbsPath> {
    let mut roots = real(&with(boundary, |rights| rights.write && !rights.device));
    roots.extend(private(enforced));
    roots
}

/// Roots that files can be run from.
#[derive(Debug)]
pub(crate) struct Runnable {
    as_written: Vec<AbsPath>,
    /// Where links lead; hardly ever asked for, and not cheap.
    real: OnceCell<Vec<AbsPath>>,
}

impl Runnable {
    pub(crate) fn new(boundary: &Boundary, enforced: &Enforced) -> Self {
        let mut as_written = with(boundary, |rights| rights.execute || rights.write);
        as_written.extend(private(enforced));
        Self { as_written, real: OnceCell::new() }
    }

    /// Whether a resolved path lies beneath one of them.
    pub(crate) fn holds(&self, path: &AbsPath) -> bool {
        let within = |roots: &[AbsPath]| roots.iter().any(|root| path.is_within(root));
        within(&self.as_written) || within(self.real.get_or_init(|| real(&self.as_written)))
    }
}

fn with(boundary: &Boundary, of: impl Fn(&Rights) -> bool) -> Vec<AbsPath> {
    boundary.roots.iter().filter(|root| of(&root.rights)).map(|root| root.path.clone()).collect()
}

fn private(enforced: &Enforced) -> impl Iterator<Item = AbsPath> {
    let held = enforced.held.contains(&Feature::PrivateTemp);
    PRIVATE.into_iter().filter(move |_| held).filter_map(|path| AbsPath::new(path).ok())
}

/// Whether a path inside lies in a place that only this run sees, and not in a root that is shown there again.
pub(crate) fn is_private(boundary: &Boundary, enforced: &Enforced, path: &AbsPath) -> bool {
    private(enforced).any(|place| path.is_within(&place))
        && !boundary.roots.iter().any(|root| path.is_within(&root.path))
}

/// A root that doesn't resolve stays as written: nothing is beneath it.
fn real(roots: &[AbsPath]) -> Vec<AbsPath> {
    let resolve = |root: &AbsPath| std::fs::canonicalize(root.as_path()).ok().and_then(|path| AbsPath::new(path).ok());
    roots.iter().map(|root| resolve(root).unwrap_or_else(|| root.clone())).collect()
}

#[cfg(test)]
mod tests {
    use tollgate_policy::boundary::Root;

    use super::*;

    #[test]
    fn a_root_in_a_private_place_is_not_private() {
        let path = |text: &str| AbsPath::new(text).unwrap();
        let root = |text: &str| Root { path: path(text), rights: Rights { write: true, ..Rights::default() } };
        let boundary = Boundary { roots: vec![root("/tmp/ws"), root("/home/u/ws")], ..Boundary::default() };
        let held = Enforced { held: [Feature::PrivateTemp].into(), ..Enforced::default() };
        for (text, private) in [("/tmp/x", true), ("/tmp/ws/x", false), ("/home/u/ws/x", false), ("/run/x", false)] {
            assert_eq!(is_private(&boundary, &held, &path(text)), private, "{text}");
            assert!(!is_private(&boundary, &Enforced::default(), &path(text)), "{text}");
        }
        let shared = Boundary { roots: vec![root("/tmp")], ..Boundary::default() };
        assert!(!is_private(&shared, &held, &path("/tmp/x")));
    }

    #[test]
    fn a_root_holds_what_its_link_leads_to() {
        let dir = tempfile::tempdir().unwrap();
        let real = std::fs::canonicalize(dir.path()).unwrap().join("real");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, dir.path().join("link")).unwrap();
        let path = AbsPath::new(dir.path().join("link")).unwrap();
        let rights = Rights { write: true, ..Rights::default() };
        let boundary = Boundary { roots: vec![Root { path, rights }], ..Boundary::default() };
        let inside = AbsPath::new(real.join("x")).unwrap();
        let beside = AbsPath::new(real.with_file_name("really")).unwrap();
        let runnable = Runnable::new(&boundary, &Enforced::default());
        assert!(runnable.holds(&inside));
        assert!(!runnable.holds(&beside));
        assert!(!runnable.holds(&AbsPath::new("/tmp-not/x").unwrap()));
        let held = Enforced { held: [Feature::PrivateTemp].into(), ..Enforced::default() };
        assert!(Runnable::new(&boundary, &held).holds(&AbsPath::new("/dev/shm/x").unwrap()));
        assert!(writable(&boundary, &held).iter().any(|root| inside.is_within(root)));
    }
}

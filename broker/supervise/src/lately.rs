//! Refusals of a moment ago: a shell or `execvp(3)` tries the same program again under each directory of PATH, and
//! that is one attempt, asked and written down once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tollgate_policy::action::Exec;

/// How long a refusal stands for the same attempt.
const MOMENT: Duration = Duration::from_secs(2);
/// How many threads' refusals are remembered.
const REMEMBERED: usize = 1024;

/// The last refused attempt of each thread.
#[derive(Debug, Default)]
pub(crate) struct Lately(HashMap<i32, (Exec, Instant)>);

impl Lately {
    pub(crate) fn refused(&mut self, tid: i32, exec: &Exec) {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (_, when)| when.elapsed() < MOMENT);
        }
        if self.0.len() < REMEMBERED {
            self.0.insert(tid, (exec.clone(), Instant::now()));
        }
    }

    /// Whether this thread was refused the same a moment ago: the same executable with the same words, by whatever
    /// path it was called.
    pub(crate) fn again(&self, tid: i32, exec: &Exec) -> bool {
        self.0.get(&tid).is_some_and(|(last, when)| {
            let same_image = last.image.executable == exec.image.executable && last.image.form == exec.image.form;
            when.elapsed() < MOMENT && same_image && last.argv == exec.argv && last.cwd == exec.cwd
        })
    }
}

#[cfg(test)]
mod tests {
    use tollgate_policy::action::{Form, Image};
    use tollgate_policy::path::AbsPath;
    use tollgate_policy::raw::Raw;

    use super::*;

    fn exec(given: &str, real: &str, word: &str) -> Exec {
        let executable = Some(AbsPath::new(real).unwrap());
        let image = Image { executable, form: Form::Native, writable: false, sha256: None };
        Exec { given: Raw::from(given), image, argv: vec![Raw::from("x"), Raw::from(word)], cwd: AbsPath::root() }
    }

    #[test]
    fn the_same_program_under_another_path_is_the_same_attempt() {
        let mut lately = Lately::default();
        lately.refused(7, &exec("/usr/bin/x", "/usr/bin/x", "1"));
        assert!(lately.again(7, &exec("/bin/x", "/usr/bin/x", "1")));
        assert!(!lately.again(8, &exec("/bin/x", "/usr/bin/x", "1")), "another thread");
        assert!(!lately.again(7, &exec("/bin/x", "/usr/bin/x", "2")), "other words");
        assert!(!lately.again(7, &exec("/bin/x", "/opt/x", "1")), "another program");
    }
}

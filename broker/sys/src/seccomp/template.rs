//! Programs that were compiled when Tollgate was built: whole, but for the run's [`Pass`], whose words are put in at launch.

use libc::sock_filter;

use super::Program;
use crate::handover::Pass;

/// Stand for the four halves of a pass. No filter tests an argument for one of these.
const BLANKS: [u32; 4] = [0x9d3a_51c7, 0xb64e_f029, 0xe187_2c5b, 0xcf05_9ae3];

/// `BPF_JMP | BPF_JEQ | BPF_K`, the only instruction that holds a pass.
const EQUAL: u16 = 0x15;

/// One instruction: operation, both jumps, operand (`struct sock_filter`).
pub type Instruction = (u16, u8, u8, u32);

impl Pass {
    /// What a template is compiled with.
    pub const BLANK: Self = Self::of([halves(BLANKS[0], BLANKS[1]), halves(BLANKS[2], BLANKS[3])]);
}

const fn halves(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

impl Program {
    /// The instructions of a program that was compiled with [`Pass::BLANK`].
    #[must_use]
    pub fn template(&self) -> Vec<Instruction> {
        self.code.iter().map(|one| (one.code, one.jt, one.jf, one.k)).collect()
    }

    /// The program that a template is for this pass.
    #[must_use]
    pub fn sealed(template: &[Instruction], pass: &Pass) -> Self {
        let [first, second] = pass.words();
        let words = [first >> 32, first & 0xffff_ffff, second >> 32, second & 0xffff_ffff];
        let words = words.map(|word| u32::try_from(word).unwrap_or_default());
        let word = |blank: u32| BLANKS.iter().zip(words).find(|(known, _)| **known == blank).map(|(_, word)| word);
        let seal = |&(code, jt, jf, k): &Instruction| {
            let k = if code == EQUAL && k > 0x8000_0000 { word(k).unwrap_or(k) } else { k };
            sock_filter { code, jt, jf, k }
        };
        let notifies = template.iter().any(|&(code, _, _, k)| code == RETURN && k == libc::SECCOMP_RET_USER_NOTIF);
        Self { code: template.iter().map(seal).collect(), notifies }
    }
}

/// `BPF_RET | BPF_K`
const RETURN: u16 = 0x06;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use crate::handover::Pass;
    use crate::seccomp::{Entry, Fate, Filter, Program, compile};

    #[test]
    fn a_template_with_its_pass_is_what_would_be_compiled() {
        let entries = vec![
            Entry { calls: vec![0, 1, 59, 231], tests: Vec::new(), then: Fate::Allow },
            Entry { calls: vec![46, 47, 257], tests: Vec::new(), then: Fate::Notify },
        ];
        for fate in [Fate::Errno(38), Fate::Notify] {
            let filter = |pass: &Pass| {
                let mut filter = Filter { entries: entries.clone(), otherwise: fate };
                pass.open(&mut filter);
                compile(&filter).unwrap()
            };
            let template = filter(&Pass::BLANK).template();
            for _ in 0..100 {
                let pass = Pass::new().unwrap();
                let (sealed, compiled) = (Program::sealed(&template, &pass), filter(&pass));
                assert_eq!(sealed.template(), compiled.template());
                assert_eq!(sealed.notifies(), compiled.notifies());
            }
        }
    }

    #[test]
    fn one_that_notifies_of_nothing_says_so() {
        let filter = Filter { entries: Vec::new(), otherwise: Fate::Allow };
        let program = compile(&filter).unwrap();
        assert!(!Program::sealed(&program.template(), &Pass::NONE).notifies());
    }
}

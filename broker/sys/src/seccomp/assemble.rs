//! Classic BPF, written from its end to its beginning: all jumps go forward, so each target's place is known when the
//! jump to it is written, and one that is out of reach (255 instructions) gets a trampoline.

use libc::sock_filter;

const RETURN: u16 = 0x06; // BPF_RET | BPF_K
const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA

/// A conditional jump of BPF.
#[derive(Debug, Clone, Copy)]
pub(super) enum Compare {
    /// `BPF_JMP | BPF_JEQ | BPF_K`
    Equal = 0x15,
    /// `BPF_JMP | BPF_JGE | BPF_K`
    AtLeast = 0x35,
}

/// A place in the program, counted from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize);

/// A program under construction.
#[derive(Debug, Default)]
pub(super) struct Backwards {
    code: Vec<sock_filter>,
}

impl Backwards {
    fn push(&mut self, code: u16, k: u32, jt: u8, jf: u8) -> Place {
        self.code.push(sock_filter { code, jt, jf, k });
        Place(self.code.len() - 1)
    }

    /// How many instructions a jump written now must skip to reach `place`.
    fn distance(&self, place: Place) -> usize {
        self.code.len() - 1 - place.0
    }

    /// Whether a conditional jump that is written soon still reaches `place`.
    pub(super) fn is_near(&self, place: Place) -> bool {
        self.distance(place) < 192
    }

    /// Where to go on instead of at `place` when the word at `offset` is loaded already.
    pub(super) fn past_load(&self, place: Place, offset: u32) -> Place {
        match self.code.get(place.0) {
            Some(step) if step.code == LOAD && step.k == offset && place.0 > 0 => Place(place.0 - 1),
            _ => place,
        }
    }

    /// `return value`.
    pub(super) fn give(&mut self, value: u32) -> Place {
        self.push(RETURN, value, 0, 0)
    }

    /// Loads a word of `seccomp_data` and goes on at `next`.
    pub(super) fn load(&mut self, offset: u32, next: Place) -> Place {
        self.fall_to(next);
        self.push(LOAD, offset, 0, 0)
    }

    /// Masks the accumulator and goes on at `next`.
    pub(super) fn mask(&mut self, mask: u32, next: Place) -> Place {
        self.fall_to(next);
        self.push(AND, mask, 0, 0)
    }

    /// Compares the accumulator and goes on at `yes` or `no`.
    pub(super) fn branch(&mut self, how: Compare, value: u32, (yes, no): (Place, Place)) -> Place {
        // A trampoline moves the other target one away: look at the pair again after each.
        let (mut yes, mut no) = (yes, no);
        loop {
            match (u8::try_from(self.distance(yes)), u8::try_from(self.distance(no))) {
                (Ok(jt), Ok(jf)) => return self.push(how as u16, value, jt, jf),
                (Err(_), _) => yes = self.hop(yes),
                (Ok(_), Err(_)) => no = self.hop(no),
            }
        }
    }

    fn fall_to(&mut self, next: Place) {
        if self.distance(next) != 0 {
            self.hop(next);
        }
    }

    fn hop(&mut self, to: Place) -> Place {
        // A program is at most a few thousand instructions (checked at the end), so the distance fits.
        let distance = u32::try_from(self.distance(to)).unwrap_or(u32::MAX);
        self.push(JUMP, distance, 0, 0)
    }

    /// The program in its right order.
    pub(super) fn finish(mut self) -> Vec<sock_filter> {
        self.code.reverse();
        self.code
    }
}

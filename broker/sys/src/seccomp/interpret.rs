//! A classic-BPF machine, for tests: runs a program as the kernel would, and checks what the kernel checks.

use libc::sock_filter;

/// What `seccomp_data` holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub number: u32,
    pub arch: u32,
    pub args: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        let mut bytes = Vec::new();
        bytes.extend(self.number.to_ne_bytes());
        bytes.extend(self.arch.to_ne_bytes());
        bytes.extend(0u64.to_ne_bytes());
        for arg in self.args {
            bytes.extend(arg.to_ne_bytes());
        }
        let at = usize::try_from(offset).unwrap();
        u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
    }
}

/// The value the program returns, and how many instructions it ran.
pub(super) fn run(code: &[sock_filter], call: &Call) -> (u32, usize) {
    let (mut at, mut accumulator, mut steps) = (0usize, 0u32, 0usize);
    loop {
        let step = code[at];
        steps += 1;
        at += 1;
        match step.code {
            0x06 => return (step.k, steps),
            0x20 => accumulator = call.word(step.k),
            0x54 => accumulator &= step.k,
            0x05 => at += usize::try_from(step.k).unwrap(),
            0x15 => at += usize::from(if accumulator == step.k { step.jt } else { step.jf }),
            0x35 => at += usize::from(if accumulator >= step.k { step.jt } else { step.jf }),
            other => panic!("instruction {other:#x} is not written by the compiler"),
        }
    }
}

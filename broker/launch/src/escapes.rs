//! What a command writes to its terminal, without the sequences that reach beyond the screen: those that write or read
//! the clipboard, make the terminal type text of the sender's choice, define keys, print, read the screen back, or draw
//! from files. Nor does it write outside of the screen: titles are read, too, and not only there. What full-screen programs
//! need (cursor, colours, modes, numeric reports) passes unchanged.
//!
//! References: ECMA-48; xterm's ctlseqs; CVE-2003-0063 (title report), CVE-2008-2383 (DECRQSS), CVE-2022-45063 (OSC 50).

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const ENQ: u8 = 0x05;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;

/// Longest sequences that are held back to be judged; longer ones are dropped.
const LONGEST_CONTROL: usize = 256;
const LONGEST_STRING: usize = 4096;

/// A filter with a memory: sequences may be cut anywhere between writes.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    state: State,
    held: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Text; so many continuation bytes of a UTF-8 character are still to come.
    #[default]
    Text,
    Continued(u8),
    /// 0xC2: the next byte decides between a control of the upper set and a letter.
    MaybeControl,
    /// After ESC, and after its intermediates.
    Escape,
    /// CSI: up to its final byte.
    Control,
    /// OSC, DCS, APC, PM, SOS, or a screen title: up to BEL (OSC only) or ST.
    Text7(Kind),
    /// The same, after an ESC that may begin ST.
    Text7Escape(Kind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    System,
    Dropped,
}

impl Filter {
    /// Appends to `out` what of `input` may pass.
    pub(crate) fn pass(&mut self, input: &[u8], out: &mut Vec<u8>) {
        for byte in input {
            self.byte(*byte, out);
        }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = match self.state {
            State::Continued(left) if byte & 0xc0 == 0x80 => {
                out.push(byte);
                if left > 1 { State::Continued(left - 1) } else { State::Text }
            }
            State::MaybeControl if byte & 0xc0 == 0x80 => {
                if byte >= 0xa0 {
                    out.extend([0xc2, byte]);
                }
                State::Text
            }
            State::Text | State::Continued(_) | State::MaybeControl => self.text(byte, out),
            State::Escape => self.escape(byte, out),
            State::Control => self.control(byte, out),
            State::Text7(kind) => self.string(kind, byte, out),
            State::Text7Escape(kind) => self.string_end(kind, byte, out),
        };
    }

    fn text(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        match byte {
            ESC => {
                self.held.clear();
                self.held.push(ESC);
                return State::Escape;
            }
            // The terminal would answer ENQ with a stored text; the rest are controls of the upper set in one byte, and
            // bytes that UTF-8 never has.
            ENQ | 0x80..=0x9f | 0xc0 | 0xc1 | 0xf8.. => {}
            0xc2 => return State::MaybeControl,
            0xc3..=0xdf => return begin(byte, out, 1),
            0xe0..=0xef => return begin(byte, out, 2),
            0xf0..=0xf7 => return begin(byte, out, 3),
            _ => out.push(byte),
        }
        State::Text
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        let first = self.held.len() == 1;
        self.held.push(byte);
        match byte {
            b'[' if first => State::Control,
            b']' if first => State::Text7(Kind::System),
            b'P' | b'X' | b'^' | b'_' | b'k' if first => State::Text7(Kind::Dropped),
            ESC => self.text(ESC, out),
            CAN | SUB => State::Text,
            0x20..=0x2f if self.held.len() < 8 => State::Escape,
            0x30..=0x7e => {
                // ESC % changes the character set away from UTF-8, ESC SP G asks for controls of the upper set.
                if !self.held.starts_with(b"\x1b%") && self.held != b"\x1b G" {
                    out.extend(&self.held);
                }
                State::Text
            }
            _ => State::Text,
        }
    }

    fn control(&mut self, byte: u8, out: &mut Vec<u8>) -> State {
        match byte {
            ESC => self.text(ESC, out),
            CAN | SUB => State::Text,
            0x20..=0x3f => {
                if self.held.len() < LONGEST_CONTROL {
                    self.held.push(byte);
                } else {
                    self.held.truncate(LONGEST_CONTROL); // too long: `harmless` refuses it
                }
                State::Control
            }
            0x40..=0x7e => {
                self.held.push(byte);
                if self.held.len() <= LONGEST_CONTROL && is_harmless_control(self.held.get(2..).unwrap_or_default()) {
                    out.extend(&self.held);
                }
                State::Text
            }
            b'\n' | b'\r' | b'\t' | 0x08 => {
                out.push(byte); // terminals act on these inside a sequence
                State::Control
            }
            _ => State::Control,
        }
    }

    fn string(&mut self, kind: Kind, byte: u8, out: &mut Vec<u8>) -> State {
        match byte {
            ESC => return State::Text7Escape(kind),
            CAN | SUB => return State::Text,
            BEL if kind == Kind::System => {
                self.held.push(BEL);
                self.give_string(kind, 1, out);
                return State::Text;
            }
            _ => {}
        }
        if self.held.len() < LONGEST_STRING {
            self.held.push(byte);
        }
        State::Text7(kind)
    }

    fn string_end(&mut self, kind: Kind, byte: u8, out: &mut Vec<u8>) -> State {
        if byte == b'\\' {
            self.held.extend(b"\x1b\\");
            self.give_string(kind, 2, out);
            return State::Text;
        }
        // The string is broken off by another sequence.
        self.held.clear();
        self.held.push(ESC);
        self.escape(byte, out)
    }

    fn give_string(&self, kind: Kind, end: usize, out: &mut Vec<u8>) {
        let body = self.held.get(2..self.held.len() - end).unwrap_or_default();
        let printable = body.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f);
        let harmless = match kind {
            Kind::System => is_harmless_system(body),
            Kind::Dropped => false,
        };
        if printable && harmless && self.held.len() < LONGEST_STRING {
            out.extend(&self.held);
        }
    }
}

/// The first byte of a UTF-8 character with so many more.
fn begin(byte: u8, out: &mut Vec<u8>, more: u8) -> State {
    out.push(byte);
    State::Continued(more)
}

/// CSI: parameters, intermediates and the final byte.
fn is_harmless_control(sequence: &[u8]) -> bool {
    let Some((last, before)) = sequence.split_last() else { return false };
    let middle: Vec<u8> = before.iter().copied().filter(|byte| (0x20..=0x2f).contains(byte)).collect();
    let number = || {
        before
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0u32, |n, digit| n.saturating_mul(10).saturating_add(u32::from(*digit - b'0')))
    };
    match (middle.as_slice(), last) {
        // Prints, or sends all that follows to a printer; reads the screen back as a checksum (DECRQCRA).
        (b"", b'i') | (b"*", b'y') => false,
        (b"", b't') if before.first().is_none_or(u8::is_ascii_digit) => {
            // Sizes as numbers, and the stack of titles; not: moving the window, the title as typed text (20, 21).
            matches!(number(), 11 | 13..=16 | 18 | 19 | 22 | 23)
        }
        _ => true,
    }
}

/// OSC: a number, then text.
fn is_harmless_system(body: &[u8]) -> bool {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = body.split_at_checked(digits).unwrap_or_default();
    if digits > 3 || !(rest.is_empty() || rest.starts_with(b";")) {
        return false;
    }
    let number = number.iter().fold(0u32, |n, digit| n * 10 + u32::from(*digit - b'0'));
    // Colours, set, asked for or reset. Not: 0 to 2 titles, 8 links with another target than their text, 50 fonts, 52 the clipboard, 133 and 633 marks that shells trust, 9, 99, 777 messages,
    // 1337 files.
    digits > 0 && matches!(number, 4 | 5 | 10..=19 | 104 | 105 | 110..=119)
}

#[cfg(test)]
mod tests {
    use super::Filter;

    fn filtered(input: &[u8]) -> Vec<u8> {
        let mut whole = Vec::new();
        Filter::default().pass(input, &mut whole);
        // Cut anywhere it must come out the same.
        let mut bytewise = Vec::new();
        let mut filter = Filter::default();
        for byte in input {
            filter.pass(&[*byte], &mut bytewise);
        }
        assert_eq!(whole, bytewise);
        whole
    }

    #[test]
    fn what_reaches_beyond_the_screen_is_dropped() {
        for (input, left) in [
            (&b"a\x1b]52;c;aGk=\x07b"[..], &b"ab"[..]),
            (b"a\x1b]52;c;aGk=\x1b\\b", b"ab"),
            (b"a\x1b]052;c;aGk=\x07b", b"ab"),
            (b"a\x1b]52;c;?\x07b", b"ab"),
            (b"a\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\b", b"atextb"),
            (b"a\x1b]1337;File=x\x07b", b"ab"),
            (b"a\x1b]633;E;rm -rf /\x07b", b"ab"),
            (b"a\x1b]50;#3\x07b", b"ab"),
            (b"a\x1bP$q q\x1b\\b", b"ab"),
            (b"a\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\b", b"a\x1b\\b"),
            (b"a\x1bP1;1|17/68656c6c6f\x1b\\b", b"ab"),
            (b"a\x1b_Gf=100,t=f;L2V0Yw==\x1b\\b", b"ab"),
            (b"a\x1b^pm\x1b\\b\x1bXsos\x1b\\c\x1bktitle\x1b\\d", b"abcd"),
            (b"a\x1b[21tb\x1b[20tc\x1b[3;0;0td", b"abcd"),
            (b"a\x1b[021tb\x1b[5ic\x1b[?5id", b"abcd"),
            (b"a\x1b[1;1;1;1;9;9*yb", b"ab"),
            (b"a\x05b", b"ab"),
            (b"a\x9b21tb", b"a21tb"),
            (b"a\xc2\x9b21tb", b"a21tb"),
            (b"a\xc2\x9d52;c;aGk=\x07b", b"a52;c;aGk=\x07b"),
            (b"a\x1b%@b\x1b Gc", b"abc"),
            (b"a\x1b]2;line\nline\x07b", b"ab"),
            (b"a\x1b]2;file.txt - VIM\x07b\x1b]0;title\x1b\\c", b"abc"),
            (b"a\x1bP+q436f;6b31\x1b\\b", b"ab"),
            (b"a\x1b]52;c;aG\x18b", b"ab"),
        ] {
            assert_eq!(filtered(input), left, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn what_programs_need_passes_unchanged() {
        for input in [
            &b"plain text\r\n\ttab \x08\x07"[..],
            "umlaut äöü, box ─│┌, emoji 🦀, nbsp\u{a0}".as_bytes(),
            b"\x1b[?1049h\x1b[22;0;0t\x1b[1;24r\x1b[?12h\x1b[?12l\x1b[27m\x1b[m\x1b[H\x1b[2J", // vim
            b"\x1b[>c\x1b[6n\x1b[?25l\x1b[?2004h\x1b[>4;2m\x1b[?1004h\x1b[38;2;1;2;3mx\x1b[0 q",
            b"\x1b]11;?\x07\x1b]10;?\x1b\\",
            b"\x1b[18t\x1b[14t\x1b[23;0;0t",
            b"\x1b(B\x1b)0\x1b=\x1b>\x1b7\x1b8\x1bM\x1b#8\x0e\x0f\x1bc", // top, less, tmux
            b"\x1b[38:5:12m\x1b[4:3m\x1b[?2026h\x1b[?2026l\x1b[=5u\x1b[<u",
            b"\x1b[3~ not a sequence to drop",
        ] {
            assert_eq!(filtered(input), input, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn nothing_is_held_without_bound() {
        let mut long = b"a\x1b]4;1;".to_vec();
        long.extend(vec![b'x'; 100_000]);
        long.extend(b"\x07b\x1b[");
        long.extend(vec![b'1'; 100_000]);
        long.extend(b"mc");
        assert_eq!(filtered(&long), b"abc");
    }
}

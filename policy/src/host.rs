//! Names and addresses on the network: the one door where they are made equal, and the patterns they meet.

use std::fmt;
use std::net::IpAddr;

use crate::action::Target;
use crate::key::{Key, Kind};

/// Why a text is no host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostFault {
    /// It is empty, or a label is.
    Empty,
    /// A label has more than 63 bytes, or the name more than 253 (RFC 1035 §2.3.4).
    Long,
    /// A character other than letters, digits, `-` and `_`. Names beyond ASCII come as punycode (RFC 5890).
    Character,
    /// Its last label is a number, so some programs read it as an address (`127.1`, `0x7f000001`).
    Number,
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a label of the name is empty",
            Self::Long => "the name is too long",
            Self::Character => "a name has only ASCII letters, digits, `-` and `_`; others come as punycode",
            Self::Number => "the name ends in a number, so that some programs take it for an address",
        })
    }
}

impl std::error::Error for HostFault {}

/// A name or address in its one form: an address as such (IPv4 in IPv6 as IPv4), a name in lower case without
/// its trailing dot.
///
/// # Errors
/// [`HostFault`] where it is neither.
pub fn normal(text: &str) -> Result<Target, HostFault> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(Target::Address(address.to_canonical()));
    }
    name(text).map(Target::Name)
}

fn name(text: &str) -> Result<String, HostFault> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.len() > 253 {
        return Err(HostFault::Long);
    }
    for label in name.split('.') {
        match label.len() {
            0 => return Err(HostFault::Empty),
            64.. => return Err(HostFault::Long),
            _ if !label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) => {
                return Err(HostFault::Character);
            }
            _ => {}
        }
    }
    // As the URL standard has it ("ends in a number"): decimal, or 0x and hex digits.
    let last = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let hex = last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if hex || last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(HostFault::Number);
    }
    Ok(name.to_ascii_lowercase())
}

/// What a rule says of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostPattern {
    /// `*`
    Any,
    /// A name.
    Name(String),
    /// `*.` and a name: one or more labels in front of it.
    Below(String),
    /// An address or a block: bits, length, width of the family.
    Block(Block),
}

/// The text with everything beyond ASCII escaped: letters of other scripts look like these.
fn ascii(text: &str) -> String {
    let shown = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
    text.chars().map(shown).collect()
}

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    bits: u128,
    length: u8,
    width: u8,
}

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong, as a message.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        Self::read(text).map_err(|wrong| format!("`{}`: {wrong}", ascii(text)))
    }

    fn read(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some((address, length)) = text.split_once('/') {
            let wrong = "a block is an address, `/`, and a length that leaves no bit behind";
            return block(address, length).map(Self::Block).ok_or_else(|| wrong.to_owned());
        }
        if let Some(rest) = text.strip_prefix("*.") {
            return name(rest).map(Self::Below).map_err(|fault| fault.to_string());
        }
        if text.contains('*') {
            return Err("`*` is only for whole labels in front, as in `*.example.com`".to_owned());
        }
        match normal(text).map_err(|fault| fault.to_string())? {
            Target::Address(address) => {
                let (bits, width) = bits(address);
                Ok(Self::Block(Block { bits, length: width, width }))
            }
            Target::Name(name) => Ok(Self::Name(name)),
            Target::Unix(_) | Target::Abstract(_) => Err("no host".to_owned()),
        }
    }

    /// Whether it names this host, which is in its one form.
    pub(crate) fn covers(&self, host: &Target) -> bool {
        match (self, host) {
            (Self::Any, Target::Name(_) | Target::Address(_)) => true,
            (Self::Name(want), Target::Name(name)) => want == name,
            (Self::Below(suffix), Target::Name(name)) => {
                name.strip_suffix(suffix.as_str()).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
            }
            (Self::Block(block), Target::Address(address)) => block.holds(*address),
            _ => false,
        }
    }

    /// The key that must hold; none for any host.
    pub(crate) fn keys(&self) -> Vec<u64> {
        match self {
            Self::Any => Vec::new(),
            Self::Name(name) => vec![Key::new(Kind::Host).bytes(name.as_bytes()).done()],
            Self::Below(name) => vec![Key::new(Kind::Domain).bytes(name.as_bytes()).done()],
            Self::Block(block) => vec![block.key()],
        }
    }
}

impl Block {
    fn holds(self, address: IpAddr) -> bool {
        let (bits, width) = bits(address);
        width == self.width && cut(bits, self.length, width) == self.bits
    }

    fn key(self) -> u64 {
        Key::new(Kind::Block).byte(self.width).byte(self.length).bytes(&self.bits.to_be_bytes()).done()
    }
}

/// Bits and width in bits of an address in its one form.
fn bits(address: IpAddr) -> (u128, u8) {
    match address.to_canonical() {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

/// The first `length` of `width` bits, the others zero.
fn cut(bits: u128, length: u8, width: u8) -> u128 {
    let drop = u32::from(width.saturating_sub(length));
    bits.checked_shr(drop).and_then(|kept| kept.checked_shl(drop)).unwrap_or(0)
}

fn block(address: &str, length: &str) -> Option<Block> {
    let (bits, width) = bits(address.parse().ok()?);
    let length = length.parse().ok().filter(|length| *length <= width)?;
    (cut(bits, length, width) == bits).then_some(Block { bits, length, width })
}

/// All keys that hold for a host in its one form.
pub(crate) fn keys_of(host: &Target) -> Vec<u64> {
    match host {
        Target::Name(name) => {
            let mut keys = vec![Key::new(Kind::Host).bytes(name.as_bytes()).done()];
            let mut rest = name.as_str();
            while let Some((_, behind)) = rest.split_once('.') {
                keys.push(Key::new(Kind::Domain).bytes(behind.as_bytes()).done());
                rest = behind;
            }
            keys
        }
        Target::Address(address) => {
            let (bits, width) = bits(*address);
            (0..=width).map(|length| Block { bits: cut(bits, length, width), length, width }.key()).collect()
        }
        Target::Unix(_) | Target::Abstract(_) => Vec::new(),
    }
}

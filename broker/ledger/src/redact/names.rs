//! Names after which a secret stands: of flags, variables, members.

/// The last part of a name that holds a secret; `-`, `_` and `.` are the same.
const NAMES: [&str; 22] = [
    "pass",
    "pwd",
    "api-key",
    "apikey",
    "access-key",
    "account-key",
    "secret-key",
    "private-key",
    "encryption-key",
    "signing-key",
    "access-key-id",
    "auth",
    "bearer",
    "credential",
    "credentials",
    "sas",
    "sig",
    "amz-signature",
    "oauth2-bearer",
    "cookie",
    "passcode",
    "webhook-url",
];
/// The same, and they end a longer word as well: `PGPASSWORD`, `clientSecret`, `-Dpassword`.
const ENDINGS: [&str; 8] =
    ["password", "passwd", "passphrase", "token", "secret", "accesskey", "secretkey", "accountkey"];
/// Names that end like one of those and hold none, unless they are a flag's.
const NOT: [&str; 11] =
    ["auth", "pwd", "oldpwd", "pass", "sas", "sig", "bearer", "credential", "credentials", "cookie", "passcode"];
/// Longer names are none.
const LONGEST: usize = 64;

/// How a name is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    Dashed,
    Bare,
}

impl Flag {
    /// By the name's first character.
    pub(super) fn of(name: &str) -> Self {
        if name.starts_with('-') { Self::Dashed } else { Self::Bare }
    }
}

/// Whether a byte may be part of a name.
pub(super) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Whether the name's last part says that a secret follows.
pub(super) fn names_secret(name: &str, flag: Flag) -> bool {
    let name = name.trim_start_matches('-').as_bytes();
    if name.is_empty() || name.len() > LONGEST || !name.iter().all(|b| is_name_byte(*b)) {
        return false;
    }
    if flag == Flag::Bare && NOT.iter().any(|not| same(name, not)) {
        return false;
    }
    let part = |end: &&str| match before(name, end) {
        Some([]) => true,
        Some([.., b]) => !b.is_ascii_alphanumeric(),
        None => false,
    };
    ENDINGS.iter().any(|end| before(name, end).is_some()) || NAMES.iter().any(part)
}

/// What stands before an ending.
fn before<'n>(name: &'n [u8], end: &str) -> Option<&'n [u8]> {
    let (before, last) = name.split_at_checked(name.len().checked_sub(end.len())?)?;
    same(last, end).then_some(before)
}

/// The same but for case, and for what separates words.
fn same(name: &[u8], other: &str) -> bool {
    let plain = |b: u8| if b == b'_' || b == b'.' { b'-' } else { b.to_ascii_lowercase() };
    name.len() == other.len() && name.iter().zip(other.bytes()).all(|(b, o)| plain(*b) == o)
}

//! The signature of a notice: HMAC-SHA-256 (RFC 2104) over the time and the body, so that neither can be another's.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The header that carries it.
pub(crate) const HEADER: &str = "tollgate-signature";

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// `t=UNIX_SECONDS,v1=HEX`: the HMAC of `UNIX_SECONDS.BODY`.
pub(crate) fn signature(secret: &[u8], seconds: u64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    let digit = |four: u8| DIGITS.get(usize::from(four & 15)).map_or('0', |digit| char::from(*digit));
    let hex: String = mac.finalize().into_bytes().iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect();
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key`
    #[test]
    fn others_can_check_it() {
        let one = signature(b"key", 1_700_000_000, "{\"a\":1}");
        assert_eq!(one, "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03");
        assert_ne!(one, signature(b"key", 1_700_000_001, "{\"a\":1}"));
        assert_ne!(one, signature(b"key2", 1_700_000_000, "{\"a\":1}"));
        assert_ne!(one, signature(b"key", 1_700_000_000, "{\"a\":2}"));
    }
}

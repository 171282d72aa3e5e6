//! The answer token of a run: 32 random bytes in hex, in a file that no boundary lets be read.

use std::fmt;

use subtle::ConstantTimeEq as _;

/// A secret that whoever answers has to show.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one from the kernel's random source.
    ///
    /// # Errors
    /// Where `getrandom(2)` fails.
    pub fn fresh() -> std::io::Result<Self> {
        use fmt::Write as _;
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        let mut text = String::with_capacity(64);
        for byte in bytes {
            write!(text, "{byte:02x}").map_err(std::io::Error::other)?;
        }
        Ok(Self(text))
    }

    /// One that was read from its file; none where it has not the form of a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('\n');
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        fits.then(|| Self(text.to_owned()))
    }

    /// Whether `shown` is this token; the time taken does not tell where they differ.
    #[must_use]
    pub fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }

    /// The secret itself, to be sent or written.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn only_the_same_token_fits() {
        let token = Token::fresh().unwrap();
        assert!(token.is(token.reveal()));
        assert!(!token.is(Token::fresh().unwrap().reveal()));
        assert!(!token.is(""));
        assert!(!token.is(token.reveal().get(..63).unwrap()));
        assert!(!token.is(&format!("{}0", token.reveal())));
        assert!(!format!("{token:?}").contains(token.reveal()));
    }

    #[test]
    fn a_file_without_a_token_gives_none() {
        let good = "0123456789abcdef".repeat(4);
        for (text, fits) in [
            (good.clone(), true),
            (format!("{good}\n"), true),
            (String::new(), false),
            (format!("{good}0"), false),
            (good.to_uppercase(), false),
            (good.replace('0', "g"), false),
        ] {
            assert_eq!(Token::parse(&text).is_some(), fits, "{text}");
        }
    }
}

//! How much of something a run may have: a number, or a share of what the machine has, between bounds. The machine's
//! numbers are passed in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount as it is written: `4096`, `"2G"`, `"25%"`, `"256 per cpu"`, each with `, at least 2G` and `, at most 8G`
/// where wanted. `K`, `M`, `G`, `T` are powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Amount {
    base: Base,
    least: Option<u64>,
    most: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Base {
    Exactly(u64),
    /// Of a hundred.
    Share(u8),
    PerCpu(u64),
}

/// What a machine has, for shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// All there is of what is limited, in its unit (bytes, tasks).
    pub whole: u64,
    /// Processors.
    pub cpus: u64,
}

impl Amount {
    /// Exactly this.
    #[must_use]
    pub const fn exactly(number: u64) -> Self {
        Self { base: Base::Exactly(number), least: None, most: None }
    }

    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',').map(str::trim);
        let base = base(parts.next().unwrap_or_default())?;
        let mut amount = Self { base, least: None, most: None };
        for part in parts {
            let bound = |word: &str| part.strip_prefix(word).map(|rest| number(rest.trim()));
            let (slot, value) = match (bound("at least "), bound("at most ")) {
                (Some(value), _) => (&mut amount.least, value?),
                (None, Some(value)) => (&mut amount.most, value?),
                (None, None) => return Err(format!("`{part}` is neither `at least N` nor `at most N`")),
            };
            if slot.replace(value).is_some() {
                return Err(format!("`{part}` comes after another such bound"));
            }
        }
        match (amount.least, amount.most) {
            (Some(least), Some(most)) if least > most => Err(format!("at least {least} is more than at most {most}")),
            _ => Ok(amount),
        }
    }

    /// The number, where it is one whatever the machine.
    #[must_use]
    pub const fn plain(&self) -> Option<u64> {
        match (self.base, self.least, self.most) {
            (Base::Exactly(number), None, None) => Some(number),
            _ => None,
        }
    }

    /// Whether it is a share of what there is.
    #[must_use]
    pub const fn is_share(&self) -> bool {
        matches!(self.base, Base::Share(_))
    }

    /// The number on a machine.
    #[must_use]
    pub fn of(&self, stock: Stock) -> u64 {
        let number = match self.base {
            Base::Exactly(number) => number,
            Base::Share(percent) => {
                stock.whole / 100 * u64::from(percent) + stock.whole % 100 * u64::from(percent) / 100
            }
            Base::PerCpu(each) => each.saturating_mul(stock.cpus.max(1)),
        };
        number.max(self.least.unwrap_or(0)).min(self.most.unwrap_or(u64::MAX))
    }
}

fn base(text: &str) -> Result<Base, String> {
    if let Some(percent) = text.strip_suffix('%') {
        let percent = percent.trim().parse::<u8>().ok().filter(|percent| (1..=100).contains(percent));
        return percent.map(Base::Share).ok_or_else(|| format!("`{text}` is no share from 1% to 100%"));
    }
    match text.strip_suffix("per cpu") {
        Some(each) => Ok(Base::PerCpu(number(each.trim())?)),
        None => Ok(Base::Exactly(number(text)?)),
    }
}

fn number(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no number, with K, M, G or T behind it where it is bytes");
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match text.get(digits.len()..).unwrap_or_default() {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return Err(wrong()),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base {
            Base::Exactly(number) => f.write_str(&short(number))?,
            Base::Share(percent) => write!(f, "{percent}%")?,
            Base::PerCpu(each) => write!(f, "{each} per cpu")?,
        }
        self.least.map_or(Ok(()), |least| write!(f, ", at least {}", short(least)))?;
        self.most.map_or(Ok(()), |most| write!(f, ", at most {}", short(most)))
    }
}

/// With the largest unit that leaves a whole number.
fn short(number: u64) -> String {
    let units = [(40, "T"), (30, "G"), (20, "M"), (10, "K")];
    let whole = units.iter().find(|(bits, _)| number > 0 && number.trailing_zeros() >= *bits);
    whole.map_or_else(|| number.to_string(), |(bits, unit)| format!("{}{unit}", number >> bits))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn amounts_are_read_and_shown() {
        let stock = Stock { whole: 1000, cpus: 4 };
        for (text, number, again) in [
            ("0", 0, "0"),
            ("4096", 4096, "4K"),
            ("2G", 2 << 30, "2G"),
            ("1500M", 1500 << 20, "1500M"),
            ("25%", 250, "25%"),
            ("100%", 1000, "100%"),
            ("256 per cpu", 1024, "256 per cpu"),
            ("256 per cpu, at least 2048", 2048, "256 per cpu, at least 2K"),
            ("50%, at most 3", 3, "50%, at most 3"),
            ("50%,at least 1,at most 2K", 500, "50%, at least 1, at most 2K"),
        ] {
            let amount = Amount::new(text).unwrap();
            assert_eq!(amount.of(stock), number, "{text}");
            assert_eq!(amount.to_string(), again);
            assert_eq!(Amount::new(again).unwrap(), amount);
        }
    }

    #[test]
    fn what_is_no_amount() {
        for text in [
            "",
            "G",
            "2g",
            "2GB",
            "-1",
            "+1",
            "1.5G",
            "0%",
            "101%",
            "%",
            "x per cpu",
            "1,2",
            "1, at least",
            "1, at least 2, at least 3",
            "1, at least 3, at most 2",
            "99999999T",
            "1 2",
        ] {
            assert!(Amount::new(text).is_err(), "{text}");
        }
        assert_eq!(Amount::new("7").unwrap().plain(), Some(7));
        assert_eq!(Amount::new("7, at most 3").unwrap().plain(), None);
    }
}

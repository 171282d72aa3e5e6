//! A share with its number of cases and its Wilson 95 % interval.

use serde::Serialize;

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A share of `n` cases. Without cases there is no value and no bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// Hits / n.
    pub value: Option<f64>,
    /// How many cases.
    pub n: u64,
    /// Lower bound of the Wilson score interval (Wilson 1927), 95 %.
    pub low: Option<f64>,
    /// Its upper bound.
    pub high: Option<f64>,
}

impl Rate {
    /// `hits` of `n`.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a share of more than 2^53 cases needs no more digits")]
    pub fn of(hits: u64, n: u64) -> Self {
        if n == 0 {
            return Self { value: None, n, low: None, high: None };
        }
        let (cases, share) = (n as f64, hits as f64 / n as f64);
        let z2 = Z * Z / cases;
        let middle = (share + z2 / 2.0) / (1.0 + z2);
        let half = Z / (1.0 + z2) * (share * (1.0 - share) / cases + z2 / (4.0 * cases)).sqrt();
        // At none and at all of them the bound is exact; rounding must not move it.
        let low = if hits == 0 { 0.0 } else { (middle - half).max(0.0) };
        let high = if hits >= n { 1.0 } else { (middle + half).min(1.0) };
        Self { value: Some(share), n, low: Some(low), high: Some(high) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")]
    use super::*;

    /// Known intervals: R's `binom::binom.confint(x, n, methods = "wilson")`, to four digits.
    #[test]
    fn intervals_are_wilsons() {
        for (hits, n, low, high) in [
            (0, 10, 0.0, 0.2775),
            (1, 10, 0.0179, 0.4042),
            (5, 10, 0.2366, 0.7634),
            (10, 10, 0.7225, 1.0),
            (1, 1, 0.2065, 1.0),
            (81, 263, 0.2553, 0.3662),
        ] {
            let rate = Rate::of(hits, n);
            assert!((rate.low.unwrap() - low).abs() < 5e-5, "{hits}/{n}: {rate:?}");
            assert!((rate.high.unwrap() - high).abs() < 5e-5, "{hits}/{n}: {rate:?}");
            assert_eq!(rate.n, n);
        }
    }

    #[test]
    fn no_cases_have_no_value() {
        let json = serde_json::to_value(Rate::of(0, 0)).unwrap();
        assert_eq!(json, serde_json::json!({"value": null, "n": 0, "low": null, "high": null}));
    }
}

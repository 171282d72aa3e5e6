//! What a label of a name looks like in a browser: `xn--pple-43d` is `аpple` (RFC 3492). Only for a hint to people; names
//! are judged, shown and looked up as they are.

/// Numbers of RFC 3492, section 5.
const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const BIAS: u32 = 72;
const FIRST: u32 = 0x80;

/// Longest label, in bytes (RFC 1035).
const LABEL: usize = 63;

/// The name with its labels decoded; none where there is nothing to decode, or where it can't be.
#[must_use]
pub(crate) fn decoded(name: &str) -> Option<String> {
    let encoded = |label: &str| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    if !name.split('.').any(encoded) {
        return None;
    }
    let label = |label: &str| {
        let rest = label.get(4..).filter(|_| encoded(label));
        rest.map_or_else(|| Some(label.to_owned()), decode)
    };
    let labels: Option<Vec<String>> = name.split('.').map(label).collect();
    labels.map(|labels| labels.join("."))
}

/// Section 6.2.
fn decode(label: &str) -> Option<String> {
    if label.len() > LABEL || !label.is_ascii() {
        return None;
    }
    let (plain, rest) = label.rsplit_once('-').unwrap_or(("", label));
    let mut out: Vec<char> = plain.chars().collect();
    let (mut code, mut at, mut bias) = (FIRST, 0_u32, BIAS);
    let mut digits = rest.bytes();
    while digits.len() > 0 {
        let (before, mut weight, mut k) = (at, 1_u32, BASE);
        loop {
            let digit = digit(digits.next()?)?;
            at = at.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
            k = k.checked_add(BASE)?;
        }
        let count = u32::try_from(out.len()).ok()?.checked_add(1)?;
        bias = adapted(at - before, count, before == 0);
        code = code.checked_add(at / count)?;
        at %= count;
        out.insert(usize::try_from(at).ok()?, char::from_u32(code)?);
        at += 1;
    }
    Some(out.into_iter().collect())
}

fn digit(byte: u8) -> Option<u32> {
    match byte {
        b'a'..=b'z' => Some(u32::from(byte - b'a')),
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 26),
        _ => None,
    }
}

/// Section 6.1.
fn adapted(delta: u32, count: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / count;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded() {
        let table = [
            ("xn--pple-43d.com", Some("\u{430}pple.com")),
            ("XN--Pple-43d.com", Some("\u{430}Pple.com")),
            ("xn--bcher-kva.example", Some("bücher.example")),
            ("a.xn--80akhbyknj4f.xn--p1ai", Some("a.испытание.рф")),
            ("xn--ihqwcrb4cv8a8dqg056pqjye", Some("他们为什么不说中文")),
            ("plain.example", None),
            ("xn--", Some("")),
            ("xn--99999999999999", None),
            ("xn--\u{430}", None),
            ("é", None),
            ("", None),
        ];
        for (name, shown) in table {
            assert_eq!(decoded(name).as_deref(), shown, "{name}");
        }
    }

    #[test]
    fn whatever_is_written_there_is_read() {
        let pieces = ["xn--", "a", "9", "-", "z", "zzzzzzzz", "99999", "0", ".", "~"];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for d in pieces {
                        let name = ["xn--", a, b, c, d].concat();
                        assert!(decoded(&name).is_none_or(|shown| shown.chars().count() <= name.len()), "{name}");
                    }
                }
            }
        }
    }
}

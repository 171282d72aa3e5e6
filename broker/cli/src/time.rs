//! Times as people write and read them.

use jiff::{SignedDuration, Timestamp};

use crate::exit::Exit;
use crate::failure::Failure;

/// Now, in Unix milliseconds.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// `2h`, `7d` (ago) or `2030-01-31T12:00:00Z`, as Unix milliseconds.
pub(crate) fn since(text: &str) -> Result<i64, Failure> {
    moment(text, Timestamp::now()).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("`{}` is no time", tollgate_wire::neutral::short(text, 60)))
            .hint("use a duration as 2h or 7d, or a time as 2030-01-31T12:00:00Z")
    })
}

fn moment(text: &str, now: Timestamp) -> Option<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    // A day is 24 hours here; jiff leaves days to calendars.
    let back = match text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok()) {
        Some(days) => SignedDuration::from_hours(days.checked_mul(24)?),
        None => text.parse::<SignedDuration>().ok()?,
    };
    (!back.is_negative()).then(|| now.checked_sub(back).ok().map(Timestamp::as_millisecond))?
}

/// Unix milliseconds as `2030-01-31T12:00:00Z`, to the second.
pub(crate) fn shown(millis: i64) -> String {
    Timestamp::from_second(millis.div_euclid(1000)).map_or_else(|_| millis.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365);
        let ago = |hours: i64| Some(now.as_millisecond() - hours * 3_600_000);
        let table = [
            ("2h", ago(2)),
            ("7d", ago(168)),
            ("90m", Some(now.as_millisecond() - 5_400_000)),
            ("1970-01-01T00:00:01Z", Some(1000)),
            ("-2h", None),
            ("-2d", None),
            ("yesterday", None),
            ("9223372036854775807d", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(moment(text, now), expected, "{text}");
        }
    }
}

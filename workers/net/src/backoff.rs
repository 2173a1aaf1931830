use std::time::{Duration, SystemTime};

/// The longest wish that is believed at all: adding it to a clock cannot overflow. Whoever waits has a limit of its own
/// that is far below (`worker.max_retry_after_s`, the total of an assist call).
pub const LONGEST_WISH: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a server asks to be left alone: the value of `Retry-After`, in seconds or as a date (RFC 9110, 10.2.3), at
/// most [`LONGEST_WISH`]. A date that is over means now; what cannot be read is no wish.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wish = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are still a number.
        value.parse().map_or(Duration::MAX, Duration::from_secs)
    } else {
        httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wish.min(LONGEST_WISH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_bounded() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for (value, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("99999999999", Some(86_400)),
            ("18446744073709551615", Some(86_400)),
            ("999999999999999999999999999999", Some(86_400)),
            ("Tue, 14 Nov 2023 22:13:30 GMT", Some(10)),
            ("Tue, 14 Nov 2023 22:13:10 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(86_400)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now), expected.map(Duration::from_secs), "{value}");
        }
    }
}

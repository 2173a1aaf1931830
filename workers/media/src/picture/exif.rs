use std::time::SystemTime;

use exif::{In, Rational, Reader, Tag, Value};
use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time, date as date_of},
    tz::TimeZone,
};

/// What a camera wrote beside the picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exif {
    /// When it was taken, as the camera's clock had it: `YYYY-MM-DD HH:MM:SS`.
    pub taken_at: Option<String>,
    pub make: Option<String>,
    pub model: Option<String>,
    /// Degrees; north and east are positive. Both or neither.
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
}

/// Of a text: longer ones are no camera's name.
const MAX_CHARS: usize = 120;

impl Exif {
    /// Reads a TIFF block of EXIF, as a JPEG's APP1 segment holds it; what is broken in it is left out.
    pub fn parse(raw: &[u8]) -> Self {
        let raw = raw.strip_prefix(b"Exif\0\0").unwrap_or(raw);
        let mut reader = Reader::new();
        reader.continue_on_error(true);
        let Ok(fields) = reader.read_raw(raw.to_vec()).or_else(|error| error.distill_partial_result(|_| {})) else {
            return Self::default();
        };
        let text = |tag| match &fields.get_field(tag, In::PRIMARY)?.value {
            Value::Ascii(parts) => {
                let text = String::from_utf8_lossy(parts.first()?);
                let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect();
                let text = text.trim();
                (!text.is_empty()).then(|| text.to_owned())
            }
            _ => None,
        };
        let side = |tag, reference, [positive, negative]: [&str; 2]| {
            let Value::Rational(parts) = &fields.get_field(tag, In::PRIMARY)?.value else { return None };
            let reference = text(reference)?;
            let sign = if reference.eq_ignore_ascii_case(negative) { -1.0 } else { 1.0 };
            (sign < 0.0 || reference.eq_ignore_ascii_case(positive)).then_some(sign * degrees(parts)?)
        };
        let place = place(
            side(Tag::GPSLatitude, Tag::GPSLatitudeRef, ["N", "S"]),
            side(Tag::GPSLongitude, Tag::GPSLongitudeRef, ["E", "W"]),
        );
        // When one that says when it was taken is there and cannot be, the time of a later change is no stand-in.
        let taken =
            text(Tag::DateTimeOriginal).or_else(|| text(Tag::DateTimeDigitized)).or_else(|| text(Tag::DateTime));
        Self {
            taken_at: taken.and_then(|text| date(&text, SystemTime::now())),
            make: text(Tag::Make),
            model: text(Tag::Model),
            latitude: place.map(|place| place.0),
            longitude: place.map(|place| place.1),
        }
    }
}

/// The place, when both of its parts are there and can be: a latitude beyond the poles is none, and 0, 0, in the sea
/// off Ghana, is what receivers write that saw no satellite.
fn place(latitude: Option<f64>, longitude: Option<f64>) -> Option<(f64, f64)> {
    let (latitude, longitude) = (latitude?, longitude?);
    let is_place = latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (latitude != 0.0 || longitude != 0.0);
    is_place.then_some((latitude, longitude))
}

/// Degrees, minutes and seconds as degrees. A denominator of 0 below minutes or seconds of 0 is how some cameras leave
/// them out.
fn degrees(parts: &[Rational]) -> Option<f64> {
    let [whole, minutes, seconds] = parts.get(..3)? else { return None };
    let of = |part: &Rational| if part.num == 0 { 0.0 } else { part.to_f64() };
    let (whole, minutes, seconds) = (of(whole), of(minutes), of(seconds));
    let sound = whole.is_finite() && minutes < 60.0 && seconds < 60.0;
    sound.then_some(whole + minutes / 60.0 + seconds / 3600.0)
}

/// `YYYY:MM:DD HH:MM:SS` as a date that was: nothing for a day or an hour that no calendar or clock has, for one before
/// 1900 or in the future, and for the instants at which clocks start that were never set.
fn date(text: &str, now: SystemTime) -> Option<String> {
    let (date, time) = text.trim().split_once([' ', 'T'])?;
    let [year, month, day] = numbers(date, [':', '-', '/', '.'])?;
    let [hour, minute, second] = numbers(time.get(..8)?, [':'; 4])?;
    let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let time = Time::new(hour.try_into().ok()?, minute.try_into().ok()?, second.try_into().ok()?, 0).ok()?;
    let never_set = time == Time::midnight() && CLOCKS_START.contains(&date);
    // The camera's clock may be hours ahead of this one's: as far as time zones reach, and a little.
    let latest = Timestamp::try_from(now).ok()?.to_zoned(TimeZone::UTC).date().saturating_add(2.days());
    let told = date.year() >= FIRST_YEAR && date <= latest && !never_set;
    told.then(|| format!("{date} {time}"))
}

const FIRST_YEAR: i16 = 1900;
/// Of OLE, spreadsheets, Macintosh, Unix and DOS.
const CLOCKS_START: [Date; 4] = [date_of(1900, 1, 1), date_of(1904, 1, 1), date_of(1970, 1, 1), date_of(1980, 1, 1)];

/// Three numbers of nothing but digits.
fn numbers<const N: usize>(text: &str, between: [char; N]) -> Option<[u32; 3]> {
    let mut parts = text.split(between).map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten()
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// 30 November 2026.
    const NOW: u64 = 1_796_000_000;

    fn at(text: &str) -> Option<String> {
        date(text, UNIX_EPOCH + Duration::from_secs(NOW))
    }

    #[test]
    fn dates_that_were_are_told() {
        for (written, told) in [
            ("2024:05:01 12:30:59", "2024-05-01 12:30:59"),
            ("2024:02:29 00:00:00", "2024-02-29 00:00:00"),
            ("2000:02:29 23:59:59", "2000-02-29 23:59:59"),
            ("2024-05-01T12:30:59+02:00", "2024-05-01 12:30:59"),
            ("1900:01:02 00:00:00", "1900-01-02 00:00:00"),
            ("2026:12:01 08:00:00", "2026-12-01 08:00:00"),
        ] {
            assert_eq!(at(written).as_deref(), Some(told), "{written}");
        }
    }

    #[test]
    fn dates_that_never_were_are_none() {
        for written in [
            "2024:02:30 12:00:00",
            "2024:02:30 25:61:00",
            "2023:02:29 12:00:00",
            "1900:02:29 12:00:00",
            "2024:04:31 12:00:00",
            "2024:13:01 12:00:00",
            "2024:00:10 12:00:00",
            "2024:05:00 12:00:00",
            "2024:05:01 24:00:00",
            "2024:05:01 12:60:00",
            "2024:05:01 12:00:60",
            "0000:00:00 00:00:00",
            "1899:12:30 00:00:00",
            "1899:05:01 10:00:00",
            "1970:01:01 00:00:00",
            "1980:01:01 00:00:00",
            "2027:01:01 12:00:00",
            "9999:12:31 23:59:59",
            "    :  :     :  :  ",
            "2024:05:01",
            "2024:05:01 ",
            "2024:05:01 noon :)",
            "+024:05:01 12:00:00",
            "2024:05:01:07 12:00:00",
            "٢٠٢٤:05:01 12:00:00",
            "",
        ] {
            assert_eq!(at(written), None, "{written}");
        }
    }

    #[test]
    fn places_that_are_none_are_left_out() {
        let degrees = |whole: u32, minutes: u32, seconds: u32| {
            degrees(&[whole, minutes, seconds].map(|num| Rational { num, denom: 1 }))
        };
        assert_eq!(degrees(52, 30, 0), Some(52.5));
        assert_eq!(degrees(52, 60, 0), None);
        assert_eq!(degrees(52, 0, 75), None);
        let nothing = Rational { num: 0, denom: 0 };
        assert_eq!(super::degrees(&[Rational { num: 7, denom: 1 }, nothing, nothing]), Some(7.0));
        assert_eq!(super::degrees(&[Rational { num: 7, denom: 0 }, nothing, nothing]), None);
        assert_eq!(place(Some(-33.9), Some(151.2)), Some((-33.9, 151.2)));
        assert_eq!(place(Some(0.0), Some(151.2)), Some((0.0, 151.2)));
        for (latitude, longitude) in [
            (Some(0.0), Some(0.0)),
            (Some(91.0), Some(5.0)),
            (Some(5.0), Some(-181.0)),
            (Some(5.0), None),
            (None, None),
        ] {
            assert_eq!(place(latitude, longitude), None);
        }
    }
}

use exif::{In, Reader, Tag, Value};

/// What a camera wrote beside the picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exif {
    /// When it was taken, as the camera's clock had it: `YYYY-MM-DD HH:MM:SS`.
    pub taken_at: Option<String>,
    pub make: Option<String>,
    pub model: Option<String>,
    /// Degrees; north and east are positive.
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
}

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
                let text = String::from_utf8_lossy(parts.first()?).trim_matches(['\0', ' ']).to_owned();
                (!text.is_empty()).then_some(text)
            }
            _ => None,
        };
        let degrees = |tag, reference, negative: &str| {
            let Value::Rational(parts) = &fields.get_field(tag, In::PRIMARY)?.value else { return None };
            let [d, m, s] = parts.get(..3)? else { return None };
            let value = d.to_f64() + m.to_f64() / 60.0 + s.to_f64() / 3600.0;
            let sign = if text(reference)? == negative { -1.0 } else { 1.0 };
            (value.is_finite() && value <= 180.0).then_some(sign * value)
        };
        Self {
            taken_at: text(Tag::DateTimeOriginal).or_else(|| text(Tag::DateTime)).and_then(|text| readable_date(&text)),
            make: text(Tag::Make),
            model: text(Tag::Model),
            latitude: degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, "S"),
            longitude: degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, "W"),
        }
    }
}

/// EXIF separates the parts of a date by colons; clocks that were never set give zeros.
fn readable_date(text: &str) -> Option<String> {
    let (date, time) = text.split_once(' ')?;
    (date.len() == 10 && !date.starts_with("0000")).then(|| format!("{} {time}", date.replace(':', "-")))
}

//! The words of tus 1.0.0 (<https://tus.io/protocols/resumable-upload>): what its headers say.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

pub(super) const VERSION: &str = "1.0.0";
pub(super) const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination";
pub(super) const ALGORITHMS: &str = "sha1,sha256,md5";
pub(super) const OFFSET_STREAM: &str = "application/offset+octet-stream";

pub(super) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(super) const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(super) const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(super) const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub(super) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(super) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(super) const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
pub(super) const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(super) const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub(super) const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
pub(super) const UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
pub(super) const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// The status of a body that is not what its checksum says.
const CHECKSUM_MISMATCH: u16 = 460;
/// The longest metadata that is kept and said again.
const MAX_METADATA_BYTES: usize = 4_096;
/// The longest name of a file.
const MAX_NAME_CHARS: usize = 200;

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::bad_request("upload_invalid", detail)
}

/// A header that stands at most once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(invalid(format!("the header {name} stands twice; send it once")));
    }
    let text = first.map(HeaderValue::to_str).transpose();
    text.map_err(|_| invalid(format!("the header {name} is no text; write it in ASCII")))
}

/// Refuses what speaks another version, or none.
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    match single(headers, &TUS_RESUMABLE)? {
        Some(VERSION) => Ok(()),
        _ => Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "upload_version_unsupported",
            "uploads are served by tus 1.0.0; send the header Tus-Resumable: 1.0.0",
        )),
    }
}

/// A header that is a whole number of bytes.
pub(super) fn bytes_of(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Problem> {
    let Some(text) = single(headers, name)? else { return Ok(None) };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.map(Some).ok_or_else(|| invalid(format!("the header {name} is no number of bytes: '{}'", shown(text))))
}

/// Where the body belongs.
pub(super) fn offset_of(headers: &HeaderMap) -> Result<u64, Problem> {
    bytes_of(headers, &UPLOAD_OFFSET)?
        .ok_or_else(|| invalid("the header Upload-Offset is missing; HEAD of the upload says how far it has come"))
}

/// How long the new upload is; none when its client will say that later.
pub(super) fn length_of_new(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    if single(headers, &UPLOAD_CONCAT)?.is_some() {
        return Err(invalid("uploads are not put together of others here; send the whole file as one upload"));
    }
    match (bytes_of(headers, &UPLOAD_LENGTH)?, single(headers, &UPLOAD_DEFER_LENGTH)?) {
        (Some(bytes), None) => Ok(Some(bytes)),
        (None, Some("1")) => Ok(None),
        _ => Err(invalid("say how long the file is: Upload-Length: <bytes>, or Upload-Defer-Length: 1 for later")),
    }
}

/// Whether the body is a piece of an upload.
pub(super) fn is_offset_stream(headers: &HeaderMap) -> bool {
    let value = headers.get(axum::http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(OFFSET_STREAM))
}

pub(super) fn check_offset_stream(headers: &HeaderMap) -> Result<(), Problem> {
    if is_offset_stream(headers) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "upload_type_unsupported",
        format!("the body must be a piece of the upload; send it with Content-Type: {OFFSET_STREAM}"),
    ))
}

/// Text of a request as it may be repeated in a sentence.
fn shown(text: &str) -> String {
    text.chars().take(40).filter(|c| !c.is_control()).collect()
}

/// What a client says of its file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) media_type: Option<String>,
    /// As it was sent, to be said again.
    pub(super) raw: String,
}

impl Metadata {
    /// Reads `Upload-Metadata: filename dGFsay5tcDM=,filetype YXVkaW8vbXBlZw==,private`.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let raw = single(headers, &UPLOAD_METADATA)?.unwrap_or_default().trim();
        if raw.len() > MAX_METADATA_BYTES {
            return Err(invalid(format!("the header Upload-Metadata is longer than {MAX_METADATA_BYTES} bytes")));
        }
        let pairs = if raw.is_empty() { Vec::new() } else { raw.split(',').map(pair).collect::<Result<_, _>>()? };
        for (at, (key, _)) in pairs.iter().enumerate() {
            if pairs[..at].iter().any(|(earlier, _)| earlier == key) {
                return Err(invalid(format!("the key '{}' stands twice in Upload-Metadata", shown(key))));
            }
        }
        let value = |names: &[&str]| {
            let found = pairs.iter().find(|(key, _)| names.contains(key))?;
            String::from_utf8(found.1.clone()).ok()
        };
        let name = value(&["filename", "name"]).map(|name| file_name(&name)).filter(|name| !name.is_empty());
        Ok(Self {
            name: name.unwrap_or_else(|| "upload".into()),
            media_type: value(&["filetype", "type"]).filter(|media_type| is_media_type(media_type)),
            raw: raw.to_owned(),
        })
    }
}

fn pair(text: &str) -> Result<(&str, Vec<u8>), Problem> {
    let text = text.trim();
    let (key, value) = text.split_once(' ').unwrap_or((text, ""));
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid("a key of Upload-Metadata is empty or no ASCII; write 'key base64,key base64'"));
    }
    let value = STANDARD.decode(value);
    Ok((key, value.map_err(|_| invalid(format!("the value of '{}' in Upload-Metadata is no base64", shown(key))))?))
}

/// The last segment of what a client calls its file, without what no name has.
fn file_name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect();
    let name = name.trim();
    if matches!(name, "." | "..") { String::new() } else { name.to_owned() }
}

/// Whether it is the type of a file; `inode/directory`, which means a folder to jobs, is none.
fn is_media_type(text: &str) -> bool {
    let token = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !part.is_empty() && part.len() <= 127 && part.bytes().all(fits)
    };
    let of_file = |family: &str| matches!(family, "audio" | "video" | "image" | "text" | "application");
    text.split_once('/').is_some_and(|(family, subtype)| of_file(family) && token(subtype))
}

/// What the bytes of one request must come to.
#[derive(Debug)]
pub(super) struct Checksum {
    hash: Hash,
    expected: Vec<u8>,
}

#[derive(Debug)]
enum Hash {
    Sha1(Sha1),
    Sha256(Sha256),
    Md5(Md5),
}

impl Checksum {
    /// Reads `Upload-Checksum: sha256 <base64>`.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let Some(text) = single(headers, &UPLOAD_CHECKSUM)? else { return Ok(None) };
        let (algorithm, digest) = text.trim().split_once(' ').unwrap_or((text, ""));
        let hash = match algorithm {
            "sha1" => Hash::Sha1(Sha1::new()),
            "sha256" => Hash::Sha256(Sha256::new()),
            "md5" => Hash::Md5(Md5::new()),
            _ => return Err(invalid(format!("the checksum must be one of {ALGORITHMS}, not '{}'", shown(algorithm)))),
        };
        let expected = STANDARD.decode(digest.trim());
        Ok(Some(Self { hash, expected: expected.map_err(|_| invalid("the checksum is no base64 of a digest"))? }))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hash {
            Hash::Sha1(hash) => hash.update(bytes),
            Hash::Sha256(hash) => hash.update(bytes),
            Hash::Md5(hash) => hash.update(bytes),
        }
    }

    pub(super) fn verify(self) -> Result<(), Problem> {
        let found = match self.hash {
            Hash::Sha1(hash) => hash.finalize().to_vec(),
            Hash::Sha256(hash) => hash.finalize().to_vec(),
            Hash::Md5(hash) => hash.finalize().to_vec(),
        };
        if found == self.expected {
            return Ok(());
        }
        let status = StatusCode::from_u16(CHECKSUM_MISMATCH).unwrap_or(StatusCode::BAD_REQUEST);
        let detail = "the bytes are not those of the checksum, and were not kept; send them again";
        Err(Problem::new(status, "upload_checksum_mismatch", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
        of.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn one_version_is_spoken() {
        assert!(check_version(&headers(&[("tus-resumable", "1.0.0")])).is_ok());
        for other in [&[][..], &[("tus-resumable", "0.2.2")], &[("tus-resumable", "1.0.0, 1.0.0")]] {
            assert_eq!(check_version(&headers(other)).unwrap_err().status, StatusCode::PRECONDITION_FAILED);
        }
    }

    #[test]
    fn a_length_is_said_once_or_later() {
        let length = |of: &[(&'static str, &str)]| length_of_new(&headers(of));
        assert_eq!(length(&[("upload-length", "0")]).unwrap(), Some(0));
        assert_eq!(length(&[("upload-defer-length", "1")]).unwrap(), None);
        for bad in [
            &[][..],
            &[("upload-length", "5"), ("upload-defer-length", "1")],
            &[("upload-defer-length", "0")],
            &[("upload-length", "-1")],
            &[("upload-length", "+5")],
            &[("upload-length", "5x")],
            &[("upload-length", "99999999999999999999")],
            &[("upload-length", "")],
            &[("upload-length", "5"), ("upload-concat", "partial")],
        ] {
            assert_eq!(length(bad).unwrap_err().code, "upload_invalid", "{bad:?}");
        }
        let mut twice = headers(&[("upload-length", "5")]);
        twice.append(UPLOAD_LENGTH, HeaderValue::from_static("6"));
        assert!(length_of_new(&twice).is_err());
    }

    #[test]
    fn metadata_names_a_file_and_no_path() {
        let read = |raw: &str| Metadata::of(&headers(&[("upload-metadata", raw)]));
        let name = |name: &str| read(&format!("filename {}", STANDARD.encode(name))).unwrap().name;
        for (given, expected) in [
            ("talk.mp3", "talk.mp3"),
            ("录音 1.mp3", "录音 1.mp3"),
            ("../../etc/passwd", "passwd"),
            ("C:\\talks\\a.wav", "a.wav"),
            ("..", "upload"),
            ("a/..", "upload"),
            ("", "upload"),
            ("x\r\nSet-Cookie: a", "xSet-Cookie: a"),
            ("\u{0}", "upload"),
        ] {
            assert_eq!(name(given), expected, "{given:?}");
        }
        assert_eq!(name(&"长".repeat(500)).chars().count(), MAX_NAME_CHARS);
        let whole = read("filename dGFsay5tcDM=,filetype YXVkaW8vbXBlZw==, private").unwrap();
        assert_eq!((whole.name.as_str(), whole.media_type.as_deref()), ("talk.mp3", Some("audio/mpeg")));
        for (media_type, kept) in [("inode/directory", false), ("text/html\r\nX: y", false), ("audio/x-wav", true)] {
            let raw = format!("filetype {}", STANDARD.encode(media_type));
            assert_eq!(read(&raw).unwrap().media_type.is_some(), kept, "{media_type:?}");
        }
        for bad in ["filename talk.mp3", ",", "a YQ==,,b YQ==", "a YQ==,a YQ==", &"a".repeat(5_000)] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn checksums_are_checked() {
        let read = |value: &str| Checksum::of(&headers(&[("upload-checksum", value)]));
        for (algorithm, digest) in [
            ("sha1", STANDARD.encode(Sha1::digest(b"hello world"))),
            ("sha256", STANDARD.encode(Sha256::digest(b"hello world"))),
            ("md5", "XrY7u+Ae7tCTyyK7j1rNww==".to_owned()),
        ] {
            let mut right = read(&format!("{algorithm} {digest}")).unwrap().unwrap();
            right.update(b"hello ");
            right.update(b"world");
            assert!(right.verify().is_ok(), "{algorithm}");
            let wrong = read(&format!("{algorithm} {digest}")).unwrap().unwrap();
            assert_eq!(wrong.verify().unwrap_err().status.as_u16(), 460);
        }
        for bad in ["crc32 AAAA", "sha1 ???", "sha256"] {
            let refused = read(bad).map(|checksum| checksum.map(Checksum::verify));
            assert!(matches!(refused, Err(_) | Ok(Some(Err(_)))), "{bad}");
        }
        assert!(Checksum::of(&HeaderMap::new()).unwrap().is_none());
    }
}

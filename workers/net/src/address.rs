use std::fmt;

/// Where something lies elsewhere: a URI as its user gave it, which may hold a password (`https://user:password@…`) or a
/// signature (`…?X-Amz-Signature=…`).
///
/// `Display` and `Debug` leave out what may be secret: the user and password, the query and the fragment. So messages,
/// logs and records can hold an address without a thought, and only [`Address::reveal`] gives all of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(String);

impl Address {
    pub fn new(uri: impl Into<String>) -> Self {
        Self(uri.into())
    }

    /// All of it, for whoever asks the other side. What it returns must not be shown, logged or written where others read.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether [`Display`](fmt::Display) leaves something out.
    pub fn hides_something(&self) -> bool {
        shown(&self.0) != self.0
    }

    /// `https`, `s3`, …; in lower case.
    pub fn scheme(&self) -> Option<String> {
        self.0.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase())
    }

    /// The name that people know it by: the last segment of its path, else its host.
    pub fn name(&self) -> String {
        let shown = shown(&self.0);
        let path = shown.split_once("://").map_or(shown.as_str(), |(_, path)| path);
        path.rsplit('/').find(|segment| !segment.is_empty()).unwrap_or(path).to_owned()
    }

    /// User and password as the address has them, still percent-encoded.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        let (_, rest) = self.0.split_once("://")?;
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let (info, _) = authority.rsplit_once('@')?;
        Some(info.split_once(':').unwrap_or((info, "")))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", shown(&self.0))
    }
}

impl From<String> for Address {
    fn from(uri: String) -> Self {
        Self(uri)
    }
}

impl From<&str> for Address {
    fn from(uri: &str) -> Self {
        Self(uri.to_owned())
    }
}

/// The URI without user, password, query and fragment.
fn shown(uri: &str) -> String {
    let letters = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let (scheme, rest) = match uri.find(':') {
        Some(at) if letters(&uri[..at]) => uri.split_at(at + 1),
        _ => ("", uri),
    };
    let lower = scheme.to_ascii_lowercase();
    if lower == "file:" {
        // A path: nothing in it is a query.
        return uri.to_owned();
    }
    let slashes = rest.bytes().take_while(|byte| *byte == b'/').count().min(2);
    let (slashes, rest) = rest.split_at(slashes);
    let rest = &rest[secret_start(rest)..];
    // S3 has no queries: `?` and `#` are letters of a key, unless somebody signed it.
    let end = match rest.find(['?', '#']) {
        Some(at) if lower != "s3:" || is_signed(&rest[at..]) => at,
        _ => rest.len(),
    };
    format!("{scheme}{slashes}{}", &rest[..end])
}

/// Where what follows user and password begins.
fn secret_start(rest: &str) -> usize {
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    let after = |at: usize| at + 1;
    if let Some(at) = authority.rfind('@') {
        return after(at);
    }
    // A password with a `/`, `?` or `#` in it seems to end the authority; what stands for the port is no number then.
    let port_is_odd = !authority.starts_with('[')
        && authority.split_once(':').is_some_and(|(_, port)| !port.bytes().all(|byte| byte.is_ascii_digit()));
    if port_is_odd { rest.rfind('@').map_or(0, after) } else { 0 }
}

fn is_signed(query: &str) -> bool {
    let query = query.to_ascii_lowercase();
    ["x-amz-", "signature=", "awsaccesskeyid=", "token=", "sig="].iter().any(|mark| query.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_not_shown() {
        for (uri, expected) in [
            ("http://bob:S3CRET@127.0.0.1:8077/none.mp3?sig=TOKEN", "http://127.0.0.1:8077/none.mp3"),
            ("https://S3CRET@host/a.mp3#TOKEN", "https://host/a.mp3"),
            ("https://bob:S3C@RET@host", "https://host"),
            ("https://bob:S3C/RET@host/a.mp3", "https://host/a.mp3"),
            ("https://bob:S3C?RET@host/a.mp3", "https://host/a.mp3"),
            ("https://bob:S3C#RET@host/a.mp3?sig=TOKEN", "https://host/a.mp3"),
            ("HTTPS://host?sig=TOKEN", "HTTPS://host"),
            ("s3://key:S3CRET@bucket/a.mp3", "s3://bucket/a.mp3"),
            ("s3://bucket/a.mp3?X-Amz-Signature=TOKEN", "s3://bucket/a.mp3"),
            ("amqps://user:S3CRET@broker:5671/vhost?heartbeat=20", "amqps://broker:5671/vhost"),
            ("gopher:bob:S3CRET@host/x", "gopher:host/x"),
            ("bob@host/a?sig=TOKEN", "host/a"),
        ] {
            let address = Address::new(uri);
            assert_eq!(address.to_string(), expected, "{uri}");
            assert_eq!(format!("{address:?}"), format!("{expected:?}"));
            assert_eq!(address.reveal(), uri);
            assert!(address.hides_something(), "{uri}");
            assert!(!address.name().contains("S3C") && !address.name().contains("TOKEN"), "{}", address.name());
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for uri in [
            "https://host:8443/@someone/a%20b.mp3",
            "http://[::1]:80/a",
            "https://host/a:b@c",
            "s3://bucket//what? #1 100%.png",
            "file:///srv/what?.wav",
            "no url",
            "",
            "a:b",
        ] {
            let address = Address::new(uri);
            assert_eq!(address.to_string(), uri);
            assert!(!address.hides_something(), "{uri}");
        }
    }

    #[test]
    fn the_name_is_the_last_segment() {
        for (uri, name) in [
            ("https://host/a/talk.mp3?x=/y", "talk.mp3"),
            ("https://host/", "host"),
            ("s3://bucket/photos/", "photos"),
            ("s3://bucket/a/what?.png", "what?.png"),
        ] {
            assert_eq!(Address::new(uri).name(), name, "{uri}");
        }
    }

    #[test]
    fn credentials_are_what_stands_before_the_host() {
        assert_eq!(Address::new("https://a:b@c/d").credentials(), Some(("a", "b")));
        assert_eq!(Address::new("https://a@c/d").credentials(), Some(("a", "")));
        assert_eq!(Address::new("https://c/a:b@d").credentials(), None);
    }
}

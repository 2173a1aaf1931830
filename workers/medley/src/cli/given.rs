//! What an argument of `run` and `submit` is: a file, an address, the text itself, or standard input.

use std::{
    ffi::OsStr,
    path::{Component, Path},
};

use medley_net::Address;
use medley_proto::ErrorCode;
use medley_runtime::InputRequest;

use super::{
    Failed,
    stdin::{Spooled, read_text_or_spool, spool},
};
use crate::config::Config;

/// Endings that only names of files have. Of `example.com`, `GPT-4.5` and `3.5` nobody can say, so they are text.
const FILE_ENDINGS: [&str; 49] = [
    "txt", "text", "md", "markdown", "ssml", "xml", "html", "htm", "xhtml", "srt", "vtt", "rst", "adoc", "org", "tex",
    "rtf", "doc", "docx", "odt", "pdf", "epub", "json", "jsonl", "csv", "tsv", "yaml", "yml", "toml", "log", "jpg",
    "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "heic", "wav", "mp3", "flac", "ogg", "opus", "m4a", "mp4",
    "mov", "mkv", "webm", "avi",
];

/// How arguments of one command are read.
pub(super) struct Reader<'a> {
    pub config: &'a Config,
    /// What came through standard input and is too large, or no text, to stand in a request.
    pub spooled: Option<Spooled>,
    /// Whether an argument was standard input already.
    pub stdin_taken: bool,
}

impl Reader<'_> {
    /// Reads an argument where a file, an address or `-` may stand.
    pub(super) fn file(&mut self, argument: &OsStr) -> Result<InputRequest, Failed> {
        if argument == "-" {
            self.take_stdin()?;
            return self.spooled(spool(self.config)?);
        }
        match argument.to_str() {
            Some(text) if !exists(Path::new(text)) && is_address(text) => self.address(text),
            _ => Ok(InputRequest::File(argument.into())),
        }
    }

    /// The same where the text itself may stand too.
    ///
    /// An argument is a file when it exists; else an address when it is one word that begins with `scheme://`; else a file
    /// that is missing when it clearly is the name of one (see [`names_a_file`]); else it is the text.
    pub(super) fn text_or_file(&mut self, argument: &OsStr, kind: &str) -> Result<InputRequest, Failed> {
        if argument == "-" {
            self.take_stdin()?;
            return match read_text_or_spool(self.config)? {
                Ok(text) => Ok(InputRequest::Text(text)),
                Err(file) => self.spooled(file),
            };
        }
        let path = Path::new(argument);
        let Some(text) = argument.to_str() else { return Ok(InputRequest::File(path.into())) };
        let other_reading =
            || format!("if it is the text itself, give it through standard input: echo '…' | medley run {kind} -");
        if path.is_dir() {
            let message = format!("{text} is a folder here; give a file, or, {}", other_reading());
            return Err(Failed::job(ErrorCode::INPUT_NOT_A_FILE, message));
        }
        if exists(path) {
            return Ok(InputRequest::File(path.into()));
        }
        if is_address(text) && !text.contains(char::is_whitespace) {
            return self.address(text);
        }
        if names_a_file(text) {
            let message = format!("there is no file {text}; check the path, or, {}", other_reading());
            return Err(Failed::job(ErrorCode::INPUT_NOT_FOUND, message));
        }
        Ok(InputRequest::Text(text.to_owned()))
    }

    fn take_stdin(&mut self) -> Result<(), Failed> {
        if std::mem::replace(&mut self.stdin_taken, true) {
            return Err(Failed::usage("- stands for standard input, which can be one input only"));
        }
        Ok(())
    }

    fn spooled(&mut self, file: Spooled) -> Result<InputRequest, Failed> {
        let request = InputRequest::File(file.path().to_owned());
        self.spooled = Some(file);
        Ok(request)
    }

    /// An address, or why its scheme is not served. Others than these are for the runtime to judge.
    fn address(&self, uri: &str) -> Result<InputRequest, Failed> {
        let (scheme, _) = uri.split_once(':').unwrap_or((uri, ""));
        let inputs = &self.config.inputs;
        let reason = match scheme.to_ascii_lowercase().as_str() {
            "http" if inputs.trusted.is_empty() => {
                "http: addresses are not read, because anyone on the way could change what comes; give its https: address, \
                 or download the file and give its path"
            }
            "https" if !inputs.https => {
                "https: addresses are switched off by `https` of [inputs] in medley.toml; download the file and give its path"
            }
            "s3" if inputs.s3.is_empty() => {
                "s3: addresses are read only from the buckets that `s3` of [inputs] in medley.toml names, and it names none; \
                 add the bucket, or download the file and give its path"
            }
            _ => return Ok(InputRequest::Uri(uri.into())),
        };
        Err(Failed::job(ErrorCode::INPUT_SCHEME_UNSUPPORTED, format!("{}: {reason}", Address::from(uri))))
    }
}

/// There, also as a link that leads nowhere: that is a file's name all the same.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// `scheme://…`
fn is_address(text: &str) -> bool {
    let is_scheme = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
}

/// Whether a text that is no file here clearly is the name of one: it begins as a path does (`/`, `./`, `../`, `~/`), or lies
/// in a folder that is here; or it ends as only files do. Of several words only a path that also ends so: what has blanks
/// is a sentence.
fn names_a_file(text: &str) -> bool {
    if text.contains('\n') || text.len() > 4096 {
        return false;
    }
    let path = Path::new(text);
    let ending = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    let ends_so = ending.is_some_and(|ending| FILE_ENDINGS.contains(&ending.as_str()));
    let begins_so = ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start));
    let lies_in_a_folder = || match path.parent() {
        Some(parent) => parent.components().any(|part| matches!(part, Component::Normal(_))) && parent.is_dir(),
        None => false,
    };
    let is_path = text.contains('/') && text.len() > 1 && !text.ends_with('/') && (begins_so || lies_in_a_folder());
    match text.contains(char::is_whitespace) {
        true => is_path && ends_so,
        false => is_path || ends_so,
    }
}

/// What people know an input by.
pub(super) fn label(input: &InputRequest) -> String {
    match input {
        InputRequest::File(path) => {
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
        }
        InputRequest::Uri(address) => address.name(),
        InputRequest::Text(_) => "text".into(),
        InputRequest::Spooled(spooled) => spooled.name.clone(),
        InputRequest::Stored(input) => input.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::ffi::OsStrExt, path::PathBuf};

    use super::*;

    fn read(text: &str, config: &Config) -> Result<InputRequest, Failed> {
        Reader { config, spooled: None, stdin_taken: false }.text_or_file(text.as_ref(), "speak")
    }

    fn is_text(text: &str) -> bool {
        matches!(read(text, &Config::default()), Ok(InputRequest::Text(same)) if same == text)
    }

    #[test]
    fn text_with_dots_and_strokes_is_text() {
        for text in [
            "Hello there.",
            "今天天气十分不错。",
            "价格涨了3.5",
            "价格涨了3.5万",
            "GPT-4.5",
            "example.com",
            "访问example.com吧",
            "3.5",
            "v1.2.3",
            "node.js",
            "e.g.",
            "Ph.D",
            "U.S.A",
            "and/or",
            "TCP/IP",
            "24/7",
            "http",
            "a:b",
            "5€/kg",
            "他/她",
            "I/O",
            "See my notes.txt",
            "/ is a stroke",
            "https://example.com is a site",
            "…",
            "Mr.X",
            "a\nb.txt",
        ] {
            assert!(is_text(text), "{text:?}");
        }
    }

    #[test]
    fn names_of_missing_files_are_told_with_both_readings() {
        for text in [
            "script.md",
            "NOTES.TXT",
            "/no/such/file",
            "./talk",
            "../x.y",
            "~/talk.txt",
            "src/nothing",
            "/home/x/my notes.txt",
            "请看.ssml",
        ] {
            let failed = read(text, &Config::default()).unwrap_err();
            assert_eq!(failed.code(), Some("input_not_found"), "{text}");
            assert!(failed.message().contains("no file") && failed.message().contains("standard input"), "{text}");
        }
        assert_eq!(read("src", &Config::default()).unwrap_err().code(), Some("input_not_a_file"));
        assert!(matches!(read("Cargo.toml", &Config::default()), Ok(InputRequest::File(_))));
    }

    #[test]
    fn addresses_that_are_not_served_say_why() {
        let mut config = Config::default();
        let reader =
            |text: &str, config: &Config| Reader { config, spooled: None, stdin_taken: false }.file(text.as_ref());
        assert!(matches!(reader("https://example.org/a.mp3", &config), Ok(InputRequest::Uri(_))));
        config.inputs.https = false;
        for (uri, word) in [
            ("http://u:secret@example.org/a.mp3?secret=1", "https:"),
            ("HTTP://example.org/a", "https:"),
            ("s3://bucket/key", "[inputs]"),
            ("https://example.org/a.mp3", "switched off"),
        ] {
            let failed = reader(uri, &config).unwrap_err();
            assert_eq!(failed.code(), Some("input_scheme_unsupported"), "{uri}");
            assert!(failed.message().contains(word) && !failed.message().contains("secret"), "{}", failed.message());
        }
        config.inputs.s3.push("s3://bucket".into());
        assert!(matches!(reader("s3://bucket/key", &config), Ok(InputRequest::Uri(_))));
    }

    #[test]
    fn a_name_that_is_not_utf8_is_a_file() {
        let config = Config::default();
        let name = OsStr::from_bytes(b"\xff.png");
        let mut reader = Reader { config: &config, spooled: None, stdin_taken: false };
        for request in [reader.file(name).unwrap(), reader.text_or_file(name, "speak").unwrap()] {
            assert!(matches!(&request, InputRequest::File(path) if path.as_os_str() == name), "{request:?}");
            assert_eq!(label(&request), "\u{fffd}.png");
        }
    }

    #[test]
    fn labels_keep_secrets() {
        let uri = |uri: &str| label(&InputRequest::Uri(uri.into()));
        assert_eq!(uri("https://user:pw@example.org/a/talk.mp3?sig=x"), "talk.mp3");
        assert_eq!(uri("https://user:pw@example.org"), "example.org");
        assert_eq!(uri("s3://bucket/photos/"), "photos");
        assert_eq!(label(&InputRequest::File(PathBuf::from("/a/b.wav"))), "b.wav");
    }
}

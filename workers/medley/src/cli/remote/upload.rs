//! Sends a file to the gateway by tus 1.0.0: a connection that breaks goes on where the gateway has come to.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    thread,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use medley_proto::ErrorCode;
use ureq::http::{Method, header};

use super::connection::{Asked, Server};
use crate::cli::{Failed, printable::plain};

const TUS: (&str, &str) = ("Tus-Resumable", "1.0.0");
/// The most of a file that one request sends: less than what proxies take at most by default would need settings there.
const PART_BYTES: u64 = 32 << 20;
/// How often an upload may break without getting on.
const MAX_BREAKS: u32 = 5;

/// Sends the file; returns the id by which a job names it.
pub(super) fn upload(server: &Server, path: &Path, name: &str) -> Result<String, Failed> {
    let unreadable =
        |error: io::Error| Failed::job(ErrorCode::INPUT_NOT_FOUND, format!("{}: {}", path.display(), plain(&error)));
    let meta = path.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        let message = format!("{} is no file; over a gateway only files can be sent", path.display());
        return Err(Failed::job(ErrorCode::INPUT_NOT_A_FILE, message));
    }
    let bytes = meta.len();
    let place = create(server, bytes, name)?;
    let (mut offset, mut breaks) = (0, 0);
    while offset < bytes {
        match send(server, &place, path, offset, bytes) {
            Ok(reached) => (offset, breaks) = (reached, 0),
            Err(failed) if breaks == MAX_BREAKS => return Err(failed),
            Err(_) => {
                breaks += 1;
                thread::sleep(Duration::from_secs(u64::from(breaks)));
                let reached = reached(server, &place)?;
                if reached > offset {
                    breaks = 0;
                }
                offset = reached;
            }
        }
    }
    Ok(place.rsplit('/').next().unwrap_or_default().to_owned())
}

fn create(server: &Server, bytes: u64, name: &str) -> Result<String, Failed> {
    let headers = vec![
        (TUS.0, TUS.1.to_owned()),
        ("Upload-Length", bytes.to_string()),
        ("Upload-Metadata", format!("filename {}", BASE64_STANDARD.encode(name))),
    ];
    // Made twice, the first upload is forgotten by the gateway in time.
    let asked = Asked { headers, repeats: true, ..Asked::new(Method::POST, "/v1/inputs") };
    let answer = server.ask(&asked)?;
    let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A gateway behind a proxy may say it with or without its own address.
    let path = location.find("/v1/inputs/").map(|at| location[at..].to_owned());
    path.ok_or_else(|| Failed::service("the gateway does not say where the file goes"))
}

fn send(server: &Server, place: &str, path: &Path, offset: u64, bytes: u64) -> Result<u64, Failed> {
    let length = PART_BYTES.min(bytes - offset);
    let body = || -> Result<Option<Box<dyn Read + Send + Sync>>, Failed> {
        let open = || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(file.take(length))
        };
        let part = open().map_err(|error: io::Error| {
            Failed::job(ErrorCode::INPUT_CHANGED, format!("{}: {}", path.display(), plain(&error)))
        })?;
        Ok(Some(Box::new(part)))
    };
    let headers = vec![
        (TUS.0, TUS.1.to_owned()),
        ("Upload-Offset", offset.to_string()),
        ("Content-Type", "application/offset+octet-stream".into()),
        ("Content-Length", length.to_string()),
    ];
    let asked = Asked { headers, body: &body, ..Asked::new(Method::PATCH, place) };
    offset_of(&server.ask(&asked)?)
}

fn reached(server: &Server, place: &str) -> Result<u64, Failed> {
    let headers = vec![(TUS.0, TUS.1.to_owned())];
    offset_of(&server.ask(&Asked { headers, ..Asked::new(Method::HEAD, place) })?)
}

fn offset_of<B>(answer: &ureq::http::Response<B>) -> Result<u64, Failed> {
    let offset = answer.headers().get("Upload-Offset").and_then(|value| value.to_str().ok()?.parse().ok());
    offset.ok_or_else(|| Failed::service("the gateway does not say how much of the file has come"))
}

//! A client that hides nothing: what is sent is what the test wrote.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;

use super::PATIENCE;

/// A request.
pub(crate) struct Call {
    address: SocketAddr,
    head: String,
    has_host: bool,
    body: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    pub(crate) fn code(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text());
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

impl Call {
    pub(crate) fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        Self { address, head, has_host: false, body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.has_host |= name == "Host";
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn json(mut self, document: &Value) -> Self {
        self.body = document.to_string().into_bytes();
        self.header("Content-Type", "application/json")
    }

    /// A form; a part with a file name is a file.
    pub(crate) fn form(mut self, parts: &[(&str, Option<&str>, &[u8])]) -> Self {
        for (name, file, content) in parts {
            let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
            let head = format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            self.body.extend_from_slice(head.as_bytes());
            self.body.extend_from_slice(content);
            self.body.extend_from_slice(b"\r\n");
        }
        self.body.extend_from_slice(b"--edge--\r\n");
        self.header("Content-Type", "multipart/form-data; boundary=edge")
    }

    /// Sends it, and leaves the answer to be read.
    pub(crate) fn open(self) -> TcpStream {
        let Self { address, mut head, has_host, body } = self;
        if !has_host {
            head += &format!("Host: {address}\r\n");
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&[head.as_bytes(), b"\r\n"].concat()).unwrap();
        // A server that refuses early may not take all of it; its answer is what counts.
        let _ = stream.write_all(&body);
        stream
    }

    pub(crate) fn send(self) -> Answer {
        read_answer(self.open())
    }
}

/// All that comes until the server closes.
pub(crate) fn read_answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A reset behind an answer does not take the answer away.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap();
    let header =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let headers: BTreeMap<_, _> = lines.filter_map(header).collect();
    let mut body = bytes.split_off(end + 4);
    if headers.get("transfer-encoding").is_some_and(|how| how == "chunked") {
        body = unchunked(&body);
    }
    Answer { status, headers, body }
}

fn unchunked(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&chunks[..end]), 16).unwrap_or(0);
        let Some(chunk) = chunks.get(end + 2..end + 2 + size).filter(|_| size > 0) else { break };
        body.extend_from_slice(chunk);
        chunks = chunks.get(end + 4 + size..).unwrap_or_default();
    }
    body
}

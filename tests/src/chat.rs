//! A small server that speaks OpenAI's chat completions and, told to, breaks it.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot go on should stop")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

/// Answers each connection with the next of `answers` (the last one again and again) and keeps what was asked.
#[derive(Debug)]
pub struct ChatServer {
    /// The API's base, for `[assist] endpoint`.
    pub endpoint: String,
    /// Heads and bodies of the requests so far.
    pub asked: Arc<Mutex<Vec<(String, Value)>>>,
}

/// Writes an answer.
pub type Answer = fn(&mut TcpStream);

impl ChatServer {
    /// # Panics
    /// When no port is free.
    pub fn start(answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                log.lock().unwrap().push(read_request(&mut stream));
                answers[n.min(answers.len() - 1)](&mut stream);
            }
        });
        Self { endpoint, asked }
    }

    /// How often it was asked.
    pub fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn read_request(stream: &mut TcpStream) -> (String, Value) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

/// A whole HTTP response.
pub fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    // The client may have hung up: some answers are meant to be refused.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    );
}

/// The body of a chat completion that says `text`.
pub fn says(text: &str) -> String {
    json!({"choices": [{"message": {"role": "assistant", "content": text}}]}).to_string()
}

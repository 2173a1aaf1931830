//! Streams of events.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpStream,
};

use super::{Gateway, http::Call};

/// One event of a stream.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Event {
    name: String,
    id: String,
    data: String,
}

/// The events of a chunked answer until it ends.
struct Events {
    status: u16,
    lines: Vec<String>,
}

impl Events {
    /// Reads until the server ends the stream.
    fn all(call: Call) -> Self {
        let answer = call.header("Accept", "text/event-stream").send();
        Self { status: answer.status, lines: answer.text().lines().map(str::to_owned).collect() }
    }

    fn events(&self) -> Vec<Event> {
        let (mut events, mut event) = (Vec::new(), Event::default());
        for line in &self.lines {
            match line.split_once(':') {
                Some(("event", name)) => event.name = name.trim().to_owned(),
                Some(("id", id)) => event.id = id.trim().to_owned(),
                Some(("data", data)) => event.data += data.trim_start(),
                _ if line.is_empty() && event != Event::default() => events.push(std::mem::take(&mut event)),
                _ => {}
            }
        }
        events
    }
}

#[test]
fn a_job_is_followed_to_its_end_and_not_further() {
    let gateway = Gateway::shared();
    let job = gateway.submit_picture();
    let path = format!("/v1/jobs/{job}/events");
    let followed = Events::all(gateway.call("GET", &path));
    assert_eq!(followed.status, 200);
    let events = followed.events();
    let states: Vec<_> = events.iter().filter(|event| event.name == "job").collect();
    let last = states.last().unwrap();
    assert!(last.data.contains("\"state\":\"succeeded\"") && last.id.starts_with("3-"), "{events:?}");
    // Who comes late is told how it ended, and who knows that is told that there is no more.
    let late = Events::all(gateway.call("GET", &path)).events();
    assert_eq!(late.iter().map(|event| &event.id).collect::<Vec<_>>(), [&last.id]);
    let known = Events::all(gateway.call("GET", &path).header("Last-Event-ID", &last.id));
    assert_eq!((known.status, known.events().len()), (204, 0));
    let by_query = Events::all(gateway.call("GET", &format!("{path}?last_event_id={}", last.id)));
    assert_eq!(by_query.status, 204);
    let older = Events::all(gateway.call("GET", &path).header("Last-Event-ID", "1-0")).events();
    assert_eq!(older, late);
}

/// Reads a stream until an event of a name; what it says, and the rest of the stream.
fn hear(stream: TcpStream, name: &str) -> (Event, BufReader<TcpStream>) {
    let mut reader = BufReader::new(stream);
    let (mut event, mut line) = (Event::default(), String::new());
    loop {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the stream ended before {name}");
        match line.trim_end().split_once(':') {
            Some(("event", given)) => event.name = given.trim().to_owned(),
            Some(("id", id)) => event.id = id.trim().to_owned(),
            Some(("data", data)) if event.name == name => {
                event.data = data.trim_start().to_owned();
                // Of this event nothing more is needed.
                if !event.id.is_empty() || name != "job" {
                    return (event, reader);
                }
            }
            _ => {}
        }
    }
}

#[test]
fn a_stream_goes_on_at_another_gateway() {
    // Nobody works: the job stays as it is.
    let gateway = Gateway::start(&[]);
    let path = format!("/v1/jobs/{}/events", gateway.submit_picture());
    let stream = gateway.call("GET", &path).open();
    let (queued, mut rest) = hear(stream, "job");
    assert!(queued.data.contains("\"state\":\"queued\""), "{queued:?}");
    // Streams end first when the gateway stops.
    gateway.signal(libc::SIGTERM);
    let mut end = Vec::new();
    let _ = rest.read_to_end(&mut end);
    let gateway = gateway.restarted(&["--work"]);
    let followed = Events::all(gateway.call("GET", &path).header("Last-Event-ID", &queued.id)).events();
    let jobs: Vec<_> = followed.iter().filter(|event| event.name == "job").collect();
    assert!(jobs.iter().all(|event| event.id != queued.id), "what was known is not told again: {jobs:?}");
    assert!(jobs.last().unwrap().data.contains("\"state\":\"succeeded\""), "{jobs:?}");
}

#[test]
fn all_jobs_are_followed_at_once() {
    let gateway = Gateway::shared();
    let stream = gateway.call("GET", "/v1/events").header("Last-Event-ID", "1").open();
    let (reset, _) = {
        let copy = stream.try_clone().unwrap();
        hear(copy, "reset")
    };
    assert_eq!(reset.data, "{}");
    drop(stream);
    let stream = gateway.call("GET", "/v1/events").open();
    let mut reader = BufReader::new(stream);
    read_until(&mut reader, |line| line.starts_with(": following"));
    let job = gateway.submit_picture();
    read_until(&mut reader, |line| {
        line.starts_with("data:") && line.contains(&job) && line.contains("\"state\":\"succeeded\"")
    });
}

fn read_until(reader: &mut BufReader<TcpStream>, is_it: impl Fn(&str) -> bool) {
    let mut line = String::new();
    while !is_it(&line) {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the stream ended");
    }
}

#[test]
fn a_submit_can_be_followed_at_once() {
    let gateway = Gateway::shared();
    let text = [serde_json::json!({ "text": "  " })];
    let refused =
        gateway.call("POST", "/v1/jobs").header("Accept", "text/event-stream").json(&super::edges(&text)).send();
    assert_eq!((refused.status, refused.code().as_str()), (422, "media_empty"));
    let picture = std::fs::read(super::picture()).unwrap();
    let request = super::edges(&[]).to_string();
    let form = [("request", None, request.as_bytes()), ("picture", Some("coffee.png"), &picture[..])];
    let followed = Events::all(gateway.call("POST", "/v1/jobs").form(&form));
    assert_eq!(followed.status, 200);
    assert!(followed.events().last().unwrap().data.contains("\"state\":\"succeeded\""));
}

//! Webhooks: real messages to a real receiver, checked by the packages that receivers use.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use medley_tests::clients;
use serde_json::{Value, json};

use crate::{
    exchange::{Answer, ask},
    served::Served,
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// The receivers of these tests are on this machine.
const ALLOW: &str = "[gateway.webhooks]\nallow = [\"127.0.0.1\"]\n";

/// What a receiver got.
#[derive(Debug)]
struct Message {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Message {
    fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A web server that answers with one status after the other, the last one for ever, and hands on what it got.
struct Hook {
    url: String,
    messages: Receiver<Message>,
}

impl Hook {
    fn new(statuses: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, messages) = channel();
        let statuses = statuses.to_vec();
        thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                let status = statuses[at.min(statuses.len() - 1)];
                if stream.is_ok_and(|stream| serve(stream, status, &sender).is_none()) {
                    return;
                }
            }
        });
        Self { url, messages }
    }

    fn next(&self) -> Message {
        self.messages.recv_timeout(PATIENCE).expect("a message arrives")
    }

    fn is_quiet(&self) -> bool {
        self.messages.try_recv().is_err()
    }
}

/// None when nobody listens any more.
fn serve(mut stream: TcpStream, status: &str, sender: &Sender<Message>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut headers, mut line) = (BTreeMap::new(), String::new());
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        match line.trim().split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.to_owned())),
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or_default()];
    reader.read_exact(&mut body).unwrap();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    sender.send(Message { headers, body: String::from_utf8(body).unwrap() }).ok()
}

fn json_of(served: &Served, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    ask(&served.address, method, path, &[("Content-Type", "application/json")], body.as_bytes())
}

/// A webhook to this address, and its secret.
fn register(served: &Served, url: &str) -> (String, String) {
    let made = json_of(served, "POST", "/v1/webhooks", &json!({ "url": url }));
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    (format!("/v1/webhooks/{}", made["id"].as_str().unwrap()), made["secret"].as_str().unwrap().to_owned())
}

/// The type of the event, when both packages take the message and none that is like it.
fn verified(message: &Message, secret: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/webhooks_verify.py");
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", clients::pip(&["standardwebhooks==1.1.0", "openai==3.57.0"])).arg(script);
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let given = json!({ "secret": secret, "headers": message.headers, "body": message.body });
    python.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Waits until a delivery is what it shall be.
fn until(served: &Served, path: &str, state: &str) -> Value {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let delivery = json_of(served, "GET", path, &Value::Null).json();
        if delivery["state"] == state {
            return delivery;
        }
        assert!(std::time::Instant::now() < deadline, "it never becomes {state}: {delivery}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn test_delivery(served: &Served, webhook: &str) -> String {
    let tried = json_of(served, "POST", &format!("{webhook}/test"), &Value::Null);
    assert_eq!(tried.status, 202, "{tried:?}");
    format!("{webhook}/deliveries/{}", tried.json()["id"].as_str().unwrap())
}

/// Submits a job that needs no model, and returns its id.
fn submit(served: &Served) -> String {
    fs::write(served.medley.path("broken.png"), b"\x89PNG\r\n\x1a\n and nothing more").unwrap();
    let asked = served.medley.call(&["submit", "control", "broken.png", "--config", "medley.toml"]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    asked.out.trim().to_owned()
}

#[test]
fn messages_are_those_of_the_standard() {
    let served = Served::configured(ALLOW, &["--work"]);
    let hook = Hook::new(&["204 No Content"]);
    let (webhook, secret) = register(&served, &hook.url);
    until(&served, &test_delivery(&served, &webhook), "delivered");
    assert_eq!(verified(&hook.next(), &secret), "webhook.test");

    // Both secrets sign while a receiver changes over.
    let rotated = json_of(&served, "POST", &format!("{webhook}/secret"), &json!({ "keep_old_s": 600 }));
    let fresh = rotated.json()["secret"].as_str().unwrap().to_owned();
    let job = submit(&served);
    let message = hook.next();
    for secret in [&secret, &fresh] {
        assert_eq!(verified(&message, secret), "job.failed");
    }
    let event = message.event();
    assert_eq!((&event["data"]["job"], &event["data"]["kind"]), (&json!(job), &json!("control")), "{event}");
    assert!(event["data"]["code"].is_string(), "{event}");
    assert!(message.body.len() < 20_000);

    let shown = json_of(&served, "GET", &webhook, &Value::Null);
    assert!(!shown.body.contains("whsec_"), "secrets are shown once: {shown:?}");
    assert_eq!(shown.json()["secrets"].as_array().unwrap().len(), 2);
    assert_eq!(json_of(&served, "DELETE", &webhook, &Value::Null).status, 204);
    submit(&served);
    assert_eq!(json_of(&served, "GET", &webhook, &Value::Null).status, 404);
    assert!(hook.is_quiet());
}

#[test]
fn only_2xx_is_success_and_410_is_the_end() {
    let served = Served::configured(ALLOW, &[]);
    let elsewhere = Hook::new(&["204 No Content"]);
    let redirect: &'static str = format!("307 Temporary Redirect\r\nLocation: {}", elsewhere.url).leak();
    let hook = Hook::new(&[redirect, "200 OK", "410 Gone", "200 OK"]);
    let (webhook, _) = register(&served, &hook.url);

    let first = test_delivery(&served, &webhook);
    let (one, other) = (hook.next(), hook.next());
    assert_eq!((one.id(), &one.body), (other.id(), &other.body), "a message is known by its id");
    let told = until(&served, &first, "delivered");
    let statuses: Vec<_> = told["tries"].as_array().unwrap().iter().map(|tried| tried["status"].clone()).collect();
    assert_eq!(statuses, [307, 200], "{told}");
    assert!(elsewhere.is_quiet(), "a redirect was followed");

    let gone = test_delivery(&served, &webhook);
    let told = until(&served, &gone, "failed");
    assert_eq!(told["tries"][0]["status"], 410, "{told}");
    hook.next();
    let disabled = json_of(&served, "GET", &webhook, &Value::Null).json();
    assert_eq!(disabled["enabled"], false, "{disabled}");
    let refused = json_of(&served, "POST", &format!("{webhook}/test"), &Value::Null);
    assert_eq!((refused.status, refused.code().as_str()), (409, "webhook_disabled"), "{refused:?}");

    assert_eq!(json_of(&served, "PATCH", &webhook, &json!({ "enabled": true })).status, 200);
    let failed = json_of(&served, "GET", &format!("{webhook}/deliveries?state=failed"), &Value::Null).json();
    assert_eq!(failed["data"].as_array().unwrap().len(), 1, "{failed}");
    assert_eq!(json_of(&served, "POST", &format!("{webhook}/replay"), &json!({})).json()["replayed"], 1);
    until(&served, &gone, "delivered");
    hook.next();
    assert_eq!(json_of(&served, "POST", &format!("{gone}/replay"), &Value::Null).status, 202);
    hook.next();
}

#[test]
fn nothing_that_ended_while_the_gateway_was_down_is_forgotten() {
    let mut served = Served::configured(ALLOW, &[]);
    let hook = Hook::new(&["500 Internal Server Error", "200 OK"]);
    let (webhook, _) = register(&served, &hook.url);
    // A try that failed is made again by the gateway that comes after.
    let job = submit(&served);
    let mut worker =
        served.medley.command(&["worker", "--config", "medley.toml"]).stderr(Stdio::null()).spawn().unwrap();
    let first = hook.next();
    assert_eq!(first.event()["data"]["job"], json!(job));
    let noted =
        || json_of(&served, "GET", &format!("{webhook}/deliveries"), &Value::Null).json()["data"][0]["count"] == 1;
    while !noted() {
        thread::sleep(Duration::from_millis(50));
    }
    served.kill();
    let meanwhile = submit(&served);
    let ended = served.medley.call(&["watch", &meanwhile, "--config", "medley.toml"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    worker.kill().unwrap();
    worker.wait().unwrap();
    served.start_again(&[]);
    let mut jobs = [hook.next(), hook.next()].map(|message| message.event()["data"]["job"].clone());
    jobs.sort_by_key(ToString::to_string);
    let mut expected = [json!(job), json!(meanwhile)];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(jobs, expected);
}

#[test]
fn addresses_inside_are_refused() {
    let served = Served::start(&[]);
    let inside = Hook::new(&["200 OK"]);
    for url in [
        inside.url.as_str(),
        &inside.url.replace("http:", "https:"),
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "https://user:password@example.org/",
        "http://example.org/",
        "file:///etc/passwd",
        "https://2130706433/",
    ] {
        let refused = json_of(&served, "POST", "/v1/webhooks", &json!({ "url": url }));
        assert_eq!((refused.status, refused.code().as_str()), (422, "webhook_invalid"), "{url}: {refused:?}");
    }
    // The name is judged when it is asked, after it was resolved.
    let (webhook, _) = register(&served, "https://localhost.localdomain./hook");
    let delivery = test_delivery(&served, &webhook);
    let deadline = std::time::Instant::now() + PATIENCE;
    let told = loop {
        let told = json_of(&served, "GET", &delivery, &Value::Null).json();
        if told["count"] != 0 {
            break told;
        }
        assert!(std::time::Instant::now() < deadline, "it was never tried: {told}");
        thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(told["state"], "pending", "{told}");
    assert!(told["tries"][0]["status"].is_null(), "{told}");
    assert!(inside.is_quiet());
}

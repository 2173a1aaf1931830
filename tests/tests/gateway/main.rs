//! The real binary as a gateway: `medley serve --work` on a free port, with a queue and a store of the test's own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod access;
mod attacks;
mod console;
mod events;
mod exchange;
mod http;
mod jobs;
mod openai;
mod served;
mod uploads;
mod webhooks;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use medley_tests::binary::{Medley, sample};
use serde_json::{Value, json};

use self::http::{Answer, Call};

/// Longer than anything takes on a machine with much other work.
const PATIENCE: Duration = Duration::from_secs(600);

/// A gateway's process, killed when it goes.
struct Gateway {
    medley: Medley,
    process: Child,
    address: SocketAddr,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One for all tests that leave it as they found it: jobs of others do not disturb them. It goes with the last of them.
static SHARED: Mutex<Weak<Gateway>> = Mutex::new(Weak::new());

impl Gateway {
    fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let gateway = shared.upgrade().unwrap_or_else(|| Arc::new(Self::start(&["--work", "--slots", "2"])));
        *shared = Arc::downgrade(&gateway);
        gateway
    }

    fn start(args: &[&str]) -> Self {
        Self::start_in(Medley::default(), args)
    }

    fn start_in(medley: Medley, args: &[&str]) -> Self {
        let log = fs::File::options().create(true).append(true).open(medley.path("serve.log")).unwrap();
        let mut command = medley.command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
        command.env("MEDLEY_LOG", "info").stdout(Stdio::piped()).stderr(log);
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit('/').next().and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| {
            panic!("no gateway: {line:?}\n{}", fs::read_to_string(medley.path("serve.log")).unwrap_or_default())
        });
        Self { medley, process, address }
    }

    /// Stops it as a service manager does, and starts another one over the same queue and store.
    fn restarted(mut self, args: &[&str]) -> Self {
        self.signal(libc::SIGTERM);
        assert!(self.process.wait().unwrap().success(), "{}", self.log());
        let medley = std::mem::take(&mut self.medley);
        Self::start_in(medley, args)
    }

    fn signal(&self, signal: i32) {
        // SAFETY: the process is our child and has not been waited for.
        unsafe { libc::kill(self.process.id().cast_signed(), signal) };
    }

    fn log(&self) -> String {
        fs::read_to_string(self.medley.path("serve.log")).unwrap_or_default()
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path)
    }

    fn get(&self, path: &str) -> Answer {
        self.call("GET", path).send()
    }

    fn post(&self, path: &str, document: &Value) -> Answer {
        self.call("POST", path).json(document).send()
    }

    /// Asks for edges of a picture; the job's id.
    fn submit_picture(&self) -> String {
        let (request, picture) = (edges(&[]).to_string(), fs::read(picture()).unwrap());
        let form = [("request", None, request.as_bytes()), ("picture", Some("coffee.png"), &picture[..])];
        let answer = self.call("POST", "/v1/jobs").form(&form).send();
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Waits for a job's end.
    fn wait(&self, job: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let view = self.get(&format!("/v1/jobs/{job}?wait_s=60")).json();
            if matches!(view["state"].as_str(), Some("succeeded" | "failed" | "cancelled")) {
                return view;
            }
            assert!(Instant::now() < deadline, "waited in vain for {view}\n{}", self.log());
        }
    }
}

fn picture() -> PathBuf {
    sample("sample-pictures", "coffee.png")
}

/// The quickest work that there is: edges by Canny's method.
fn edges(inputs: &[Value]) -> Value {
    json!({ "kind": "control", "params": { "annotators": ["canny"] }, "inputs": inputs })
}

//! The real binary as a fleet: RabbitMQ and an S3 server that the tests start, workers in processes of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use medley_tests::{
    binary::{Medley, artifacts, sample},
    free_port,
    rabbitmq::Broker,
    s3::{ACCESS_KEY, SECRET_KEY, Server},
};
use serde_json::Value;

/// Longer than anything takes on a machine with much other work.
const PATIENCE: Duration = Duration::from_secs(900);

/// A virtual host and a bucket of the test's own, and a user's folder.
struct Fleet {
    medley: Medley,
    broker: String,
    bucket: String,
}

impl Fleet {
    fn new() -> Self {
        let (broker, bucket) = (Broker::shared().vhost(), Server::shared().bucket());
        Self { medley: Medley::default(), broker, bucket }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.medley.command(args);
        command
            .env("MEDLEY_QUEUE", &self.broker)
            .env("MEDLEY_STORE", format!("s3://{}/medley", self.bucket))
            .env("MEDLEY_ENDPOINT", Server::shared().endpoint())
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command
    }

    fn call(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn worker(&self, args: &[&str]) -> Worker {
        let log = fs::File::options().create(true).append(true).open(self.medley.path("worker.log")).unwrap();
        let args = [&["worker", "--log", "json"], args].concat();
        Worker(self.command(&args).env("MEDLEY_LOG", "info").stderr(log).stdout(Stdio::null()).spawn().unwrap())
    }

    /// Waits for a job's end and gives its manifest.
    fn watch(&self, job: &str) -> Value {
        let output = self.command(&["watch", job, "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}\n{}", String::from_utf8_lossy(&output.stderr), self.log());
        })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.medley.path("worker.log")).unwrap_or_default()
    }

    fn fetch(&self, job: &str) -> BTreeMap<String, Vec<u8>> {
        let folder = self.medley.path(job);
        self.call(&["fetch", job, "-o", &folder.display().to_string()]);
        artifacts(&folder)
    }

    fn until(&self, what: &str, mut there: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !there() {
            assert!(Instant::now() < deadline, "waited in vain for {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A worker's process, killed when it goes.
struct Worker(Child);

impl Worker {
    fn signal(&self, signal: i32) {
        // SAFETY: the process is our child and has not been waited for.
        unsafe { libc::kill(self.0.id().cast_signed(), signal) };
    }

    /// Its compute processes.
    fn children(&self) -> Vec<i32> {
        let of_worker = format!("PPid:\t{}\n", self.0.id());
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let status = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        pids.filter(|pid| status(pid).contains(&of_worker)).collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The sample clip several times over: several windows of speech, in steps of half a minute.
fn episode(medley: &Medley) -> String {
    let joined = medley.path("episode.wav");
    let clip = sample("sample-speech", "two-cities.wav");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y", "-stream_loop", "1", "-i"]).arg(clip).args(["-ar", "16000"]).arg(&joined);
    assert!(ffmpeg.status().unwrap().success());
    joined.display().to_string()
}

const PODCAST: [&str; 4] = ["--model", "tiny.en", "--chapter-min-s", "12"];

/// What the embedded queue and store make of the episode.
fn at_home(medley: &Medley, episode: &str) -> BTreeMap<String, Vec<u8>> {
    let ended = medley.call(&[&["run", "podcast", episode, "-o", "home", "-q"], &PODCAST[..]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    artifacts(&medley.path("home"))
}

/// Artifacts without the place where the recording lay: the page of a run at home also looks for it there, while a fleet
/// was sent its bytes alone.
fn placeless(mut artifacts: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let page = artifacts.get_mut("transcript.html").unwrap();
    let text = String::from_utf8(std::mem::take(page)).unwrap();
    let (before, after) = text
        .split_once("<source src=\"file:")
        .map_or((text.as_str(), ""), |(before, after)| (before, after.split_once('>').unwrap().1));
    *page = format!("{before}{after}").into_bytes();
    artifacts
}

#[test]
fn a_podcast_comes_out_byte_for_byte_as_at_home_whatever_is_killed() {
    let fleet = Fleet::new();
    let episode = episode(&fleet.medley);
    let expected = placeless(at_home(&fleet.medley, &episode));
    assert!(expected.contains_key("transcript.html") && expected.contains_key("chapters.json"));
    let submit = || fleet.call(&[&["submit", "podcast", &episode], &PODCAST[..]].concat());

    let in_peace = submit();
    let workers = [fleet.worker(&["--slots", "1"]), fleet.worker(&["--slots", "1"])];
    assert_eq!(fleet.watch(&in_peace)["outcome"], "succeeded");
    assert!(placeless(fleet.fetch(&in_peace)) == expected, "the fleet made other bytes than the laptop");

    // The same again: compute is killed, then the whole worker that does it.
    let disturbed = submit();
    fleet.until("compute to begin", || workers.iter().any(|worker| !worker.children().is_empty()));
    for child in workers.iter().flat_map(Worker::children) {
        // SAFETY: no memory is involved; the process is a compute child of our worker.
        unsafe { libc::kill(child, libc::SIGKILL) };
    }
    let [first, second] = workers;
    first.signal(libc::SIGKILL);
    assert_eq!(fleet.watch(&disturbed)["outcome"], "succeeded");
    assert!(placeless(fleet.fetch(&disturbed)) == expected, "being killed changed the bytes");
    second.signal(libc::SIGTERM);
    let mut second = second;
    assert_eq!(second.0.wait().unwrap().code(), Some(0), "a worker that is asked to stop ends well");
}

#[test]
fn a_worker_tells_prometheus_what_it_does() {
    let fleet = Fleet::new();
    let address = format!("127.0.0.1:{}", free_port());
    let mut worker = fleet.worker(&["--monitor", &address]);
    let get = |path: &str| get(&address, path);
    fleet.until("the worker", || get("/readyz").is_some_and(|answer| answer.contains("200 OK")));
    let photo = sample("sample-pictures", "chelsea.png").display().to_string();
    let job = fleet.call(&["submit", "control", &photo, "--annotators", "canny"]);
    assert_eq!(fleet.watch(&job)["outcome"], "succeeded");
    let depth = "medley_queue_depth{kind=\"control\",class=\"batch\"} 0";
    fleet.until("the lengths of the queues", || get("/metrics").is_some_and(|text| text.contains(depth)));
    let metrics = get("/metrics").unwrap();
    for name in [
        "medley_queue_wait_seconds_bucket{kind=\"control\",class=\"interactive\"",
        "medley_step_run_seconds_count{kind=\"control\"} 1",
        "medley_model_load_seconds_count{kind=\"control\"} 1",
        "medley_work_maps_total{kind=\"control\"} 1",
        "medley_steps_running{kind=\"control\"} 0",
        "medley_slots 1",
        "medley_compute_memory_bytes{kind=\"control\"}",
        "medley_jobs_finished_total{",
    ] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
    assert!(fleet.log().lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{}", fleet.log());
    worker.signal(libc::SIGTERM);
    assert_eq!(worker.0.wait().unwrap().code(), Some(0));
}

#[test]
fn inputs_come_from_where_the_owner_allows_and_from_nowhere_else() {
    let fleet = Fleet::new();
    let photo = fs::read(sample("sample-pictures", "chelsea.png")).unwrap();
    let (open, closed) = (&fleet.bucket, Server::shared().bucket());
    for bucket in [open, &closed] {
        Server::shared().place(bucket, "photos/cat.png", &photo);
    }
    let config = fleet.medley.path("medley.toml");
    fs::write(&config, format!("[inputs]\ns3 = [\"s3://{open}/photos\"]\n")).unwrap();
    let _worker = fleet.worker(&[]);
    let outcome = |input: &str| {
        let job = fleet.call(&["submit", "control", input, "--annotators", "canny"]);
        let manifest = fleet.watch(&job);
        manifest["error"]["code"].as_str().map_or_else(|| manifest["outcome"].clone(), Value::from)
    };
    assert_eq!(outcome(&format!("s3://{open}/photos/cat.png")), "succeeded");
    assert_eq!(outcome(&format!("s3://{open}/photos/dog.png")), "input_not_found");
    assert_eq!(outcome(&format!("s3://{open}/medley/default/x")), "input_forbidden", "another's job");
    assert_eq!(outcome(&format!("s3://{open}/photos/../medley/x")), "input_forbidden");
    assert_eq!(outcome(&format!("s3://{closed}/photos/cat.png")), "input_forbidden");
    assert_eq!(outcome("https://127.0.0.1/cat.png"), "input_forbidden");
}

#[test]
fn a_library_may_lie_in_a_bucket() {
    let fleet = Fleet::new();
    let (photo, bucket) = (fs::read(sample("sample-pictures", "chelsea.png")).unwrap(), &fleet.bucket);
    for key in ["a/cat.png", "小 猫.png", ".hidden/cat.png", "odd:name.png"] {
        Server::shared().place(bucket, &format!("photos/{key}"), &photo);
    }
    Server::shared().place(bucket, "photos/notes.txt", b"no image");
    Server::shared().place(bucket, "photos/broken.jpg", b"no image");
    Server::shared().place(bucket, "photos-of-others/cat.png", &photo);
    fs::write(fleet.medley.path("medley.toml"), format!("[inputs]\ns3 = [\"s3://{bucket}/photos\"]\n")).unwrap();
    let _worker = fleet.worker(&[]);
    let place = format!("s3://{bucket}/photos/");
    let bare = ["--objects=false", "--text=false", "--people=false", "--nsfw=false", "--write", "webdataset"];
    let submit = |place: &str| fleet.command(&[&["submit", "library", place], &bare[..]].concat()).output().unwrap();
    let captioned = || {
        let job = String::from_utf8(submit(&place).stdout).unwrap().trim().to_owned();
        assert_eq!(fleet.watch(&job)["outcome"], "succeeded");
        let artifacts = fleet.fetch(&job);
        let mut packed = tar::Archive::new(&artifacts["train-000000.tar"][..]);
        let packed = packed.entries().unwrap().filter(|entry| entry.as_ref().unwrap().size() == photo.len() as u64);
        let rows = std::str::from_utf8(&artifacts["captions.jsonl"]).unwrap().lines();
        let row = |line| {
            let row: Value = serde_json::from_str(line).unwrap();
            (row["path"].as_str().unwrap().to_owned(), row["error"]["code"].as_str().unwrap_or("").to_owned())
        };
        (rows.map(row).collect::<BTreeMap<_, _>>(), packed.count())
    };
    let expected = [
        ("a/cat.png", ""),
        ("broken.jpg", "media_unsupported"),
        // A key that ours cannot have is read all the same.
        ("odd:name.png", ""),
        ("小 猫.png", ""),
    ];
    let mut expected: BTreeMap<_, _> = expected.map(|(path, code)| (path.to_owned(), code.to_owned())).into();
    assert_eq!(captioned(), (expected.clone(), 3));
    // What lies there now is another library.
    Server::shared().place(bucket, "photos/a/new.png", &photo);
    expected.insert("a/new.png".into(), String::new());
    assert_eq!(captioned(), (expected, 4));
    for (place, code) in [
        (format!("s3://{bucket}/photos/none/"), "input_not_found"),
        (format!("s3://{bucket}/photos-of-others/"), "input_forbidden"),
    ] {
        let output = submit(&place);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains(code), "{output:?}");
    }
}

#[test]
fn what_cannot_be_reached_or_entered_says_so() {
    let fleet = Fleet::new();
    let nobody = format!("amqp://test:test@127.0.0.1:{}", free_port());
    let output = fleet.command(&["submit", "speak", "Hello."]).env("MEDLEY_QUEUE", &nobody).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let output = fleet.command(&["list"]).env("MEDLEY_QUEUE", nobody).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "a list needs the store alone: {output:?}");
    let wrong = fleet.broker.replace("test:test", "test:secret");
    let output = fleet.command(&["worker"]).env("MEDLEY_QUEUE", wrong).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"), "{output:?}");
    let output = fleet.command(&["list"]).env("MEDLEY_STORE", "s3://no-such-bucket").output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    let output = fleet.command(&["list"]).env("MEDLEY_QUEUE", "redis://x").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_worker_that_cannot_reach_its_broker_is_not_ready_and_says_so_once() {
    let broker = Broker::start();
    let fleet = Fleet { medley: Medley::default(), broker: broker.vhost(), bucket: Server::shared().bucket() };
    let address = format!("127.0.0.1:{}", free_port());
    let worker = fleet.worker(&["--monitor", &address]);
    let ready = || get(&address, "/readyz").unwrap_or_default();
    fleet.until("the worker", || ready().contains("200 OK"));
    let photo = sample("sample-pictures", "chelsea.png").display().to_string();
    let canny = || fleet.watch(&fleet.call(&["submit", "control", &photo, "--annotators", "canny"]))["outcome"].clone();
    // Also for the sake of the broker: killed while it makes a quorum queue it never serves that queue again.
    assert_eq!(canny(), "succeeded");
    broker.kill();
    fleet.until("it not to be ready", || ready().contains("503") && ready().contains("cannot be reached"));
    assert!(get(&address, "/healthz").unwrap().contains("200 OK"), "the process is well");
    broker.start_again();
    fleet.until("it to be ready again", || ready().contains("200 OK"));
    assert_eq!(canny(), "succeeded");
    let lines = |message: &str| fleet.log().matches(message).count();
    fleet.until("the jobs in the log", || lines("\"a job ended\"") == 2);
    assert!((1..=4).contains(&lines("connected to the broker again")), "{}", fleet.log());
    assert_eq!(lines("could not be kept"), 0, "there was no dead letter: {}", fleet.log());
    drop(worker);
}

/// What a monitor answers, where it does.
fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

//! What the commands say and do while queue, store or records are not as they should be.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use medley_tests::{
    binary::{Ended, Medley},
    s3::{ACCESS_KEY, SECRET_KEY, Server},
};

/// Where nobody listens.
const NO_BROKER: &str = "amqp://guest:guest@127.0.0.1:1/";

struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn worker(medley: &Medley) -> Worker {
    let log = fs::File::create(medley.path("worker.log")).unwrap();
    let mut command = medley.command(&["worker"]);
    Worker(command.env("MEDLEY_LOG", "info").stdout(Stdio::null()).stderr(log).spawn().unwrap())
}

fn without_broker(medley: &Medley, args: &[&str]) -> Ended {
    medley.command(args).env("MEDLEY_QUEUE", NO_BROKER).output().unwrap().into()
}

fn bucket(command: &mut Command, bucket: &str) {
    command
        .env("MEDLEY_STORE", format!("s3://{bucket}/medley"))
        .env("MEDLEY_ENDPOINT", Server::shared().endpoint())
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
}

#[test]
fn the_store_is_enough_to_look_at_jobs() {
    let medley = Medley::default();
    fs::write(medley.path("none.png"), b"no picture at all").unwrap();
    let job = medley.call(&["submit", "control", "none.png"]).out.trim().to_owned();
    assert!(without_broker(&medley, &["list"]).out.contains(&job));
    assert!(without_broker(&medley, &["status", &job]).out.contains("queued"));
    let early = without_broker(&medley, &["fetch", &job]);
    assert!(early.err.contains("has not ended"), "{early:?}");
    let working = worker(&medley);
    let watched = medley.call(&["watch", &job]);
    assert_eq!(watched.code, Some(1), "{watched:?}");
    drop(working);

    let fetched = without_broker(&medley, &["fetch", &job, "-o", "fetched"]);
    assert_eq!(fetched.code, Some(1), "{fetched:?}");
    assert!(fetched.err.starts_with("error[media_") && fetched.err.contains("none.png"), "{fetched:?}");
    assert!(medley.path("fetched/manifest.json").is_file());
    assert_eq!(without_broker(&medley, &["watch", &job]).code, Some(1));
    assert_eq!(without_broker(&medley, &["dead", "list"]).code, Some(0));
    assert_eq!(without_broker(&medley, &["delete", &job]).code, Some(0));
    assert_eq!(without_broker(&medley, &["list"]).out, "");

    // What needs the queue says that it is away, and why.
    let submitted = without_broker(&medley, &["submit", "control", "none.png"]);
    assert_eq!(submitted.code, Some(3), "{submitted:?}");
    assert!(submitted.err.contains("queue is not available"), "{submitted:?}");

    let log = fs::read_to_string(medley.path("worker.log")).unwrap();
    assert!(!log.contains('\u{1b}'), "a log in a file has no colours: {log}");
    let ends: Vec<_> = log.lines().filter(|line| line.contains("a job ended")).collect();
    assert_eq!(ends.len(), 1, "{log}");
    assert!(ends[0].contains(&job) && ends[0].contains("failed") && ends[0].contains("media_"), "{}", ends[0]);
}

#[test]
fn a_worker_without_its_bucket_says_so_and_ends() {
    let medley = Medley::default();
    let mut command = medley.command(&["worker"]);
    bucket(&mut command, "no-such-bucket");
    let started = Instant::now();
    let ended = Ended::from(command.output().unwrap());
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("s3://no-such-bucket/medley") && ended.err.contains("NoSuchBucket"), "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn the_doctor_asks_queue_and_store() {
    let medley = Medley::default();
    let well = medley.call(&["doctor"]);
    assert!(well.out.contains("ok       queue: ") && well.out.contains("ok       store: "), "{well:?}");
    let mut command = medley.command(&["doctor"]);
    bucket(&mut command, "no-such-bucket");
    let ill = Ended::from(command.env("MEDLEY_QUEUE", NO_BROKER).output().unwrap());
    assert_eq!(ill.code, Some(3), "{ill:?}");
    for line in ["missing  queue: amqp://127.0.0.1:1/: ", "missing  store: s3://no-such-bucket/medley at http"] {
        assert!(ill.out.lines().any(|told| told.starts_with(line)), "{line}: {ill:?}");
    }
}

#[test]
fn a_folder_that_no_worker_may_read_is_refused_at_once() {
    let medley = Medley::default();
    let photos = medley.path("photos");
    fs::create_dir(&photos).unwrap();
    fs::write(photos.join("1.ppm"), b"P6 1 1 255\nabc").unwrap();
    let shared = Server::shared().bucket();
    let submit = || {
        let mut command = medley.command(&["submit", "library", "photos"]);
        bucket(&mut command, &shared);
        Ended::from(command.output().unwrap())
    };
    let refused = submit();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("input_forbidden") && refused.err.contains("limits.file_roots"), "{refused:?}");
    fs::write(medley.path("medley.toml"), format!("[limits]\nfile_roots = [{photos:?}]\n")).unwrap();
    let accepted = submit();
    assert_eq!(accepted.code, Some(0), "{accepted:?}");
}

#[test]
fn a_damaged_record_is_named_and_the_rest_works() {
    let medley = Medley::default();
    let submit = || medley.call(&["submit", "speak", "Hello there."]).out.trim().to_owned();
    let (bad, good) = (submit(), submit());
    let record = medley.path(&format!("data/medley/store/default%/jobs%/{bad}%/job.json"));
    fs::remove_file(&record).unwrap();
    fs::write(&record, b"{\"v\": 1, \"id\"").unwrap();
    let listed = medley.call(&["list"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.out.contains(&good) && listed.out.contains(&format!("{bad}  damaged")), "{listed:?}");
    let status = medley.call(&["status", &bad]);
    assert_eq!(status.code, Some(1), "{status:?}");
    assert!(status.err.contains("error[state_damaged]") && status.err.contains("job.json"), "{status:?}");
    assert_eq!(medley.call(&["delete", &bad]).code, Some(0));
    assert!(!medley.call(&["list"]).out.contains(&bad));
}

/// Answers every request with 503 and a wish.
fn busy(wish: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 8192]);
            let head = "HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\nretry-after";
            let _ = write!(stream, "{head}: {wish}\r\n\r\n");
        }
    });
    address
}

#[test]
fn a_server_that_asks_for_ages_is_given_up() {
    for wish in ["99999999999", "18446744073709551615", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let address = busy(wish);
        let medley = Medley::default();
        let config = format!(
            "[inputs]\ntrusted = [\"{address}\"]\n[worker]\nmax_attempts = 3\nfirst_backoff_ms = 10\nmax_retry_after_s = 1\n"
        );
        fs::write(medley.path("medley.toml"), config).unwrap();
        let started = Instant::now();
        let ended = medley.call(&["run", "control", &format!("http://{address}/x.png"), "-o", "out"]);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.err.contains("error[service_unavailable]") && ended.err.contains("x.png"), "{ended:?}");
        assert!(started.elapsed() < Duration::from_secs(60), "{ended:?}");
    }
}

#[test]
fn a_sentence_names_the_input_and_not_where_it_leads() {
    let medley = Medley::default();
    fs::write(medley.path("0123abcd"), b"no picture at all").unwrap();
    std::os::unix::fs::symlink(medley.path("0123abcd"), medley.path("x.png")).unwrap();
    let ended = medley.call(&["run", "control", "x.png", "-o", "out"]);
    assert!(ended.err.contains("x.png") && !ended.err.contains("0123abcd"), "{ended:?}");
    std::os::unix::fs::symlink("loop.png", medley.path("loop.png")).unwrap();
    let ended = medley.call(&["run", "control", "loop.png", "-o", "out"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("input_not_found") && ended.err.contains("loop.png"), "{ended:?}");
}

/// docs/operations.md, Restore from a backup: the store is the truth.
#[test]
fn a_lost_queue_comes_back_from_the_store() {
    let medley = Medley::default();
    fs::write(medley.path("none.png"), b"no picture at all").unwrap();
    let submit = |text: &str| medley.call(&["submit", "speak", text, "--voice", "hibari"]).out.trim().to_owned();
    let jobs = [submit("Good morning."), submit("Good evening.")];
    let bad = medley.call(&["submit", "control", "none.png"]).out.trim().to_owned();
    for file in ["queue.db", "queue.db-wal", "queue.db-shm"] {
        let _ = fs::remove_file(medley.path("data/medley").join(file));
    }
    let empty = medley.call(&["status", &jobs[0]]);
    assert!(empty.out.contains("queued"), "{empty:?}");
    fs::write(medley.path("medley.toml"), "[worker]\nlost_after_s = 1\nsweep_every_s = 1\n").unwrap();
    let _working = worker(&medley);
    for job in &jobs {
        assert_eq!(medley.call(&["watch", job]).code, Some(0), "{job}");
    }
    assert_eq!(medley.call(&["watch", &bad]).code, Some(1));
}

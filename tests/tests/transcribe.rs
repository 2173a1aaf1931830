//! Speech to text with the real binary on real audio: the artifacts, resuming after `kill -9`, and separate processes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use medley_tests::binary::{Medley, artifacts, sample};
use serde_json::Value;

fn clip() -> String {
    sample("sample-speech", "beckett.wav").display().to_string()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn a_clip_becomes_a_transcript_with_subtitles_and_a_manifest() {
    let medley = Medley::default();
    let ended = medley.call(&["run", "transcribe", &clip(), "--model", "tiny.en", "-o", "out", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let manifest = json(&ended.out);
    assert_eq!(manifest["outcome"], "succeeded");
    assert_eq!(manifest["provenance"]["models"]["whisper-tiny.en"]["commercial"], "yes");
    assert!(manifest["quality"]["mean_word_prob"].as_f64().unwrap() > 0.5, "{manifest}");

    let transcript = json(&fs::read_to_string(medley.path("out/transcript.json")).unwrap());
    let text = transcript["text"].as_str().unwrap().to_lowercase();
    for word in ["tried", "fail"] {
        assert!(text.contains(word), "{text}");
    }
    let duration = transcript["duration_s"].as_f64().unwrap();
    let mut last = 0.0;
    for segment in transcript["segments"].as_array().unwrap() {
        for word in segment["words"].as_array().unwrap() {
            let (start, end) = (word["start_s"].as_f64().unwrap(), word["end_s"].as_f64().unwrap());
            assert!(last <= start && start <= end && end <= duration + 0.01, "{word} after {last}");
            last = start;
        }
    }
    assert!(fs::read_to_string(medley.path("out/transcript.vtt")).unwrap().starts_with("WEBVTT"));
    assert!(fs::read_to_string(medley.path("out/transcript.srt")).unwrap().contains(" --> "));
}

#[test]
fn a_second_run_is_done_at_once_and_gives_the_same() {
    let medley = Medley::default();
    let args = ["run", "transcribe", &clip(), "--model", "tiny.en", "-o", "out", "-q", "--json"];
    let first = json(&medley.call(&args).out);
    let files = artifacts(&medley.path("out"));
    let second = json(&medley.call(&args).out);
    assert_eq!(first, second, "the second run made a new job");
    assert_eq!(artifacts(&medley.path("out")), files);
    // An artifact is kept once, in the folder: one that is gone from there is made again, of decodes that are kept.
    fs::remove_file(medley.path("out/transcript.txt")).unwrap();
    let third = json(&medley.call(&args).out);
    assert_eq!(third["artifacts"], first["artifacts"]);
    assert_eq!(artifacts(&medley.path("out")), files);
}

#[test]
fn killed_at_every_breakpoint_it_resumes_with_the_same_artifacts() {
    let args = ["run", "transcribe", &clip(), "--model", "tiny.en", "-o", "out", "-q"];
    let undisturbed = Medley::default();
    assert_eq!(undisturbed.call(&args).code, Some(0));
    let expected = artifacts(&undisturbed.path("out"));
    for breakpoint in [
        "after_submit_open",
        "after_submit_job",
        "after_submit_publish",
        "after_take",
        "after_compute",
        "after_artifacts:3",
        "after_result:2",
        "after_publish_next",
        "before_ack:2",
        "before_manifest",
        "after_manifest",
    ] {
        let medley = Medley::default();
        let killed = medley.command(&args).env("MEDLEY_TEST_BREAKPOINT", breakpoint).output().unwrap();
        assert_eq!(killed.status.code(), None, "{breakpoint} was not reached");
        let resumed = medley.call(&args);
        assert_eq!(resumed.code, Some(0), "after {breakpoint}: {resumed:?}");
        assert_eq!(artifacts(&medley.path("out")), expected, "after {breakpoint}");
    }
}

#[test]
fn a_speaker_gets_a_name_in_every_artifact() {
    let medley = Medley::default();
    let talk = sample("sample-speech", "endgame.wav").display().to_string();
    let run = ["run", "podcast", &talk, "--model", "tiny.en", "-o", "out", "-q"];
    assert_eq!(medley.call(&run).code, Some(0));
    let before = artifacts(&medley.path("out"));
    let renamed = medley.call(&["rename", "out", "Speaker 1=Nagg", "B=Nell <Ann>"]);
    assert_eq!(renamed.code, Some(0), "{renamed:?}");
    let after = artifacts(&medley.path("out"));
    for (name, bytes) in &before {
        let stays = ["chapters.json", "chapters.txt", "shownotes.html"].contains(&name.as_str());
        assert_eq!(&after[name] == bytes, stays, "{name}");
    }
    let text = |name: &str| String::from_utf8(after[name].clone()).unwrap();
    let transcript = json(&text("transcript.json"));
    let speakers: Vec<&str> =
        transcript["speakers"].as_array().unwrap().iter().map(|speaker| speaker["name"].as_str().unwrap()).collect();
    assert_eq!(speakers, ["Nagg", "Nell <Ann>"]);
    assert!(text("transcript.txt").contains("\n\nNell <Ann>: ") && !text("transcript.txt").contains("\n\nB: "));
    assert!(text("transcript.vtt").contains("<v Nagg>") && text("transcript.vtt").contains("<v Nell &lt;Ann&gt;>"));
    assert!(text("transcript.html").contains("data-who=\"Nell &lt;Ann&gt;\""));
    assert!(text("transcript.rttm").contains(" Nell_<Ann> "));
    // The same command is done at once, and takes no name away.
    assert_eq!(medley.call(&run).code, Some(0));
    assert_eq!(artifacts(&medley.path("out")), after);
    let nobody = medley.call(&["rename", "out", "C=Clov"]);
    assert!(nobody.code == Some(2) && nobody.err.contains("nobody is called 'C' here"), "{nobody:?}");
}

#[test]
fn killed_while_speakers_are_told_apart_it_resumes_with_the_same_artifacts() {
    let talk = sample("sample-speech", "endgame.wav").display().to_string();
    let args = ["run", "transcribe", &talk, "--model", "tiny.en", "--speakers", "auto", "-o", "out", "-q"];
    let undisturbed = Medley::default();
    assert_eq!(undisturbed.call(&args).code, Some(0));
    let expected = artifacts(&undisturbed.path("out"));
    assert!(expected.contains_key("transcript.rttm"));
    // Results in order: the plan's, the words', what was listened to, the speakers', the whole.
    for breakpoint in ["after_compute:3", "after_result:3", "after_result:4", "before_ack:4"] {
        let medley = Medley::default();
        let killed = medley.command(&args).env("MEDLEY_TEST_BREAKPOINT", breakpoint).output().unwrap();
        assert_eq!(killed.status.code(), None, "{breakpoint} was not reached");
        assert_eq!(medley.call(&args).code, Some(0), "after {breakpoint}");
        assert_eq!(artifacts(&medley.path("out")), expected, "after {breakpoint}");
    }
}

/// All files below a folder with their bytes.
fn files(folder: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            files(&path, into);
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            into.push((path, bytes));
        }
    }
}

/// The voice prints that a step's result holds.
fn voice_prints(bytes: &[u8]) -> Vec<String> {
    let result: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let voices = result["output"]["voices"].as_array().cloned().unwrap_or_default();
    voices.iter().map(|voice| voice["print"].as_str().expect("a print is text").to_owned()).collect()
}

fn holding(medley: &Medley, secrets: &[String]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    files(medley.folder.path(), &mut all);
    // The middle of a print, in case its ends are written differently.
    let holds = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        secrets.iter().any(|secret| text.contains(&secret[40..80]))
    };
    all.into_iter().filter(|(_, bytes)| holds(bytes)).map(|(path, _)| path).collect()
}

#[test]
fn voice_prints_lie_below_the_job_alone_and_go_with_it() {
    let medley = Medley::default();
    let talk = sample("sample-speech", "endgame.wav").display().to_string();
    let submitted = medley.call(&["submit", "transcribe", &talk, "--model", "tiny.en", "--speakers", "auto"]);
    let id = submitted.out.trim();
    let log = fs::File::create(medley.path("worker.log")).unwrap();
    let mut worker = medley.command(&["worker"]).env("MEDLEY_LOG", "debug").stderr(log).spawn().unwrap();
    let watched = medley.call(&["watch", id, "--json"]);
    assert_eq!(json(&watched.out)["quality"]["speakers"], 2, "{watched:?}");
    worker.kill().unwrap();
    worker.wait().unwrap();

    let mut all = Vec::new();
    files(medley.folder.path(), &mut all);
    let secrets: Vec<String> = all.iter().flat_map(|(_, bytes)| voice_prints(bytes)).collect();
    assert!(secrets.len() > 10, "the test finds the prints where they are");
    for path in holding(&medley, &secrets) {
        let below = path.strip_prefix(medley.folder.path()).unwrap().to_string_lossy().into_owned();
        assert!(below.contains(id) && below.contains("listen") && below.ends_with("result.json"), "{below}");
    }
    assert_eq!(medley.call(&["rename", id, "Speaker 1=Nagg"]).code, Some(0));
    assert_eq!(medley.call(&["fetch", id, "-o", "fetched"]).code, Some(0));
    let fetched = artifacts(&medley.path("fetched"));
    assert!(String::from_utf8_lossy(&fetched["transcript.txt"]).starts_with("Nagg: "));

    assert_eq!(medley.call(&["delete", id]).code, Some(0));
    assert_eq!(holding(&medley, &secrets), Vec::<PathBuf>::new(), "after delete");

    let run = ["run", "transcribe", &talk, "--model", "tiny.en", "--speakers", "auto", "-o", "out", "-q"];
    assert_eq!(medley.call(&run).code, Some(0));
    assert_eq!(holding(&medley, &secrets), Vec::<PathBuf>::new(), "after a run");
}

#[test]
fn one_process_submits_another_works_and_a_third_fetches() {
    let medley = Medley::default();
    let submitted = medley.call(&["submit", "transcribe", &clip(), "--model", "tiny.en", "--job-label", "show=news"]);
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    let id = submitted.out.trim();
    assert!(medley.call(&["status", id]).out.contains("queued"));

    let mut worker = medley.command(&["worker"]).stderr(Stdio::null()).spawn().unwrap();
    let watched = medley.call(&["watch", id, "--json"]);
    assert_eq!(watched.code, Some(0), "{watched:?}");
    assert_eq!(json(&watched.out)["labels"]["show"], "news");
    assert!(medley.call(&["list"]).out.contains("succeeded"));
    assert_eq!(medley.call(&["fetch", id, "-o", "out"]).code, Some(0));
    assert!(artifacts(&medley.path("out")).contains_key("transcript.srt"));

    // SAFETY: the process is our child and has not been waited for.
    unsafe { libc::kill(i32::try_from(worker.id()).unwrap(), libc::SIGTERM) };
    assert_eq!(worker.wait().unwrap().code(), Some(0), "a worker that is asked to stop ends well");

    assert_eq!(medley.call(&["delete", id]).code, Some(0));
    assert_eq!(medley.call(&["status", id]).code, Some(1));
    assert!(!medley.call(&["list"]).out.contains(id));
}

#[test]
fn a_cancelled_job_ends_as_cancelled() {
    let medley = Medley::default();
    let id = medley.call(&["submit", "transcribe", &clip(), "--model", "tiny.en"]).out.trim().to_owned();
    assert!(medley.call(&["cancel", &id]).out.contains("cancelling"));
    let mut worker = medley.command(&["worker"]).stderr(Stdio::null()).spawn().unwrap();
    let watched = medley.call(&["watch", &id, "--json"]);
    assert_eq!(json(&watched.out)["outcome"], "cancelled", "{watched:?}");
    worker.kill().unwrap();
    worker.wait().unwrap();
}

#[test]
fn a_worker_tells_how_it_is() {
    let medley = Medley::default();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut worker = medley.command(&["worker", "--monitor", &address]).stderr(Stdio::null()).spawn().unwrap();
    let get = |path: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(&address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    };
    let ready = (0..12_000).find_map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        get("/readyz").filter(|answer| answer.contains("200 OK"))
    });
    assert!(ready.is_some(), "the worker never became ready");
    let id = medley.call(&["submit", "transcribe", &clip(), "--model", "tiny.en"]).out.trim().to_owned();
    assert_eq!(medley.call(&["watch", &id, "-q"]).code, Some(0));
    let metrics = get("/metrics").unwrap();
    assert!(metrics.contains("medley_"), "{metrics}");
    worker.kill().unwrap();
    worker.wait().unwrap();
}

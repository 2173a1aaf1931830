//! An episode with the real binary: what a listener's browser makes of the page, what other tools make of the files,
//! and the helper model when it answers and when it does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use medley_tests::{
    binary::{Ended, Medley, artifacts, sample},
    chat::{Answer, ChatServer, says, send},
};
use serde_json::Value;

/// The sample clips one after the other: long enough for chapters when those may be short.
fn episode(medley: &Medley) -> String {
    let clips = ["beckett.wav", "two-cities.wav", "beckett.wav"].map(|name| sample("sample-speech", name));
    let joined = medley.path("episode.wav");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y"]);
    for clip in clips {
        ffmpeg.arg("-i").arg(clip);
    }
    // The clips differ in sample rate: the filter brings them to one.
    ffmpeg.args(["-filter_complex", "concat=n=3:v=0:a=1", "-ar", "16000", "-ac", "1"]).arg(&joined);
    assert!(ffmpeg.status().unwrap().success());
    joined.display().to_string()
}

fn podcast(medley: &Medley, episode: &str, more: &[&str]) -> Ended {
    let args = ["run", "podcast", episode, "--model", "tiny.en", "--chapter-min-s", "12", "-o", "out", "--json"];
    medley.call(&[&args[..], more].concat())
}

fn manifest(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.out).unwrap()
}

fn read(medley: &Medley, name: &str) -> String {
    fs::read_to_string(medley.path("out").join(name)).unwrap()
}

#[test]
fn a_listener_plays_seeks_and_searches_in_the_page_and_other_tools_read_the_files() {
    let medley = Medley::default();
    let episode = episode(&medley);
    let first = manifest(&podcast(&medley, &episode, &["--title", "Two <cities>"]));
    assert_eq!(first["quality"]["summary"], "extractive");

    let seen = browse(&medley, Path::new(&episode));
    let number = |key: &str| seen[key].as_f64().unwrap_or_else(|| panic!("{key} in {seen}"));
    assert!((number("playing_from") - number("clicked")).abs() < 0.3, "{seen}");
    assert_eq!(seen["word_now"], seen["word"], "{seen}");
    assert_eq!(seen["segment_follows"], true, "{seen}");
    assert!((number("chapter_from") - number("chapter_at")).abs() < 0.3, "{seen}");
    assert_eq!(seen["chapter_current"], "true", "{seen}");
    assert!(number("hits") >= 1.0 && number("hits") == number("visible"), "{seen}");
    assert_eq!((&seen["hit_holds_it"], &seen["all_visible"]), (&true.into(), &true.into()), "{seen}");
    let loaded = seen["loaded"].as_array().unwrap();
    assert!(loaded.iter().all(|url| url.as_str().unwrap().ends_with("/episode.wav")), "{seen}");

    chapters_are_as_podcasting_2_0_says(&read(&medley, "chapters.json"), number("duration"));
    let cues = read(&medley, "transcript.srt").matches(" --> ").count();
    for name in ["transcript.srt", "transcript.vtt"] {
        assert_eq!(packets(&medley.path("out").join(name)), cues, "{name}");
    }

    // Another title makes the pages again, and nothing else.
    let before = artifacts(&medley.path("out"));
    let second = manifest(&podcast(&medley, &episode, &["--title", "Another"]));
    assert_ne!(first["job"], second["job"]);
    let after = artifacts(&medley.path("out"));
    for (name, bytes) in before {
        let changes = matches!(name.as_str(), "summary.md" | "transcript.html");
        assert_eq!(after[&name] == bytes, !changes, "{name}");
    }
}

/// What the probe saw in headless Chromium: the page and its sound are files, as a reader has them.
fn browse(medley: &Medley, episode: &Path) -> Value {
    let folder = medley.path("page");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(episode, folder.join("episode.wav")).unwrap();
    visit(medley, &folder, include_str!("podcast_probe.js"))
}

/// The page with a probe behind it, opened in a folder; what the probe reports.
fn visit(medley: &Medley, folder: &Path, probe: &str) -> Value {
    let listener = ChatServer::start(&[|stream| send(stream, "204 No Content", "", "")]);
    let probe = probe.replace("REPORT_TO", &listener.endpoint);
    let page = read(medley, "transcript.html").replace("</body>", &format!("<script>{probe}</script></body>"));
    fs::write(folder.join("page.html"), page).unwrap();
    let mut chromium = Command::new("chromium")
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"])
        .args(["--remote-debugging-port=0", "--no-first-run"])
        .arg(format!("--user-data-dir={}", medley.path("chromium").display()))
        .arg(format!("file://{}", folder.join("page.html").display()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let seen = (0..6_000).find_map(|_| {
        thread::sleep(Duration::from_millis(100));
        listener.asked.lock().unwrap().first().map(|(_, seen)| seen.clone())
    });
    chromium.kill().unwrap();
    chromium.wait().unwrap();
    seen.expect("the probe reports within ten minutes")
}

/// Reports what the player plays, or that it found nothing.
const FINDS: &str = r#"(async () => {
  const missing = document.getElementById("missing");
  while (player.readyState < 1 && missing.hidden) await new Promise((done) => setTimeout(done, 20));
  const { tagName, videoWidth, currentSrc, duration } = player;
  const seen = { tagName, videoWidth, currentSrc, duration: duration || 0, missing: !missing.hidden };
  await fetch("REPORT_TO", { method: "POST", mode: "no-cors", body: JSON.stringify(seen) });
})();"#;

#[test]
fn the_page_finds_a_film_of_any_name_beside_it_or_where_it_was() {
    let medley = Medley::default();
    let name = "a b%20c#1?_10:30 会.webm";
    let episode = medley.path("in").join(name);
    fs::create_dir_all(medley.path("in")).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y", "-f", "lavfi", "-i", "color=red:s=64x48:r=5", "-i"]);
    ffmpeg.arg(sample("sample-speech", "beckett.wav"));
    // The muxer's own names for what it writes: a name with a colon would be a protocol.
    let made = medley.path("film.webm");
    assert!(ffmpeg.args(["-shortest", "-c:v", "libvpx", "-c:a", "libopus"]).arg(&made).status().unwrap().success());
    fs::rename(&made, &episode).unwrap();
    manifest(&podcast(&medley, &episode.display().to_string(), &[]));
    let page = read(&medley, "transcript.html");
    assert!(page.contains("src=\"a%20b%2520c%231%3F_10%3A30%20%E4%BC%9A.webm\""), "{page}");

    let (out, alone) = (medley.path("out"), medley.path("alone"));
    let seen = visit(&medley, &out, FINDS);
    assert_eq!((&seen["tagName"], &seen["videoWidth"]), (&"VIDEO".into(), &64.into()), "{seen}");
    assert!(seen["currentSrc"].as_str().unwrap().contains("/in/") && seen["missing"] == false, "{seen}");
    fs::rename(&episode, out.join(name)).unwrap();
    let seen = visit(&medley, &out, FINDS);
    assert!(seen["currentSrc"].as_str().unwrap().contains("/out/") && seen["videoWidth"] == 64, "{seen}");
    fs::create_dir_all(&alone).unwrap();
    let seen = visit(&medley, &alone, FINDS);
    assert_eq!((&seen["missing"], &seen["duration"]), (&true.into(), &0.into()), "{seen}");
}

/// The rules of the JSON chapters format 1.2: `version` and `chapters` are required, a chapter needs `startTime` (a
/// number), its `title` is text, and chapters ascend.
fn chapters_are_as_podcasting_2_0_says(json: &str, duration: f64) {
    let schema = serde_json::json!({
        "type": "object",
        "required": ["version", "chapters"],
        "additionalProperties": false,
        "properties": {
            "version": {"type": "string", "pattern": "^1\\.2"},
            "chapters": {"type": "array", "minItems": 2, "items": {
                "type": "object",
                "required": ["startTime"],
                "additionalProperties": false,
                "properties": {
                    "startTime": {"type": "number", "minimum": 0},
                    "endTime": {"type": "number"},
                    "title": {"type": "string", "minLength": 1},
                    "img": {"type": "string"}, "url": {"type": "string"}, "toc": {"type": "boolean"}
                }
            }}
        }
    });
    let chapters: Value = serde_json::from_str(json).unwrap();
    jsonschema::validate(&schema, &chapters).unwrap_or_else(|error| panic!("{error} in {json}"));
    let starts: Vec<f64> =
        chapters["chapters"].as_array().unwrap().iter().map(|c| c["startTime"].as_f64().unwrap()).collect();
    assert_eq!(starts[0], 0.0);
    assert!(starts.is_sorted() && *starts.last().unwrap() < duration, "{starts:?}");
}

/// How many cues ffprobe reads.
fn packets(subtitles: &Path) -> usize {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"])
        .arg(subtitles)
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
}

fn assisted(medley: &Medley, answers: &'static [Answer]) -> ChatServer {
    let server = ChatServer::start(answers);
    let table =
        format!("[assist]\nendpoint = \"{}\"\nmodel = \"small\"\ntimeout_s = 2\nmax_attempts = 2\n", server.endpoint);
    fs::write(medley.path("medley.toml"), table).unwrap();
    server
}

fn headline(stream: &mut TcpStream) {
    send(stream, "200 OK", "", &says(r#"{"title": "A <b>headline</b>", "summary": "It was\n# the best of times."}"#));
}

#[test]
fn a_helper_model_sums_up_every_chapter_and_the_whole() {
    let medley = Medley::default();
    let episode = episode(&medley);
    let server = assisted(&medley, &[headline]);
    let manifest = manifest(&podcast(&medley, &episode, &[]));
    let quality = &manifest["quality"];
    assert_eq!((&quality["summary"], &quality["summary_model"]), (&"abstractive".into(), &"small".into()), "{quality}");
    let chapters = quality["chapters"].as_u64().unwrap();
    assert_eq!(server.calls() as u64, chapters + 1);
    let summary = read(&medley, "summary.md");
    assert!(summary.contains("\n\nIt was # the best of times.\n\n"), "{summary}");
    let page = read(&medley, "transcript.html");
    assert!(page.contains("A &lt;b&gt;headline") && !page.contains("<b>headline"));
    let asked = server.asked.lock().unwrap();
    let said = asked[0].1["messages"][1]["content"].as_str().unwrap().to_lowercase();
    assert!(said.contains("fail"), "{said}");
    drop(asked);

    // Told not to, nothing is sent.
    let calls = server.calls();
    let alone = podcast(&medley, &episode, &["--summary", "extractive"]);
    assert_eq!(self::manifest(&alone)["quality"]["summary"], "extractive");
    assert_eq!(server.calls(), calls);
}

#[test]
fn a_helper_model_that_fails_costs_the_episode_nothing() {
    let broken: [&'static [Answer]; 4] = [
        &[|stream| send(stream, "500 Internal Server Error", "", "")],
        &[|stream| send(stream, "200 OK", "", &says("no JSON"))],
        &[|stream| send(stream, "200 OK", "", &says(r#"{"title": "T", "summary": "  "}"#))],
        // The first chapter is answered, the second is not.
        &[headline, |stream| send(stream, "401 Unauthorized", "", "bad key")],
    ];
    let medley = Medley::default();
    let episode = episode(&medley);
    for (n, answers) in broken.into_iter().enumerate() {
        let _server = assisted(&medley, answers);
        let manifest = manifest(&podcast(&medley, &episode, &["--title", &format!("T{n}")]));
        let quality = &manifest["quality"];
        assert_eq!(quality["summary"], "extractive", "{quality}");
        assert!(quality["summary_fallback"].as_str().unwrap().contains("endpoint"), "{quality}");
        let summary = read(&medley, "summary.md");
        assert!(!summary.contains("headline") && !summary.contains("best of times.\n  "), "{summary}");
    }
}

//! Talking heads with the real binary: a clip from a photo and a voice, the news, resuming after `kill -9`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;

use medley_tests::binary::{Medley, artifacts, sample};

/// The sample's recording, and a timing that says it is one long row of "mama".
fn inputs(medley: &Medley) -> [String; 3] {
    let phonemes: Vec<_> = (0..60)
        .map(|i| {
            let (start, sound) = (0.15 * f64::from(i), if i % 2 == 0 { "m" } else { "ɑ" });
            serde_json::json!({"start_s": start, "end_s": start + 0.15, "phoneme": sound, "viseme": "PP"})
        })
        .collect();
    let timing = serde_json::json!({"duration_s": 9.0, "sentences": [], "words": [], "phonemes": phonemes});
    fs::write(medley.path("timing.json"), timing.to_string()).unwrap();
    let [photo, voice] = [("sample-pictures", "astronaut.png"), ("sample-speech", "beckett.wav")]
        .map(|(model, file)| sample(model, file).display().to_string());
    [photo, voice, medley.path("timing.json").display().to_string()]
}

#[test]
fn killed_while_rendering_it_resumes_with_the_same_film() {
    let run = |medley: &Medley, breakpoint: Option<&str>| {
        let [photo, voice, timing] = inputs(medley);
        let args = ["run", "portrait", &photo, &voice, &timing];
        let params = ["--framing", "head", "--head-px", "96", "-o", "out", "-q"];
        let mut command = medley.command(&[&args[..], &params].concat());
        command.envs(breakpoint.map(|breakpoint| ("MEDLEY_TEST_BREAKPOINT", breakpoint)));
        command.output().unwrap()
    };
    let undisturbed = Medley::default();
    let ended = run(&undisturbed, None);
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    let expected = artifacts(&undisturbed.path("out"));
    assert!(expected["video.mp4"].len() > 10_000);
    // Steps are prepare, the films (ten seconds each), mux.
    for breakpoint in ["after_compute:2", "after_result:2", "after_result:3"] {
        let medley = Medley::default();
        assert_eq!(run(&medley, Some(breakpoint)).status.code(), None, "{breakpoint} was not reached");
        assert_eq!(run(&medley, None).status.code(), Some(0), "after {breakpoint}");
        assert!(artifacts(&medley.path("out")) == expected, "after {breakpoint} the film is another");
    }
}

#[test]
fn a_script_and_a_portrait_become_a_news_clip() {
    let medley = Medley::default();
    let [photo, ..] = inputs(&medley);
    fs::write(medley.path("script.md"), "---\ntitle: Bridge\nanchor: A. Nonym\n---\nGood evening. The bridge is open.")
        .unwrap();
    let ended =
        medley.call(&["run", "news", "--portrait", &photo, "script.md", "--short-px", "240", "-o", "out", "-q"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let files = artifacts(&medley.path("out"));
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["clip.mp4", "clip.srt", "clip.vtt", "poster.jpg", "speech.wav"]);
    assert!(String::from_utf8_lossy(&files["clip.srt"]).contains("The bridge is open."));
}

//! Whatever is handed in gets a stable code and a sentence that names it, an exit code, and leaves nothing half done.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use medley_tests::binary::{Ended, Medley, sample};

fn transcribe(medley: &Medley, input: &str) -> Ended {
    medley.call(&["run", "transcribe", input, "--model", "tiny.en", "-o", "out", "-q"])
}

/// A canonical WAV header with the given rate and channels, then the samples.
fn wav(rate_hz: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let block = channels.wrapping_mul(2);
    let mut file = b"RIFF".to_vec();
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend(channels.to_le_bytes());
    file.extend(rate_hz.to_le_bytes());
    file.extend(rate_hz.wrapping_mul(u32::from(block)).to_le_bytes());
    file.extend(block.to_le_bytes());
    file.extend(16_u16.to_le_bytes());
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

#[test]
fn each_kind_of_nonsense_has_its_code() {
    let medley = Medley::default();
    let write = |name: &str, bytes: &[u8]| {
        let path = medley.path(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let speech = fs::read(sample("sample-speech", "beckett.wav")).unwrap();
    fs::create_dir(medley.path("folder.wav")).unwrap();
    let made = Command::new("mkfifo").arg(medley.path("pipe.wav")).status().unwrap();
    assert!(made.success());
    let cases: Vec<(String, &str, i32)> = vec![
        ("/no/such/file.mp3".into(), "input_not_found", 1),
        (medley.path("folder.wav").display().to_string(), "input_not_a_file", 1),
        (medley.path("pipe.wav").display().to_string(), "input_not_a_file", 1),
        (write("empty.mp3", b""), "media_empty", 1),
        (write("text.mp3", b"This is a text and no sound at all.\n"), "media_unsupported", 1),
        (
            write(
                "noise.mp3",
                &(0..60_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>(),
            ),
            "media_unsupported",
            1,
        ),
        (write("headless.wav", &speech[..44]), "media_empty", 1),
        (write("zero-hz.wav", &wav(0, 1, &[1; 100])), "media_undecodable", 1),
        (
            write("playlist.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n"),
            "media_unsupported",
            1,
        ),
        ("ftp://example.org/a.mp3".into(), "input_scheme_unsupported", 1),
        ("concat:a.mp3|b.mp3".into(), "input_not_found", 1),
    ];
    for (input, code, exit) in cases {
        let ended = transcribe(&medley, &input);
        assert!(ended.err.contains(&format!("error[{code}]")), "{input}: {ended:?}");
        assert_eq!(ended.code, Some(exit), "{input}: {ended:?}");
        assert_eq!(ended.err.lines().count(), 1, "{input}: one sentence, not {ended:?}");
        assert!(!medley.path("out/transcript.json").exists(), "{input} left a transcript");
    }
}

#[test]
fn an_unreadable_file_is_named() {
    let medley = Medley::default();
    let path = medley.path("secret.wav");
    fs::write(&path, wav(16_000, 1, &[0; 100])).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // Whoever runs the tests as root may read everything.
    if fs::File::open(&path).is_ok() {
        return;
    }
    let ended = transcribe(&medley, &path.display().to_string());
    assert!(ended.err.contains("error[input_forbidden]") && ended.err.contains("secret.wav"), "{ended:?}");
}

#[test]
fn where_nobody_speaks_nothing_is_invented() {
    for (name, rate_hz, channels, samples, code) in [
        ("silent.wav", 16_000, 1, 48_000, "no_speech"),
        ("one-sample.wav", 16_000, 1, 1, "media_empty"),
        ("wide.wav", 48_000, 32, 32 * 48_000, "no_speech"),
    ] {
        let medley = Medley::default();
        let path = medley.path(name);
        fs::write(&path, wav(rate_hz, channels, &vec![0; samples])).unwrap();
        let ended = transcribe(&medley, &path.display().to_string());
        assert_eq!(ended.code, Some(1), "{name}: {ended:?}");
        assert!(ended.err.contains(&format!("error[{code}]")) && ended.err.contains(name), "{name}: {ended:?}");
        assert!(!medley.path("out/transcript.json").exists(), "{name} left a transcript");
    }
}

#[test]
fn one_bad_input_does_not_stop_the_others() {
    let medley = Medley::default();
    let bad = medley.path("bad.mp3");
    fs::write(&bad, b"nothing to hear").unwrap();
    let good = sample("sample-speech", "beckett.wav").display().to_string();
    let bad = bad.display().to_string();
    let ended = medley.call(&["run", "transcribe", &bad, &good, &good, "--model", "tiny.en", "-o", "out", "-q"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("bad.mp3"), "{ended:?}");
    assert!(medley.path("out/beckett/transcript.srt").exists());
    assert!(medley.path("out/beckett-2/transcript.srt").exists());
    assert!(!medley.path("out/bad").exists());
}

#[test]
fn params_are_checked_before_anything_is_done() {
    let medley = Medley::default();
    let clip = sample("sample-speech", "beckett.wav").display().to_string();
    let cases: [&[&str]; 3] = [&["--beam-size", "many"], &["--no-such-flag"], &["--model", "no-such-model"]];
    for flags in cases {
        let mut args = vec!["run", "transcribe", &clip, "-o", "out"];
        args.extend(flags);
        let ended = medley.call(&args);
        assert_eq!(ended.code, Some(2), "{flags:?}: {ended:?}");
    }
}

#[test]
fn a_missing_model_names_the_command_that_gets_it() {
    let medley = Medley::default();
    let clip = sample("sample-speech", "beckett.wav").display().to_string();
    let ended = medley
        .command(&["run", "transcribe", &clip, "-o", "out", "-q"])
        .env("MEDLEY_MODELS", medley.path("no-models"))
        .output()
        .map(Ended::from)
        .unwrap();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("medley models pull"), "{ended:?}");
}

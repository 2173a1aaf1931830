//! The command line as people and scripts meet it: odd names, odd bytes, flags in every form, text or file, what is kept.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use medley_tests::binary::{Ended, Medley, sample};

/// A picture under this name.
fn picture(medley: &Medley, name: impl AsRef<OsStr>) -> PathBuf {
    let path = medley.folder.path().join(name.as_ref());
    fs::copy(sample("sample-pictures", "coffee.png"), &path).unwrap();
    path
}

fn canny(medley: &Medley, inputs: &[impl AsRef<OsStr>]) -> Ended {
    let mut command = medley.command(&["run", "control", "--annotators", "canny", "-o", "a/out"]);
    command.args(inputs.iter().map(AsRef::as_ref)).output().unwrap().into()
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Whether a terminal would take something of it for other than text.
fn is_text(shown: &str) -> bool {
    let odd = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    !shown.chars().any(odd)
}

#[test]
fn results_lie_below_the_output_folder_whatever_inputs_are_called() {
    let medley = Medley::default();
    let names =
        ["...png", "....png", ".medley.png", ".MEDLEY.png", " .png", "x. .png", "Photo.png", "photo.jpg", "a\nb.png"];
    for name in names {
        picture(&medley, name);
    }
    let inputs: Vec<String> = names.iter().map(|name| format!("./{name}")).collect();
    let ended = canny(&medley, &inputs);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(names_in(&medley.path("a")), BTreeSet::from(["out".into()]), "all of it lies in the output folder");
    let folders = names_in(&medley.path("a/out"));
    assert_eq!(folders.len(), names.len() + 1, "a folder for each, and the state: {folders:?}");
    let hidden: Vec<_> = folders.iter().filter(|name| name.starts_with('.')).collect();
    assert_eq!(hidden, [".medley"]);
    let state = names_in(&medley.path("a/out/.medley"));
    assert!(!state.contains("canny.png") && !state.contains("manifest.json"), "{state:?}");
    let lower: BTreeSet<_> = folders.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(lower.len(), folders.len(), "names differ in more than capitals: {folders:?}");
    for folder in folders.iter().filter(|name| !name.starts_with('.')) {
        assert!(medley.path("a/out").join(folder).join("canny.png").is_file(), "{folder:?}");
    }
}

#[test]
fn names_reach_the_terminal_as_text() {
    let medley = Medley::default();
    for name in [
        "a\nerror[ok]: b.png",
        "\u{1b}]0;title\u{7}\u{1b}[2J.png",
        "\u{202e}gnp.exe",
        "\u{9b}31m\u{200b}.png",
        "a\rb\tc.png",
    ] {
        fs::write(medley.path(name), "no picture").unwrap();
        for name in [name.to_owned(), format!("missing {name}")] {
            let ended = canny(&medley, &[&name]);
            assert_eq!(ended.code, Some(1), "{ended:?}");
            assert!(is_text(&ended.err), "{name:?}: {:?}", ended.err);
            assert!(ended.err.lines().all(|line| !line.starts_with("error[ok]")), "{:?}", ended.err);
        }
        // What the parser of the command line says, too.
        for args in
            [&["status", name][..], &["run", "control", name, "--annotators", name], &["no", name], &["run", name]]
        {
            let ended = medley.call(args);
            assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
            assert!(is_text(&ended.err), "{args:?}: {:?}", ended.err);
            assert!(ended.err.lines().all(|line| !line.starts_with("error[ok]")), "{:?}", ended.err);
        }
    }
    // For programs the name stays as it is.
    let name = "a\nerror[ok]: b.png";
    let ended = medley.call(&["run", "control", name, "--annotators", "canny", "-o", "json", "--json", "-q"]);
    let manifest: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(manifest["provenance"]["inputs"][0]["name"], name);
}

#[test]
fn a_name_that_is_not_utf8_is_read() {
    let medley = Medley::default();
    let name = OsStr::from_bytes(b"\xff\xfe.png");
    picture(&medley, name);
    let ended = canny(&medley, &[name]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(medley.path("a/out/canny.png").is_file());
    // Below a folder of such a name, too.
    let mut command = medley.command(&["run", "control", "--annotators", "canny", "-o"]);
    let ended: Ended = command.arg(OsStr::from_bytes(b"out-\xff")).arg(name).output().unwrap().into();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(medley.folder.path().join(OsStr::from_bytes(b"out-\xff/canny.png")).is_file());
    // Where text is wanted such bytes are an error with a code.
    let ended: Ended = medley.command(&["submit", "control", "x.png", "--key"]).arg(name).output().unwrap().into();
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("error[params_invalid]"), "{ended:?}");
}

#[test]
fn flags_that_are_on_or_off_take_no_input_for_a_value() {
    let medley = Medley::default();
    picture(&medley, "photo.png");
    let caption = |flags: &[&str]| -> serde_json::Value {
        let args = [
            &["run", "caption", "--objects=false", "--people", "false", "--nsfw=false", "--json", "-q"],
            flags,
            &["-o", "out"],
        ]
        .concat();
        let ended = medley.call(&args);
        assert_eq!(ended.code, Some(0), "{flags:?}: {ended:?}");
        let manifest: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        manifest["provenance"]["params"].clone()
    };
    for (flags, text) in [
        (&["--text", "photo.png"][..], true),
        (&["photo.png", "--text", "false"], false),
        (&["--text", "false", "photo.png"], false),
        (&["--no-text", "photo.png"], false),
        (&["--text=false", "photo.png"], false),
    ] {
        let params = caption(flags);
        assert_eq!(params["text"], text, "{flags:?}");
        assert_eq!((&params["people"], &params["nsfw"]), (&false.into(), &false.into()));
    }
}

#[test]
fn text_is_no_file_and_a_missing_file_no_text() {
    let medley = Medley::default();
    for (text, code) in [("notes.txt", "input_not_found"), ("./notes", "input_not_found"), (".", "input_not_a_file")] {
        let ended = medley.call(&["run", "speak", text, "-o", "out", "-q"]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains(&format!("error[{code}]")) && ended.err.contains("text itself"), "{ended:?}");
    }
    let ended = medley.call(&["run", "speak", "GPT-4.5", "-o", "out", "-q"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(medley.path("out/speech.wav").is_file());
}

#[test]
fn addresses_that_are_not_served_say_why() {
    let medley = Medley::default();
    for (uri, says) in [("http://user:pw@example.org/a.mp3?sig=pw", "https:"), ("s3://bucket/a.mp3", "[inputs]")] {
        let ended = medley.call(&["run", "transcribe", uri, "-o", "out", "-q"]);
        assert_eq!(ended.code, Some(1));
        assert!(ended.err.contains("error[input_scheme_unsupported]") && ended.err.contains(says), "{ended:?}");
        assert!(!ended.err.contains("pw"), "{ended:?}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let medley = Medley::default();
    let ended = medley.call(&["run", "news", "Good evening.", "-o", "out"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("was given 1: the portrait is missing"), "{ended:?}");
    let ended = medley.call(&["status", "123"]);
    assert!(ended.err.contains("a job's id has 26") && !ended.err.contains("not a name"), "{ended:?}");
}

/// `medley` with this on its standard input.
fn piped(medley: &Medley, args: &[&str], input: &[u8]) -> Ended {
    let mut child =
        medley.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end before it has read all: the output says why.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap().into()
}

#[test]
fn standard_input_is_an_input_of_any_kind() {
    let medley = Medley::default();
    let picture = fs::read(sample("sample-pictures", "coffee.png")).unwrap();
    let args = ["run", "control", "-", "--annotators", "canny", "-o", "out", "--json"];
    let first = piped(&medley, &args, &picture);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(medley.path("out/canny.png").is_file());
    let again = piped(&medley, &args, &picture);
    assert_eq!(first.out, again.out, "the same bytes are the same job");
    assert!(!medley.path("out/.medley/store/default*/inputs*").exists(), "no copy of the input stays");
    let empty = piped(&medley, &["run", "transcribe", "-", "-o", "out"], b"");
    assert!(empty.err.contains("error[media_empty]"), "{empty:?}");
    let twice = piped(&medley, &["run", "control", "-", "-", "-o", "out"], &picture);
    assert_eq!(twice.code, Some(2), "{twice:?}");
}

#[test]
fn a_configuration_is_a_small_file() {
    let medley = Medley::default();
    assert!(Command::new("mkfifo").arg(medley.path("pipe.toml")).status().unwrap().success());
    fs::create_dir(medley.path("folder.toml")).unwrap();
    fs::write(medley.path("huge.toml"), vec![b'\n'; (1 << 20) + 1]).unwrap();
    fs::write(medley.path("bytes.toml"), b"\xff\xfe").unwrap();
    fs::write(medley.path("wrong.toml"), "tenant = \"a\"\n[no\u{202e}such]\n").unwrap();
    fs::write(medley.path("broken.toml"), "tenant = \"a\"\nqueue = \n\n[x").unwrap();
    for config in
        ["pipe.toml", "/dev/zero", "folder.toml", "huge.toml", "bytes.toml", "wrong.toml", "broken.toml", "gone.toml"]
    {
        let ended = medley.call(&["list", "--config", config]);
        assert_eq!(ended.code, Some(2), "{config}: {ended:?}");
        assert!(ended.err.starts_with("error[config_invalid]") && ended.err.contains(config), "{config}: {ended:?}");
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
        assert!(is_text(&ended.err) && !ended.err.contains("os error"), "{ended:?}");
    }
}

#[test]
fn a_limit_of_the_size_of_files_is_an_error_and_no_signal() {
    let medley = Medley::default();
    picture(&medley, "a.png");
    let mut command = medley.command(&["run", "control", "a.png", "--annotators", "canny", "-o", "out"]);
    // SAFETY: setrlimit may be called between fork and exec.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit { rlim_cur: 64 << 10, rlim_max: 64 << 10 };
            match libc::setrlimit(libc::RLIMIT_FSIZE, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    let ended: Ended = command.output().unwrap().into();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("error[service_unavailable]"), "{ended:?}");
}

#[test]
fn a_model_that_was_changed_is_not_used_whatever_its_time_says() {
    let medley = Medley::default();
    let models = medley.path("models");
    let real = sample("sample-pictures", "coffee.png");
    let objects = real.canonicalize().unwrap().parent().unwrap().to_owned();
    let call = |args: &[&str]| -> Ended {
        let mut command = medley.command(args);
        command.env("MEDLEY_MODELS", &models).env("MEDLEY_MODEL_MIRROR", &objects).output().unwrap().into()
    };
    assert_eq!(call(&["models", "pull", "silero-vad"]).code, Some(0));
    assert_eq!(call(&["models", "path", "silero-vad", "vad.onnx"]).code, Some(0));
    let object = models.join("models/silero-vad/vad.onnx").canonicalize().unwrap();
    let modified = fs::metadata(&object).unwrap().modified().unwrap();
    let mut bytes = fs::read(&object).unwrap();
    bytes[1_000] ^= 1;
    fs::set_permissions(&object, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(&object, &bytes).unwrap();
    fs::File::options().write(true).open(&object).unwrap().set_modified(modified).unwrap();
    for args in [&["models", "path", "silero-vad", "vad.onnx"][..], &["models", "verify", "silero-vad"]] {
        let ended = call(args);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.err.contains("error[model_corrupt]") && ended.err.contains("models pull"), "{ended:?}");
    }
    fs::remove_file(&object).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &object).unwrap();
    let ended = call(&["models", "path", "silero-vad", "vad.onnx"]);
    assert!(ended.err.contains("error[model_corrupt]") && ended.err.contains("a device"), "{ended:?}");
}

/// The bytes of all files below a folder.
fn bytes_below(folder: &Path) -> u64 {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => bytes_below(&entry.path()),
            false => entry.metadata().unwrap().len(),
        })
        .sum()
}

#[test]
fn a_finished_run_keeps_what_another_needs_and_clean_removes_it() {
    let medley = Medley::default();
    picture(&medley, "a.png");
    let run = || medley.call(&["run", "control", "a.png", "--annotators", "canny", "-o", "out", "--json"]);
    let first = run();
    assert_eq!(first.code, Some(0), "{first:?}");
    let artifact = fs::read(medley.path("out/canny.png")).unwrap();
    let state = medley.path("out/.medley");
    let stored = |name: &str| Command::new("find").arg(&state).args(["-name", name]).output().unwrap().stdout;
    assert!(stored("canny.png").is_empty(), "the artifact is in the output folder and nowhere else");
    assert!(stored("result.json").is_empty() && !stored("manifest.json").is_empty());
    // Done at once, as the same job.
    assert_eq!(run().out, first.out);
    // An artifact that is gone is made again.
    fs::remove_file(medley.path("out/canny.png")).unwrap();
    assert_eq!(run().code, Some(0));
    assert_eq!(fs::read(medley.path("out/canny.png")).unwrap(), artifact);

    let before = bytes_below(&state);
    let ended = medley.call(&["clean", "out"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("freed") && ended.out.contains("1 finished job"), "{ended:?}");
    assert!(bytes_below(&state) <= before);
    assert_eq!(run().code, Some(0));
    let ended = medley.call(&["clean", "out", "--all"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!state.exists() && medley.path("out/canny.png").is_file());
    assert!(medley.call(&["clean", "out"]).out.contains("nothing to clean"));
}

#[test]
fn a_damaged_queue_names_its_ways_out() {
    let medley = Medley::default();
    picture(&medley, "a.png");
    let queue = medley.path("out/.medley/queue.db");
    let run = |more: &[&str]| {
        medley.call(&[&["run", "control", "a.png", "--annotators", "canny", "-o", "out", "-q"], more].concat())
    };
    assert_eq!(run(&[]).code, Some(0));
    let damage = || {
        fs::write(&queue, "no database at all, and long enough to be one ".repeat(200)).unwrap();
        // SQLite restores the pages that a log still has.
        for log in ["queue.db-wal", "queue.db-shm"] {
            let _ = fs::remove_file(queue.with_file_name(log));
        }
    };
    damage();
    let ended = run(&[]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let said = ["error[service_unavailable]", "queue.db is damaged", "--fresh", "medley clean out"];
    assert!(said.iter().all(|said| ended.err.contains(said)), "{ended:?}");
    let cleaned = medley.call(&["clean", "out"]);
    assert_eq!(cleaned.code, Some(0), "{cleaned:?}");
    assert!(cleaned.out.contains("1 finished job"), "{cleaned:?}");
    assert_eq!(run(&[]).code, Some(0));
    damage();
    assert_eq!(run(&["--fresh"]).code, Some(0));
}

#[test]
fn an_output_folder_that_is_a_file_is_a_slip() {
    let medley = Medley::default();
    picture(&medley, "a.png");
    for output in ["a.png", "a.png/out"] {
        let ended = medley.call(&["run", "control", "a.png", "--annotators", "canny", "-o", output]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains("a.png is a file"), "{ended:?}");
    }
}

#[test]
fn clean_leaves_a_running_job_alone() {
    let medley = Medley::default();
    let speech = sample("sample-speech", "two-cities.wav");
    let args = ["run", "transcribe", speech.to_str().unwrap(), "--model", "tiny.en", "-o", "out", "-q"];
    let mut child = medley.command(&args).spawn().unwrap();
    let queue = medley.path("out/.medley/queue.db");
    while !queue.exists() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let ended = medley.call(&["clean", "out", "--all"]);
    if child.try_wait().unwrap().is_none() {
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.err.contains("a job runs in"), "{ended:?}");
    }
    assert!(child.wait().unwrap().success());
    assert!(medley.path("out/transcript.json").is_file());
}

#[test]
fn logs_in_files_have_no_colours() {
    let medley = Medley::default();
    let mut worker = medley
        .command(&["worker", "--monitor", "127.0.0.1:0"])
        .env("MEDLEY_LOG", "info")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(worker.stderr.take().unwrap()).read_line(&mut line).unwrap();
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert!(line.contains("INFO") && line.contains("address=127.0.0.1:"), "{line:?}");
    assert!(is_text(&line), "{line:?}");
}

/// `scripts/run <kind> --sample` has an input for every kind of the docs' table, and it is there.
#[test]
fn every_kind_has_a_sample() {
    let medley = Medley::default();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/command-line.md");
    let page = fs::read_to_string(page).unwrap();
    let table = page.split("<!-- table: made from the kinds -->").nth(1).unwrap();
    let table = table.split("<!-- end of table -->").next().unwrap();
    let kinds: Vec<_> = table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    assert!(kinds.len() >= 9, "{kinds:?}");
    for kind in kinds {
        let ended = medley.call(&["models", "sample", kind]);
        assert_eq!(ended.code, Some(0), "{kind}: {ended:?}");
        let inputs: Vec<_> = ended.out.lines().collect();
        assert!(!inputs.is_empty() && inputs.iter().all(|input| !input.starts_with('/') || Path::new(input).exists()));
        if kind == "library" {
            assert!(fs::read_dir(inputs[0]).unwrap().count() >= 5);
        }
    }
}

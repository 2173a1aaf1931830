//! Real speech through every format and back.

#![expect(clippy::unwrap_used, reason = "a helper of tests is not seen as a test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use medley_media::audio::{AudioFormat, AudioLimits, Reader, ReaderOptions, encode, write_wav};
use medley_models::Models;

fn sample(name: &str) -> std::path::PathBuf {
    Models::open(&Models::default_dir()).file("sample-speech", name).unwrap()
}

fn read(path: &Path) -> Vec<f32> {
    Reader::open(path, &ReaderOptions::default()).unwrap().read_to_end(3600.0).unwrap()
}

/// The shift within `reach` samples at which two signals agree best, and how well (1: alike).
fn alignment(a: &[f32], b: &[f32], reach: i64) -> (i64, f64) {
    let len = a.len().min(b.len()) as i64;
    let correlation = |shift: i64, step: usize| {
        let places = (reach..len - reach).step_by(step);
        let pairs = places.map(|i| (f64::from(a[i as usize]), f64::from(b[(i + shift) as usize])));
        let (ab, aa, bb) = pairs.fold((0.0, 0.0, 0.0), |(ab, aa, bb), (a, b)| (ab + a * b, aa + a * a, bb + b * b));
        ab / (aa * bb).sqrt().max(1e-12)
    };
    let (shift, _) = (-reach..=reach).map(|s| (s, correlation(s, 97))).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    (shift, correlation(shift, 1))
}

/// File name, ffmpeg's options, how many samples (at 16 kHz) later than in the original the sound may be, and how many
/// more there may be. Formats that do not say how long their encoder's delay is begin with it; nobody can know better.
type Format = (&'static str, &'static [&'static str], i64, i64);

const FORMATS: &[Format] = &[
    ("u8.wav", &["-c:a", "pcm_u8"], 0, 0),
    ("s24.wav", &["-c:a", "pcm_s24le"], 0, 0),
    ("s32.wav", &["-c:a", "pcm_s32le"], 0, 0),
    ("f32.wav", &["-c:a", "pcm_f32le"], 0, 0),
    ("f64.wav", &["-c:a", "pcm_f64le"], 0, 0),
    ("alaw.wav", &["-c:a", "pcm_alaw"], 0, 0),
    ("mulaw.wav", &["-c:a", "pcm_mulaw"], 0, 0),
    ("adpcm.wav", &["-c:a", "adpcm_ms"], 0, 2048),
    ("ima.wav", &["-c:a", "adpcm_ima_wav"], 0, 2048),
    ("rf64.wav", &["-rf64", "always"], 0, 0),
    ("a.w64", &[], 0, 2),
    ("a.aiff", &[], 0, 0),
    ("a.au", &[], 0, 0),
    ("a.caf", &[], 0, 0),
    ("cbr.mp3", &["-b:a", "96k"], 0, 0),
    ("vbr.mp3", &["-q:a", "4"], 0, 0),
    ("no-header.mp3", &["-b:a", "96k", "-write_xing", "0"], 1105, 2304),
    ("mpeg25.mp3", &["-ar", "11025", "-b:a", "32k"], 0, 2),
    ("a.flac", &[], 0, 0),
    ("s24.flac", &["-sample_fmt", "s32"], 0, 0),
    ("flac.ogg", &["-c:a", "flac"], 0, 0),
    ("vorbis.ogg", &["-c:a", "libvorbis"], 0, 0),
    ("a.opus", &["-c:a", "libopus"], 0, 0),
    ("vorbis.webm", &["-c:a", "libvorbis"], 512, 1024),
    ("opus.webm", &["-c:a", "libopus"], 128, 128),
    ("aac.mkv", &["-c:a", "aac"], 1024, 2048),
    ("a.m4a", &["-c:a", "aac"], 1, 16),
    ("fast.m4a", &["-c:a", "aac", "-movflags", "+faststart"], 1, 16),
    ("44100.m4a", &["-c:a", "aac", "-ar", "44100", "-ac", "2"], 1, 16),
    ("fragmented.mp4", &["-c:a", "aac", "-movflags", "+frag_keyframe+empty_moov"], 1024, 2048),
    ("alac.m4a", &["-c:a", "alac"], 0, 0),
    ("a.aac", &["-c:a", "aac"], 1024, 2048),
    ("a.wma", &[], 512, 1024),
    ("a.wv", &[], 0, 0),
    ("mp3.avi", &["-c:a", "mp3"], 1105, 2304),
    ("a.ts", &["-c:a", "aac"], 1024, 2048),
    ("a.ac3", &[], 128, 512),
];

/// The sound in another format, by ffmpeg.
fn encoded(wav: &Path, dir: &Path, name: &str, args: &[&str]) -> PathBuf {
    let path = dir.join(name);
    let ran = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-i"])
        .arg(wav)
        .args(args)
        .arg(&path)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
    path
}

#[test]
fn every_format_keeps_its_time_line() {
    let dir = tempfile::tempdir().unwrap();
    let wav = sample("beckett.wav");
    let original = read(&wav);
    for &(name, args, late, longer) in FORMATS {
        let path = encoded(&wav, dir.path(), name, args);
        let mut reader = Reader::open(&path, &ReaderOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let claimed = reader.info().duration_s;
        let decoded = reader.read_to_end(3600.0).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (shift, likeness) = alignment(&original, &decoded, 1600);
        let off = decoded.len() as i64 - original.len() as i64;
        assert!((0..=late).contains(&shift), "{name}: {shift} samples late");
        // An MP4's edit list tells the end in milliseconds, cut off: 16 samples.
        assert!((-16..=longer).contains(&off), "{name}: {off} samples longer");
        assert!(likeness > 0.97, "{name}: {likeness}");
        if let Some(claimed) = claimed {
            let seconds = decoded.len() as f64 / 16_000.0;
            // MPEG-TS says only when its last packet begins.
            assert!((claimed - seconds).abs() < 0.3, "{name}: says {claimed} s, has {seconds} s");
        }
    }
}

#[test]
fn reading_from_the_middle_gives_the_same_samples() {
    let dir = tempfile::tempdir().unwrap();
    let wav = sample("two-cities.wav");
    for &(name, args) in &[
        ("a.wav", &[][..]),
        ("a.flac", &[]),
        ("cbr.mp3", &["-b:a", "96k"]),
        ("vbr.mp3", &["-q:a", "4"]),
        ("vorbis.ogg", &["-c:a", "libvorbis"]),
        ("a.m4a", &["-c:a", "aac", "-aac_pns", "0"]),
        ("a.aac", &["-c:a", "aac", "-aac_pns", "0"]),
        ("44100.mp3", &["-ar", "44100", "-b:a", "96k"]),
        ("a.opus", &["-c:a", "libopus"]),
        ("opus.webm", &["-c:a", "libopus"]),
    ] {
        let path = encoded(&wav, dir.path(), name, args);
        let whole = read(&path);
        let mut reader = Reader::open(&path, &ReaderOptions::default()).unwrap();
        for start_s in [12.345, 0.0, 40.0, 3.2, 3.5, 3.1] {
            reader.seek(start_s).unwrap();
            assert!((reader.position_s() - start_s).abs() < 1e-4);
            let mut part = Vec::new();
            reader.read(&mut part, 20_000).unwrap();
            let start = (start_s * 16_000.0_f64).round() as usize;
            let there = &whole[start..start + 20_000];
            let differ = part.iter().zip(there).position(|(a, b)| a.to_bits() != b.to_bits());
            assert_eq!((part.len(), differ), (20_000, None), "{name} from {start_s} s");
        }
        reader.seek(1e6).unwrap();
        assert_eq!(reader.read(&mut Vec::new(), 100).unwrap(), 0, "{name}: nothing lies behind the end");
        reader.seek(1.0).unwrap();
        assert_eq!(reader.read(&mut Vec::new(), 100).unwrap(), 100, "{name}: and one can come back");
    }
}

#[test]
fn channels_are_averaged_and_many_are_read() {
    let dir = tempfile::tempdir().unwrap();
    for channels in [1_u16, 2, 3, 6, 8, 16, 32] {
        let path = dir.path().join(format!("{channels}.wav"));
        let bits_per_sample = 16;
        let spec =
            hound::WavSpec { channels, sample_rate: 16_000, bits_per_sample, sample_format: hound::SampleFormat::Int };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for _ in 0..1600 {
            for channel in 0..channels {
                writer.write_sample(if channel == 0 { 16_384_i16 } else { 0 }).unwrap();
            }
        }
        writer.finalize().unwrap();
        let mut reader = Reader::open(&path, &ReaderOptions::default()).unwrap();
        assert_eq!(reader.info().channels, usize::from(channels));
        let heard = reader.read_to_end(1.0).unwrap();
        assert_eq!(heard.len(), 1600);
        let want = 0.5 / f32::from(channels);
        assert!(heard.iter().all(|v| (v - want).abs() < 1e-4), "{channels}: {} instead of {want}", heard[0]);
    }
}

#[test]
fn values_that_are_no_numbers_become_silence() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nan.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for value in [0.5, f32::NAN, f32::INFINITY, -0.5, 1e30].repeat(100) {
        writer.write_sample(value).unwrap();
    }
    writer.finalize().unwrap();
    assert_eq!(read(&path)[..5], [0.5, 0.0, 0.0, -0.5, 8.0]);
}

#[test]
fn what_is_no_sound_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let wav = fs::read(sample("beckett.wav")).unwrap();
    let mut no_rate = wav.clone();
    no_rate[24..28].fill(0);
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("empty.wav", Vec::new(), "media_empty"),
        ("header.wav", wav[..44].to_vec(), "media_empty"),
        ("zero-hz.wav", no_rate, "media_undecodable"),
        ("text.mp3", b"not sound at all".to_vec(), "media_unsupported"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/a.ts\n".to_vec(), "media_unsupported"),
        ("list.wav", b"ffconcat version 1.0\nfile /etc/passwd\n".to_vec(), "media_unsupported"),
        ("picture.wav", b"\x89PNG\r\n\x1a\n0000".to_vec(), "media_unsupported"),
        (
            "noise.mp3",
            (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7f | 1).collect(),
            "media_unsupported",
        ),
    ];
    for (name, bytes, code) in cases {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = Reader::open(&path, &ReaderOptions::default())
            .and_then(|mut reader| reader.read_to_end(60.0))
            .expect_err(&format!("{name} must be refused"));
        assert_eq!(error.code().as_str(), *code, "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let code = |path: &Path| Reader::open(path, &ReaderOptions::default()).unwrap_err().code();
    assert_eq!(code(dir.path()).as_str(), "input_not_a_file");
    assert_eq!(code(&dir.path().join("nowhere.wav")).as_str(), "input_not_found");
}

#[test]
fn limits_are_kept() {
    let path = sample("beckett.wav");
    let refused = |limits: AudioLimits| {
        Reader::open(&path, &ReaderOptions { limits, ..ReaderOptions::default() })
            .and_then(|mut reader| reader.read_to_end(60.0))
            .unwrap_err()
            .code()
    };
    let usual = AudioLimits::default();
    assert_eq!(refused(AudioLimits { max_hours: 5.0 / 3600.0, ..usual.clone() }).as_str(), "media_too_large");
    assert_eq!(refused(AudioLimits { max_bytes: 1000, ..usual.clone() }).as_str(), "media_too_large");
    assert_eq!(refused(AudioLimits { max_rate_hz: 8000, ..usual.clone() }).as_str(), "media_too_large");
    assert_eq!(refused(AudioLimits { max_channels: 0, ..usual.clone() }).as_str(), "media_too_large");
    assert_eq!(refused(AudioLimits { max_decoded_bytes: 1000, ..usual }).as_str(), "media_too_large");
}

/// Cut anywhere, with bits flipped anywhere: an error or sound, quickly, never a panic.
#[test]
fn damage_is_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let wav = sample("beckett.wav");
    let mut seed = 1_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for &(name, args) in &[
        ("a.wav", &[][..]),
        ("a.flac", &[]),
        ("a.mp3", &["-b:a", "64k"]),
        ("a.ogg", &["-c:a", "libvorbis"]),
        ("a.m4a", &["-c:a", "aac"]),
        ("a.aac", &["-c:a", "aac"]),
    ] {
        let whole = fs::read(encoded(&wav, dir.path(), name, &[args, &["-t", "3"]].concat())).unwrap();
        for round in 0..24 {
            let mut bytes = whole.clone();
            if round % 2 == 0 {
                bytes.truncate(random(whole.len()));
            }
            let reach = if round % 4 < 2 { 512 } else { bytes.len() };
            for _ in 0..round {
                let at = random(reach.min(bytes.len()).max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random(8);
                }
            }
            let path = dir.path().join("damaged");
            fs::write(&path, &bytes).unwrap();
            let started = std::time::Instant::now();
            if let Ok(mut reader) = Reader::open(&path, &ReaderOptions::default()) {
                match reader.read_to_end(3600.0) {
                    Ok(sound) => assert!(sound.iter().all(|v| v.is_finite())),
                    Err(error) => assert!(error.code().as_str().starts_with("media_"), "{error}"),
                }
            }
            // Far beyond what a busy machine takes for a damaged file, and far below what an endless one would.
            assert!(started.elapsed().as_secs() < 300, "{name}, round {round}: too slow");
        }
    }
}

#[test]
fn what_is_written_reads_back_and_is_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let original = &read(&sample("beckett.wav"))[..48_000];
    for format in ["wav", "mp3", "opus", "ogg", "flac", "m4a"] {
        let kind = AudioFormat::of_extension(format).unwrap();
        let path = dir.path().join(format!("speech's \"1\".{format}"));
        encode(&path, original, 16_000, kind).unwrap();
        let first = fs::read(&path).unwrap();
        encode(&path, original, 16_000, kind).unwrap();
        assert!(first == fs::read(&path).unwrap(), "{format}: other bytes the second time");
        let (shift, likeness) = alignment(original, &read(&path), 1200);
        assert!(shift.abs() <= 1 && likeness > 0.97, "{format}: {shift} {likeness}");
    }
    let path = dir.path().join("loud.wav");
    write_wav(&path, &[2.0, -2.0, 0.0], 16_000).unwrap();
    assert!(read(&path).iter().zip([1.0, -1.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-3));
}

//! Files that were put together of several, cut off, or damaged within: all that sounds is heard, the rest is told.

#![expect(clippy::unwrap_used, reason = "a helper of tests is not seen as a test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use medley_media::audio::{Reader, ReaderOptions, write_wav};

/// Something like a voice at 16 kHz, no two seconds of it alike: harmonics of a gliding pitch, in syllables.
fn voice(seed: u32, seconds: f64) -> Vec<f32> {
    let mut phase = 0.0_f64;
    let sample = |n: usize| {
        let t = n as f64 / 16_000.0 + f64::from(seed) * 100.0;
        phase += (160.0 + 60.0 * (t * 1.7).sin() + 40.0 * (t * t * 0.11).sin()) / 16_000.0;
        let sound: f64 = (1..12).map(|k| (std::f64::consts::TAU * phase * f64::from(k)).sin() / f64::from(k)).sum();
        let syllable = (0.55 + 0.45 * (t * 23.0 + (t * 3.1).sin()).sin()) * (0.6 + 0.4 * (t * 5.3).cos());
        (0.25 * sound * syllable) as f32
    };
    (0..(seconds * 16_000.0) as usize).map(sample).collect()
}

/// Seconds of a voice in a format, by ffmpeg.
fn encoded(seed: u32, seconds: f64, path: &Path, args: &[&str]) -> Vec<u8> {
    let wav: PathBuf = path.with_extension("source.wav");
    write_wav(&wav, &voice(seed, seconds), 16_000).unwrap();
    let ran = Command::new("ffmpeg")
        .args(["-nostdin", "-loglevel", "error", "-y", "-i"])
        .arg(wav)
        .args(args)
        .arg(path)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&ran.stderr));
    fs::read(path).unwrap()
}

fn read(path: &Path) -> (Vec<f32>, f64, Option<String>) {
    let mut reader =
        Reader::open(path, &ReaderOptions::default()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let sound = reader.read_to_end(3600.0).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    (sound, reader.undecoded_s(), reader.undecoded().map(|undecoded| undecoded.reason.clone()))
}

/// How alike two signals are where they agree best within `reach` samples of each other.
fn likeness(a: &[f32], b: &[f32], reach: i64) -> f64 {
    let len = a.len().min(b.len()) as i64;
    let correlation = |shift: i64, step: usize| {
        let pairs =
            (reach..len - reach).step_by(step).map(|i| (f64::from(a[i as usize]), f64::from(b[(i + shift) as usize])));
        let (ab, aa, bb) = pairs.fold((0.0, 0.0, 0.0), |(ab, aa, bb), (a, b)| (ab + a * b, aa + a * a, bb + b * b));
        ab / (aa * bb).sqrt().max(1e-12)
    };
    let best = (-reach..=reach).max_by(|&a, &b| correlation(a, 97).total_cmp(&correlation(b, 97))).unwrap();
    correlation(best, 1)
}

const ID3: &[u8] = b"ID3\x04\0\0\0\0\x08\0";

struct Joint {
    extension: &'static str,
    /// Options of each part, and what lies between them.
    first: &'static [&'static str],
    second: &'static [&'static str],
    between: &'static [u8],
}

const JOINTS: &[Joint] = &[
    Joint { extension: "mp3", first: &["-b:a", "64k"], second: &["-b:a", "64k"], between: b"" },
    Joint {
        extension: "mp3",
        first: &["-q:a", "6"],
        second: &["-ar", "48000", "-ac", "2", "-b:a", "96k"],
        between: b"",
    },
    Joint {
        extension: "mp3",
        first: &["-ar", "44100", "-ac", "2"],
        second: &["-ar", "22050", "-b:a", "32k"],
        between: b"",
    },
    Joint {
        extension: "mp3",
        first: &["-q:a", "5", "-write_xing", "0", "-id3v2_version", "0"],
        second: &["-ar", "48000", "-ac", "1", "-write_xing", "0", "-id3v2_version", "0"],
        between: b"",
    },
    Joint {
        extension: "mp3",
        first: &["-q:a", "5"],
        second: &["-q:a", "5", "-write_xing", "0", "-id3v2_version", "0"],
        between: b"",
    },
    Joint { extension: "aac", first: &["-ar", "44100"], second: &["-ar", "48000", "-ac", "2"], between: b"" },
    Joint { extension: "flac", first: &["-ar", "16000"], second: &["-ar", "44100", "-ac", "2"], between: b"" },
    Joint { extension: "wav", first: &["-ar", "16000"], second: &["-ar", "44100", "-ac", "2"], between: b"" },
    Joint {
        extension: "ogg",
        first: &["-c:a", "libvorbis", "-ar", "16000"],
        second: &["-c:a", "libvorbis", "-ar", "44100", "-ac", "2"],
        between: b"",
    },
    Joint { extension: "opus", first: &["-c:a", "libopus"], second: &["-c:a", "libopus", "-ac", "2"], between: b"" },
    Joint {
        extension: "ogg",
        first: &["-c:a", "libvorbis", "-ar", "44100"],
        second: &["-c:a", "libopus", "-ar", "48000"],
        between: b"",
    },
    Joint { extension: "m4a", first: &["-ar", "44100"], second: &["-ar", "48000", "-ac", "2"], between: b"" },
    Joint { extension: "mkv", first: &["-c:a", "aac"], second: &["-c:a", "libopus"], between: b"" },
    Joint { extension: "webm", first: &["-c:a", "libopus"], second: &["-c:a", "libvorbis"], between: b"" },
    Joint { extension: "aiff", first: &[], second: &["-ar", "44100", "-ac", "2"], between: b"" },
    Joint { extension: "au", first: &[], second: &["-ar", "44100", "-ac", "2"], between: b"" },
    Joint { extension: "caf", first: &[], second: &["-ar", "44100", "-ac", "2"], between: b"" },
    Joint { extension: "w64", first: &[], second: &["-ar", "44100", "-ac", "2"], between: b"" },
    Joint { extension: "wma", first: &[], second: &["-ar", "44100", "-ac", "2"], between: b"" },
    Joint { extension: "wv", first: &[], second: &["-ar", "44100", "-ac", "2"], between: b"" },
    Joint { extension: "ac3", first: &[], second: &[], between: b"" },
    Joint { extension: "avi", first: &["-c:a", "mp3"], second: &["-c:a", "pcm_s16le"], between: b"" },
    Joint {
        extension: "flv",
        first: &["-c:a", "mp3", "-ar", "44100"],
        second: &["-c:a", "mp3", "-ar", "44100"],
        between: b"",
    },
    Joint { extension: "ts", first: &["-c:a", "aac"], second: &["-c:a", "aac", "-ar", "48000"], between: b"" },
];

#[test]
fn joined_files_are_heard_to_their_end_and_in_time() {
    let dir = tempfile::tempdir().unwrap();
    for (n, joint) in JOINTS.iter().enumerate() {
        let path = |name: &str| dir.path().join(format!("{n}-{name}.{}", joint.extension));
        let first = encoded(1, 7.0, &path("a"), joint.first);
        let second = encoded(2, 9.0, &path("b"), joint.second);
        let whole = path("ab");
        fs::write(&whole, [&first[..], joint.between, &second].concat()).unwrap();
        let ((one, ..), (two, ..)) = (read(&path("a")), read(&path("b")));
        let (both, undecoded_s, reason) = read(&whole);
        let label = format!("{n}: {} {:?} + {:?}", joint.extension, joint.first, joint.second);
        assert!(undecoded_s < 0.05, "{label}: {undecoded_s} s, {reason:?}");
        let off = both.len() as i64 - (one.len() + two.len()) as i64;
        assert!(off.abs() < 800, "{label}: {off} samples longer than its parts ({} + {})", one.len(), two.len());
        assert!(likeness(&one, &both, 400) > 0.97, "{label}: the first part");
        assert!(likeness(&two, &both[one.len()..], 800) > 0.97, "{label}: the second part");
    }
}

#[test]
fn a_joined_file_read_from_the_middle_gives_the_same_samples() {
    let dir = tempfile::tempdir().unwrap();
    for (n, extension) in [(1, "mp3"), (5, "aac"), (6, "flac"), (7, "wav"), (8, "ogg"), (9, "opus")] {
        let joint = &JOINTS[n];
        let path = |name: &str| dir.path().join(format!("{name}.{extension}"));
        let pns = if extension == "aac" { &["-aac_pns", "0"][..] } else { &[] };
        let first = encoded(1, 7.0, &path("a"), &[joint.first, pns].concat());
        let second = encoded(2, 9.0, &path("b"), &[joint.second, pns].concat());
        fs::write(path("ab"), [first, second].concat()).unwrap();
        let (whole, ..) = read(&path("ab"));
        let mut reader = Reader::open(&path("ab"), &ReaderOptions::default()).unwrap();
        for start_s in [12.5, 1.0, 9.0, 6.5, 7.2] {
            reader.seek(start_s).unwrap();
            assert!((reader.position_s() - start_s).abs() < 1e-4, "{extension}");
            let mut part = Vec::new();
            reader.read(&mut part, 16_000).unwrap();
            let start = (start_s * 16_000.0_f64).round() as usize;
            let differ = part.iter().zip(&whole[start..]).position(|(a, b)| a.to_bits() != b.to_bits());
            assert_eq!((part.len(), differ), (16_000, None), "{extension} from {start_s} s");
        }
        reader.seek(1e4).unwrap();
        assert_eq!(reader.read(&mut Vec::new(), 100).unwrap(), 0, "{extension}");
    }
}

#[test]
fn tags_between_frames_are_no_loss_and_other_bytes_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp3");
    let sound = encoded(3, 12.0, &path, &["-b:a", "64k", "-write_xing", "0"]);
    let (plain, undecoded_s, _) = read(&path);
    assert!(undecoded_s < 0.01);
    // At the start of a frame: 64 kbit/s at 16 kHz are 288 bytes a frame, and its first lies behind a tag.
    let cut = sound.windows(2).position(|pair| pair == [0xff, 0xf3] || pair == [0xff, 0xf2]).unwrap() + 288 * 200;
    let between = |bytes: &[u8]| {
        fs::write(&path, [&sound[..cut], bytes, &sound[cut..]].concat()).unwrap();
        read(&path)
    };
    let tag = [ID3, &[0x55; 1024]].concat();
    let (heard, undecoded_s, reason) = between(&tag);
    assert!(undecoded_s < 0.01, "{reason:?}");
    assert!(likeness(&plain, &heard, 100) > 0.97 && plain.len() == heard.len());
    let (heard, undecoded_s, _) = between(&vec![0; 40_000]);
    assert!(undecoded_s < 0.01 && plain.len() == heard.len(), "padding is no sound");
    let noise: Vec<u8> = (0..16_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (heard, undecoded_s, reason) = between(&noise);
    assert!((undecoded_s - 2.0).abs() < 0.3, "{undecoded_s} s of 8,000 bytes each, {reason:?}");
    assert!((heard.len() as i64 - plain.len() as i64).abs() < 2_000, "{} {}", heard.len(), plain.len());
}

#[test]
fn what_is_cut_off_is_told() {
    let dir = tempfile::tempdir().unwrap();
    // What its header promises of 20 s; those of streams promise nothing.
    for (name, args, tells) in [
        ("a.wav", &[][..], true),
        ("a.flac", &[], true),
        ("vbr.mp3", &["-q:a", "5"], true),
        ("fast.m4a", &["-c:a", "aac", "-movflags", "+faststart"], true),
        ("a.mkv", &["-c:a", "aac"], true),
        ("a.webm", &["-c:a", "libopus"], true),
        ("a.aiff", &[], true),
        ("a.aac", &["-c:a", "aac"], false),
        ("a.ogg", &["-c:a", "libvorbis"], false),
    ] {
        let path = dir.path().join(name);
        let whole = encoded(3, 20.0, &path, args);
        let (full, undecoded_s, reason) = read(&path);
        assert!(undecoded_s < 0.05, "{name}: {undecoded_s} s of a whole file, {reason:?}");
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let (half, undecoded_s, reason) = read(&path);
        assert!(
            half.len() > full.len() / 4 && half.len() < full.len() * 3 / 4,
            "{name}: {} of {}",
            half.len(),
            full.len()
        );
        let missing_s = (full.len() - half.len()) as f64 / 16_000.0;
        if tells {
            assert!((undecoded_s - missing_s).abs() < 1.0, "{name}: {undecoded_s} s of {missing_s}, {reason:?}");
        }
    }
}

#[test]
fn headers_that_lie_about_the_length_do_not_cut_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    let wav = encoded(1, 8.0, &path, &["-bitexact"]);
    let (full, ..) = read(&path);
    let data = wav.windows(4).position(|mark| mark == b"data").unwrap() + 4;
    for (size, told) in [(0_u32, false), (64_000, false), (u32::MAX, false), (0x7fff_ffff, false), (512_000, true)] {
        let mut lying = wav.clone();
        lying[data..data + 4].copy_from_slice(&size.to_le_bytes());
        fs::write(&path, &lying).unwrap();
        let (heard, undecoded_s, reason) = read(&path);
        assert_eq!(heard.len(), full.len(), "a size of {size}");
        let missing_s = (f64::from(size) - (wav.len() - data - 4) as f64) / 32_000.0;
        if told {
            assert!((undecoded_s - missing_s).abs() < 0.1, "{size}: {undecoded_s} of {missing_s}, {reason:?}");
        } else {
            assert!(undecoded_s < 0.01, "{size}: {undecoded_s}, {reason:?}");
        }
    }
    // A header of an MP3 that counts to few frames, too many, and far too many.
    let path = dir.path().join("a.mp3");
    let mp3 = encoded(1, 8.0, &path, &["-q:a", "5"]);
    let (full, ..) = read(&path);
    let count = mp3.windows(4).position(|mark| mark == b"Xing" || mark == b"Info").unwrap() + 8;
    let true_count = u32::from_be_bytes(*mp3[count..count + 4].as_array().unwrap());
    for (told, missing) in [(true_count / 3, 0), (true_count + 100, 100), (u32::MAX, 0)] {
        let mut lying = mp3.clone();
        lying[count..count + 4].copy_from_slice(&told.to_be_bytes());
        fs::write(&path, &lying).unwrap();
        let (heard, undecoded_s, reason) = read(&path);
        assert!((heard.len() as i64 - full.len() as i64).abs() < 1200, "{told} frames: {} {}", heard.len(), full.len());
        let missing_s = f64::from(missing) * 576.0 / 16_000.0;
        assert!((undecoded_s - missing_s).abs() < 0.05, "{told} frames: {undecoded_s}, {reason:?}");
    }
}

#[test]
fn damage_within_is_told_and_what_follows_stays_in_time() {
    let dir = tempfile::tempdir().unwrap();
    for (name, args) in [("a.flac", &[][..]), ("a.ogg", &["-c:a", "libvorbis"]), ("a.mp3", &["-b:a", "64k"])] {
        let path = dir.path().join(name);
        let mut bytes = encoded(3, 30.0, &path, args);
        let (whole, ..) = read(&path);
        let (from, to) = (bytes.len() / 3, bytes.len() / 3 + bytes.len() / 10);
        bytes[from..to].iter_mut().enumerate().for_each(|(n, byte)| *byte = ((n * 37) >> 3) as u8 | 1);
        fs::write(&path, &bytes).unwrap();
        let (heard, undecoded_s, reason) = read(&path);
        assert!((1.0..6.0).contains(&undecoded_s), "{name}: {undecoded_s} s of 3, {reason:?}");
        let lost = whole.len() as i64 - heard.len() as i64;
        // MP3 has no times: what follows damage comes at once.
        let after = if name == "a.mp3" { lost } else { 0 };
        assert!(lost.abs() <= after.abs() + 1_600, "{name}: {lost} samples shorter");
        let (a, b) = (whole.len() * 2 / 3, (whole.len() * 2 / 3) as i64 - after);
        // An MP3's padding, which a whole one loses at its end, tells half a frame more or less.
        let reach = if name == "a.mp3" { 1_600 } else { 400 };
        assert!(likeness(&whole[a..], &heard[b as usize..], reach) > 0.97, "{name}: what follows");
    }
}

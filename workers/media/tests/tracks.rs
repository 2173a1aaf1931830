//! Files with several sound tracks, clocks of films, and headers that make no sense.

#![expect(clippy::unwrap_used, reason = "a helper of tests is not seen as a test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use medley_media::audio::{Reader, ReaderOptions, TrackChoice};

fn ffmpeg(args: &[&str], path: &Path) {
    let ran =
        Command::new("ffmpeg").args(["-nostdin", "-loglevel", "error", "-y"]).args(args).arg(path).output().unwrap();
    assert!(ran.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&ran.stderr));
}

fn open(path: &Path, track: Option<u32>) -> Reader {
    let options = ReaderOptions { track, ..ReaderOptions::default() };
    Reader::open(path, &options).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// How often the signal goes up through 0, a second: the pitch of a tone.
fn pitch_hz(samples: &[f32]) -> f64 {
    samples.windows(2).filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0).count() as f64 * 16_000.0 / samples.len() as f64
}

fn first_sound_s(samples: &[f32]) -> f64 {
    samples.iter().position(|v| v.abs() > 0.02).unwrap() as f64 / 16_000.0
}

/// A film with tracks of tones (0 Hz: silence), each with its language, of which one is flagged.
fn film(dir: &Path, name: &str, tones_hz: &[u32], default: Option<usize>) -> PathBuf {
    let path = dir.join(name);
    let mut args: Vec<String> = ["-f", "lavfi", "-i", "testsrc=s=64x48:d=4:r=5"].map(String::from).to_vec();
    for hz in tones_hz {
        let source = if *hz == 0 { "anullsrc=r=44100:cl=mono,atrim=0:4".into() } else { format!("sine=f={hz}:d=4") };
        args.extend(["-f".into(), "lavfi".into(), "-i".into(), source]);
    }
    args.extend(["-map", "0:v", "-c:v", "mpeg4", "-c:a", "aac"].map(String::from));
    for (n, language) in ["deu", "eng", "fra"].iter().enumerate().take(tones_hz.len()) {
        args.extend(["-map".into(), format!("{}:a", n + 1)]);
        args.extend([format!("-metadata:s:a:{n}"), format!("language={language}")]);
        args.extend([format!("-disposition:a:{n}"), if default == Some(n) { "default".into() } else { "0".into() }]);
    }
    ffmpeg(&args.iter().map(String::as_str).collect::<Vec<_>>(), &path);
    path
}

#[test]
fn the_flagged_track_is_read_or_the_one_that_sounds_or_the_one_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    for extension in ["mkv", "mp4", "mov", "ts"] {
        // MPEG-TS flags nothing: there the first is the default.
        let flags = extension != "ts";
        let path = film(dir.path(), &format!("flagged.{extension}"), &[300, 700, 1100], flags.then_some(1));
        let mut reader = open(&path, None);
        let (taken, hz) = if flags { (2, 700.0) } else { (1, 300.0) };
        let tracks = reader.tracks().clone();
        assert_eq!((tracks.taken, tracks.count(), tracks.why), (taken, 3, TrackChoice::Default), "{extension}");
        assert_eq!(tracks.taken().unwrap().language.as_deref(), Some(if flags { "eng" } else { "deu" }), "{extension}");
        let heard = reader.read_to_end(60.0).unwrap();
        assert!((pitch_hz(&heard[16_000..48_000]) - hz).abs() < 5.0, "{extension}");
        assert!(reader.undecoded().is_none(), "{extension}: {:?}", reader.undecoded());

        let silent = film(dir.path(), &format!("silent.{extension}"), &[0, 0, 700], flags.then_some(0));
        let mut reader = open(&silent, None);
        assert_eq!((reader.tracks().taken, reader.tracks().why), (3, TrackChoice::Heard), "{extension}");
        assert!((pitch_hz(&reader.read_to_end(60.0).unwrap()[16_000..48_000]) - 700.0).abs() < 5.0, "{extension}");

        let mut reader = open(&path, Some(3));
        assert_eq!((reader.tracks().taken, reader.tracks().why), (3, TrackChoice::Asked), "{extension}");
        assert!((pitch_hz(&reader.read_to_end(60.0).unwrap()[16_000..48_000]) - 1100.0).abs() < 5.0, "{extension}");
        for asked in [0, 4] {
            let options = ReaderOptions { track: Some(asked), ..ReaderOptions::default() };
            let error = Reader::open(&path, &options).unwrap_err();
            assert_eq!(error.code().as_str(), "params_invalid", "{extension}: {error}");
        }
    }
    let path = dir.path().join("one.wav");
    ffmpeg(&["-f", "lavfi", "-i", "sine=d=1"], &path);
    let reader = open(&path, Some(1));
    assert_eq!((reader.tracks().count(), reader.tracks().why), (1, TrackChoice::Only));
    let options = ReaderOptions { track: Some(2), ..ReaderOptions::default() };
    assert!(Reader::open(&path, &options).unwrap_err().to_string().contains("no sound track 2"));
}

#[test]
fn sound_that_starts_later_than_the_picture_keeps_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let picture = ["-f", "lavfi", "-i", "testsrc=s=64x48:d=6:r=10"];
    let late = ["-itsoffset", "2.5", "-f", "lavfi", "-i", "sine=f=500:d=3", "-c:v", "mpeg4"];
    for (name, codec) in
        [("a.ts", "aac"), ("a.mkv", "aac"), ("a.mp4", "aac"), ("a.mov", "pcm_s16le"), ("b.mkv", "libopus")]
    {
        let path = dir.path().join(name);
        // Made noise is other noise after a seek.
        let no_noise = if codec == "aac" { &["-aac_pns", "0"][..] } else { &[] };
        ffmpeg(&[&picture[..], &late, &["-c:a", codec], no_noise].concat(), &path);
        let mut reader = open(&path, None);
        let heard = reader.read_to_end(60.0).unwrap();
        let start_s = first_sound_s(&heard);
        assert!((start_s - 2.5).abs() < 0.05, "{name}: the sound starts at {start_s} s");
        assert!((heard.len() as f64 / 16_000.0 - 5.5).abs() < 0.15, "{name}: {} samples", heard.len());
        assert!(reader.undecoded().is_none(), "{name}: {:?}", reader.undecoded());
        // From the middle of the silence, and from the sound.
        for from_s in [1.0, 4.0] {
            reader.seek(from_s).unwrap();
            let mut part = Vec::new();
            reader.read(&mut part, 8_000).unwrap();
            let at = (from_s * 16_000.0) as usize;
            assert!(part.iter().zip(&heard[at..]).all(|(a, b)| a.to_bits() == b.to_bits()), "{name} from {from_s} s");
        }
    }
}

/// Sound that begins behind what ffmpeg looks at before it tells of a file's streams: 5 s, and 7 s of a transport stream.
#[test]
fn sound_that_starts_much_later_than_the_picture_keeps_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let picture = ["-f", "lavfi", "-i", "color=s=64x64:r=25:d=20"];
    for start_s in ["7", "15.5"] {
        let late = ["-itsoffset", start_s, "-f", "lavfi", "-i", "sine=f=500:r=16000:d=3"];
        for (extension, codecs) in [
            ("mkv", ["mpeg4", "aac"]),
            ("webm", ["libvpx", "libopus"]),
            ("avi", ["mpeg4", "mp3"]),
            ("wmv", ["wmv2", "wmav2"]),
            ("ts", ["mpeg2video", "aac"]),
            ("mpg", ["mpeg2video", "mp2"]),
            ("flv", ["flv1", "aac"]),
            ("mov", ["mpeg4", "aac"]),
        ] {
            let path = dir.path().join(format!("late.{extension}"));
            ffmpeg(&[&picture[..], &late, &["-c:v", codecs[0], "-c:a", codecs[1]]].concat(), &path);
            let mut reader = open(&path, None);
            let heard = reader.read_to_end(60.0).unwrap();
            let (found_s, start_s) = (first_sound_s(&heard), start_s.parse::<f64>().unwrap());
            assert!((found_s - start_s).abs() < 0.1, "{extension}: from {start_s} s, heard at {found_s} s");
            assert!((heard.len() as f64 / 16_000.0 - start_s - 3.0).abs() < 0.2, "{extension}: {}", heard.len());
            assert!(reader.undecoded().is_none(), "{extension}: {:?}", reader.undecoded());
        }
    }
}

#[test]
fn a_hole_in_the_times_becomes_silence() {
    let dir = tempfile::tempdir().unwrap();
    // Sound from 0 to 2 s and from 5 to 7 s, without packets in between.
    let hole = "sine=f=500:d=7,asetnsamples=1024,aselect='lt(t,2)+gt(t,5)'";
    for name in ["a.ts", "a.mkv", "a.mp4"] {
        let path = dir.path().join(name);
        ffmpeg(&["-f", "lavfi", "-i", hole, "-c:a", "aac"], &path);
        let heard = open(&path, None).read_to_end(60.0).unwrap();
        let silent = |from_s: f64, to_s: f64| {
            heard[(from_s * 16_000.0) as usize..(to_s * 16_000.0) as usize].iter().all(|v| v.abs() < 0.02)
        };
        assert!((heard.len() as f64 / 16_000.0 - 7.0).abs() < 0.2, "{name}: {} samples", heard.len());
        assert!(silent(2.3, 4.7) && !silent(1.0, 1.5) && !silent(5.5, 6.0), "{name}");
    }
}

#[test]
fn channels_that_cancel_are_heard() {
    let dir = tempfile::tempdir().unwrap();
    for (name, codec) in [("a.wav", "pcm_s16le"), ("a.mp3", "libmp3lame"), ("a.webm", "libopus"), ("a.m4a", "aac")] {
        let path = dir.path().join(name);
        let turned = "sine=f=400:d=4:r=48000,pan=stereo|c0=c0|c1=-1*c0";
        ffmpeg(&["-f", "lavfi", "-i", turned, "-c:a", codec, "-b:a", "128k"], &path);
        let heard = open(&path, None).read_to_end(60.0).unwrap();
        let inner = &heard[8_000..56_000];
        let level = (inner.iter().map(|v| f64::from(v * v)).sum::<f64>() / inner.len() as f64).sqrt();
        assert!(level > 0.05, "{name}: {level}");
        assert!((pitch_hz(inner) - 400.0).abs() < 5.0, "{name}");
    }
}

fn wav(rate_hz: u32, channels: u16, block: u16, data: u32) -> Vec<u8> {
    let mut bytes = b"RIFF\xff\xff\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend(rate_hz.wrapping_mul(u32::from(block)).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(16_u16.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(data.to_le_bytes());
    bytes.extend((0..32_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    bytes
}

/// Headers of other containers: their magic, sizes and rate, and no more than is needed.
fn aiff(rate: [u8; 10], frames: u32) -> Vec<u8> {
    let mut bytes = b"FORM\0\0\x80\0AIFFCOMM\0\0\0\x12\0\x01".to_vec();
    bytes.extend(frames.to_be_bytes());
    bytes.extend([0, 16]);
    bytes.extend(rate);
    bytes.extend(b"SSND\0\0\x7d\x08\0\0\0\0\0\0\0\0");
    bytes.extend([1; 32_000]);
    bytes
}

fn au(rate_hz: u32, channels: u32) -> Vec<u8> {
    let fields = [24, u32::MAX, 3, rate_hz, channels];
    let mut bytes = b".snd".to_vec();
    fields.iter().for_each(|field| bytes.extend(field.to_be_bytes()));
    bytes.extend([1; 32_000]);
    bytes
}

#[test]
fn headers_without_sense_are_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    // 1 Hz as an 80-bit float: exponent 16383.
    let one_hz = [0x3f, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0];
    let cases: &[(&str, Vec<u8>, &[&str])] = &[
        ("one-hz.wav", wav(1, 1, 2, 32_000), &["media_undecodable"]),
        ("999-hz.wav", wav(999, 1, 2, 32_000), &["media_undecodable"]),
        ("gigahertz.wav", wav(4_000_000_000, 1, 2, 32_000), &["media_too_large", "media_undecodable"]),
        (
            "many-channels.wav",
            wav(16_000, 60_000, 2, 32_000),
            &["media_too_large", "media_undecodable", "media_unsupported"],
        ),
        ("no-channels.wav", wav(16_000, 0, 2, 32_000), &["media_undecodable", "media_unsupported"]),
        ("one-hz.aiff", aiff(one_hz, 16_000), &["media_undecodable"]),
        ("one-hz.au", au(1, 1), &["media_undecodable"]),
        ("many-channels.au", au(16_000, 60_000), &["media_too_large", "media_undecodable"]),
    ];
    for (name, bytes, codes) in cases {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let read = Reader::open(&path, &ReaderOptions::default()).and_then(|mut reader| reader.read_to_end(1e5));
        let error = read.map(|sound| sound.len()).expect_err(&format!("{name} must be refused"));
        assert!(codes.contains(&error.code().as_str()), "{name}: {} {error}", error.code());
    }
    // What can be read in spite of its header is read, and is as long as its bytes.
    for (name, bytes) in [
        ("no-block.wav", wav(16_000, 1, 0, 32_000)),
        ("long.wav", wav(16_000, 1, 2, 0x7000_0000)),
        ("long.aiff", aiff([0x40, 0x0c, 0xfa, 0, 0, 0, 0, 0, 0, 0], 0x7fff_ffff)),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        match Reader::open(&path, &ReaderOptions::default()).and_then(|mut reader| reader.read_to_end(1e5)) {
            Ok(sound) => assert!(sound.len() < 17_000, "{name}: {} samples of 16,000", sound.len()),
            Err(error) => assert_eq!(error.code().as_str(), "media_undecodable", "{name}: {error}"),
        }
    }
}

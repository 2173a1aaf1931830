//! Real speech through every format and back.

use std::{fs, path::Path, process::Command};

use medley_media::audio::{AudioFormat, AudioLimits, Reader, ReaderOptions, encode, write_wav};
use medley_models::Models;

fn sample(name: &str) -> std::path::PathBuf {
    Models::open(&Models::default_dir()).file("sample-speech", name).unwrap()
}

fn read(path: &Path) -> Vec<f32> {
    Reader::open(path, &ReaderOptions::default()).unwrap().read_to_end(3600.0).unwrap()
}

fn ffmpeg(args: &[&str]) {
    let ran = Command::new("ffmpeg").args(["-nostdin", "-loglevel", "error", "-y"]).args(args).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// The shift within `reach` samples at which two signals agree best, and how well (1: alike).
fn alignment(a: &[f32], b: &[f32], reach: i64) -> (i64, f64) {
    let len = a.len().min(b.len()) as i64;
    let correlation = |shift: i64| {
        let pairs = (reach..len - reach).map(|i| (f64::from(a[i as usize]), f64::from(b[(i + shift) as usize])));
        let (ab, aa, bb) = pairs.fold((0.0, 0.0, 0.0), |(ab, aa, bb), (a, b)| (ab + a * b, aa + a * a, bb + b * b));
        ab / (aa * bb).sqrt().max(1e-12)
    };
    (-reach..=reach).map(|shift| (shift, correlation(shift))).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}

#[test]
fn every_format_keeps_its_time_line() {
    let dir = tempfile::tempdir().unwrap();
    let wav = sample("beckett.wav");
    let original = read(&wav);
    let wav = wav.to_str().unwrap();
    let cases: &[(&str, &[&str])] = &[
        ("u8.wav", &["-c:a", "pcm_u8"]),
        ("s24.wav", &["-c:a", "pcm_s24le"]),
        ("s32.wav", &["-c:a", "pcm_s32le"]),
        ("f32.wav", &["-c:a", "pcm_f32le"]),
        ("f64.wav", &["-c:a", "pcm_f64le"]),
        ("alaw.wav", &["-c:a", "pcm_alaw"]),
        ("mulaw.wav", &["-c:a", "pcm_mulaw"]),
        ("adpcm.wav", &["-c:a", "adpcm_ms"]),
        ("ima.wav", &["-c:a", "adpcm_ima_wav"]),
        ("rf64.wav", &["-rf64", "always"]),
        ("a.w64", &[]),
        ("a.aiff", &[]),
        ("a.au", &[]),
        ("a.caf", &[]),
        ("cbr.mp3", &["-b:a", "96k"]),
        ("vbr.mp3", &["-q:a", "4"]),
        ("noheader.mp3", &["-b:a", "96k", "-write_xing", "0"]),
        ("mpeg25.mp3", &["-ar", "11025", "-b:a", "32k"]),
        ("a.flac", &[]),
        ("s24.flac", &["-sample_fmt", "s32"]),
        ("flac.ogg", &["-c:a", "flac"]),
        ("vorbis.ogg", &["-c:a", "libvorbis"]),
        ("a.opus", &["-c:a", "libopus"]),
        ("speex.webm", &["-c:a", "libvorbis"]),
        ("opus.webm", &["-c:a", "libopus"]),
        ("opus.mkv", &["-c:a", "libopus"]),
        ("aac.mkv", &["-c:a", "aac"]),
        ("a.m4a", &["-c:a", "aac"]),
        ("a.mp4", &["-c:a", "aac"]),
        ("fast.m4a", &["-c:a", "aac", "-movflags", "+faststart"]),
        ("alac.m4a", &["-c:a", "alac"]),
        ("a.aac", &["-c:a", "aac"]),
        ("a.wma", &[]),
        ("a.wv", &[]),
        ("a.avi", &["-c:a", "mp3"]),
        ("a.ts", &["-c:a", "aac"]),
        ("a.ac3", &[]),
    ];
    for (name, args) in cases {
        let path = dir.path().join(name);
        let out = path.to_str().unwrap();
        ffmpeg(&[&["-i", wav][..], args, &[out]].concat());
        let mut reader = Reader::open(&path, &ReaderOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let info = reader.info().clone();
        let decoded = reader.read_to_end(3600.0).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (shift, likeness) = alignment(&original, &decoded, 1600);
        let off = decoded.len() as i64 - original.len() as i64;
        println!("{name}: {info:?} shift {shift} likeness {likeness:.4} length {off:+}");
    }
}

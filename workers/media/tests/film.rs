//! Film out and back in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{fs, path::Path};

use medley_media::{
    audio::{Reader, ReaderOptions, write_wav},
    ffmpeg,
    video::{Encoder, EncoderOptions, Frames, FramesOptions, VideoLimits},
};

const OPTIONS: EncoderOptions = EncoderOptions { width_px: 160, height_px: 120, rate: (25, 1), crf: 18, threads: 2 };

/// A bright square that moves right by four pixels a frame, and a tone.
fn film(path: &Path, frames: usize) {
    let wav = path.with_extension("wav");
    let tone: Vec<f32> = (0..16_000 * frames / 25).map(|n| (n as f32 * 0.17).sin() * 0.3).collect();
    write_wav(&wav, &tone, 16_000).unwrap();
    let mut encoder = Encoder::create(path, Some(&wav), &OPTIONS).unwrap();
    for n in 0..frames {
        encoder.frame(&frame(n)).unwrap();
    }
    encoder.finish().unwrap();
}

fn frame(n: usize) -> Vec<u8> {
    let mut rgb = vec![30; 160 * 120 * 3];
    for (x, y) in (0..16).flat_map(|x| (0..16).map(move |y| (x, y))) {
        let at = ((y + 40) * 160 + x + n * 4) * 3;
        rgb[at..at + 3].copy_from_slice(&[220, 180, 40]);
    }
    rgb
}

#[test]
fn frames_and_sound_come_back_in_their_places() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a b'c.mp4");
    film(&path, 30);
    let probe = ffmpeg::probe(&path).unwrap();
    let video = probe.video.unwrap();
    assert_eq!((video.codec.as_str(), video.width_px, video.height_px, video.rate), ("h264", 160, 120, (25, 1)));
    assert_eq!(probe.audio.unwrap().codec, "aac");
    assert!((probe.duration_s.unwrap() - 1.2).abs() < 0.05);

    let mut frames = Frames::open(&path, &FramesOptions::default()).unwrap();
    let (mut rgb, mut count) = (Vec::new(), 0);
    while frames.next(&mut rgb).unwrap() {
        let off: f64 =
            rgb.iter().zip(frame(count)).map(|(&a, b)| f64::from(a.abs_diff(b))).sum::<f64>() / rgb.len() as f64;
        assert!(off < 3.0, "frame {count} is {off} away from what was put in");
        count += 1;
    }
    assert_eq!(count, 30);
    let sound = Reader::open(&path, &ReaderOptions::default()).unwrap().read_to_end(10.0).unwrap();
    assert!((sound.len() as f64 / 16_000.0 - 1.2).abs() < 0.1, "{}", sound.len());

    let first = fs::read(&path).unwrap();
    film(&path, 30);
    assert!(first == fs::read(&path).unwrap(), "the same frames give the same bytes");
    let moov = first.windows(4).position(|w| w == b"moov").unwrap();
    let mdat = first.windows(4).position(|w| w == b"mdat").unwrap();
    assert!(moov < mdat, "the index comes first");
}

#[test]
fn limits_and_nonsense_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    film(&path, 10);
    let limits = VideoLimits { max_pixels: 100, ..VideoLimits::default() };
    let refused = Frames::open(&path, &FramesOptions { limits, ..FramesOptions::default() }).unwrap_err();
    assert_eq!(refused.code().as_str(), "media_too_large");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 3]).unwrap();
    let outcome = Frames::open(&path, &FramesOptions::default()).and_then(|mut frames| {
        let mut rgb = Vec::new();
        while frames.next(&mut rgb)? {}
        Ok(())
    });
    if let Err(error) = outcome {
        assert!(error.code().as_str().starts_with("media_"), "{error}");
    }
    let sound = dir.path().join("a.wav");
    assert_eq!(Frames::open(&sound, &FramesOptions::default()).unwrap_err().code().as_str(), "media_empty");
    let odd = EncoderOptions { width_px: 161, ..OPTIONS };
    assert!(Encoder::create(&path, None, &odd).unwrap_err().to_string().contains("161 x 120"));
    let mut encoder = Encoder::create(&path, None, &OPTIONS).unwrap();
    assert!(encoder.frame(&[0; 10]).is_err());
}

//! Which of several sound tracks is read.

use std::{process::Stdio, time::Duration};

use super::{
    external::Piece,
    listening::level_dbfs,
    source::Opening,
    tracks::{SoundTrack, SoundTracks, TrackChoice},
};
use crate::{
    MediaError, Problem,
    ffmpeg::{AudioStream, Limits, Search, command, run_to_end},
};

/// A track in which nothing is louder than this says nothing.
const SILENT_DBFS: f32 = -60.0;
/// Where a track is listened to: in so many windows of so many seconds, spread evenly.
const WINDOWS: usize = 12;
const WINDOW_S: f64 = 5.0;
/// Of more tracks than this the others are not listened to.
const MAX_HEARD: usize = 8;
const RATE_HZ: usize = 8000;

/// The track that the caller asks for; else the one that the file flags as default, or the first; where that is
/// silent, the first that is not.
pub(super) fn choose(
    opening: &Opening,
    piece: &Piece,
    sounds: &[AudioStream],
    asked: Option<u32>,
) -> Result<SoundTracks, MediaError> {
    let all: Vec<SoundTrack> = (1..)
        .zip(sounds)
        .map(|(number, sound)| SoundTrack {
            number,
            language: sound.language.clone(),
            title: sound.title.clone(),
            is_default: sound.is_default,
        })
        .collect();
    if let Some(asked) = asked {
        check_asked(&opening.name, asked, all.len())?;
        return Ok(SoundTracks { all, taken: asked, why: TrackChoice::Asked });
    }
    let default = all.iter().position(|track| track.is_default).unwrap_or(0);
    let (mut taken, mut why) = (default, if all.len() > 1 { TrackChoice::Default } else { TrackChoice::Only });
    if all.len() > 1 && !is_heard(opening, piece, sounds, default)? {
        let others = (0..all.len()).filter(|&track| track != default).take(MAX_HEARD);
        for track in others {
            if is_heard(opening, piece, sounds, track)? {
                (taken, why) = (track, TrackChoice::Heard);
                break;
            }
        }
    }
    let taken = all.get(taken).map_or(1, |track| track.number);
    Ok(SoundTracks { all, taken, why })
}

/// Refuses a track that a file does not have.
pub(super) fn check_asked(name: &str, asked: u32, count: usize) -> Result<(), MediaError> {
    if asked >= 1 && usize::try_from(asked).is_ok_and(|asked| asked <= count) {
        return Ok(());
    }
    Err(MediaError::new(name, Problem::NoTrack { asked, count }))
}

/// Whether anything sounds in samples of a track.
fn is_heard(opening: &Opening, piece: &Piece, sounds: &[AudioStream], track: usize) -> Result<bool, MediaError> {
    let long_s = sounds.get(track).and_then(|sound| sound.duration_s).unwrap_or(0.0);
    let whole = WINDOWS as f64 * WINDOW_S;
    let windows: Vec<(f64, f64)> = if long_s <= whole {
        vec![(0.0, whole)]
    } else {
        (0..WINDOWS).map(|n| ((n as f64 + 0.5) / WINDOWS as f64 * long_s - WINDOW_S / 2.0, WINDOW_S)).collect()
    };
    for (start_s, length_s) in windows {
        let search = sounds.get(track).map(|sound| sound.search).unwrap_or_default();
        match loudest_dbfs(opening, piece, (track, search), (start_s.max(0.0), length_s)) {
            Ok(level) if level > SILENT_DBFS => return Ok(true),
            Ok(_) => {}
            Err(error) if matches!(error.problem(), Problem::ToolMissing(_) | Problem::Io) => return Err(error),
            // What cannot be decoded there is not heard.
            Err(_) => {}
        }
    }
    Ok(false)
}

/// The level of the loudest tenth of a second in a window.
fn loudest_dbfs(
    opening: &Opening,
    piece: &Piece,
    (track, search): (usize, Search),
    window_s: (f64, f64),
) -> Result<f32, MediaError> {
    let limits = Limits { cpu_s: 60, stall: Duration::from_secs(60), ..Limits::default() };
    let input = piece.input(opening, true);
    let mut ffmpeg = command("ffmpeg", &limits);
    ffmpeg
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"])
        .args(["-ss", &format!("{:.3}", window_s.0), "-t", &format!("{:.3}", window_s.1)])
        .args(search.args())
        .args(input.args())
        // Channels stay apart: mixed, they may cancel each other.
        .args(["-map", &format!("0:a:{track}"), "-vn", "-sn", "-dn", "-ac", "2", "-ar", &RATE_HZ.to_string()])
        .args(["-f", "f32le", "pipe:1"])
        .stdin(input.stdin().map_err(|error| MediaError::io(&opening.name, error))?)
        .stdout(Stdio::piped());
    let bytes = run_to_end(ffmpeg, "ffmpeg", &opening.name, &limits, 64 << 20)?;
    let samples: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    Ok(samples.chunks(2 * RATE_HZ / 10).map(level_dbfs).fold(f32::NEG_INFINITY, f32::max))
}

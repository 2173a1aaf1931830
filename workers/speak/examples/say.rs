//! Speaks lines: `say OUT_DIR < lines.txt` writes `0000.wav`, … and tells the speed and how soon the first sound was
//! there. `--voice NAME` is another voice than the default; `--threads N` speaks N lines side by side, as a step of a job does, and
//! writes nothing. For the bench.

use std::{
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Instant,
};

use medley_models::Models;
use medley_speak::{Delivery, Speaker, Speech, Voices};

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let voices: Voices = match args.iter().position(|arg| arg == "--voice") {
        Some(at) => args.drain(at..at + 2).nth(1).ok_or("--voice NAME")?.parse()?,
        None => Voices::default(),
    };
    let threads = match args.iter().position(|arg| arg == "--threads") {
        Some(at) => args.drain(at..at + 2).nth(1).ok_or("--threads N")?.parse()?,
        None => 1,
    };
    let out = PathBuf::from(args.first().ok_or("say OUT_DIR < lines.txt")?);
    let speaker = Speaker::new(Models::open(&Models::default_dir()), threads);
    let delivery = Delivery { voices, ..Delivery::default() };
    for warm in ["Ready.", "好。"] {
        speaker.stream(warm, None, delivery, |_| ControlFlow::Continue(()))?;
    }
    let lines = io::stdin().lines().collect::<Result<Vec<_>, _>>()?;
    if threads > 1 {
        side_by_side(&speaker, delivery, &lines, threads)
    } else {
        in_turn(&speaker, delivery, &lines, &out)
    }
}

fn in_turn(speaker: &Speaker, delivery: Delivery, lines: &[String], out: &Path) -> Result<(), Failed> {
    std::fs::create_dir_all(out)?;
    let (mut samples, mut wall_s) = (0, 0.0);
    let mut firsts_ms = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let started = Instant::now();
        let mut first_s = None;
        let mut whole = Vec::new();
        speaker.stream(line, None, delivery, |part| {
            first_s.get_or_insert_with(|| started.elapsed().as_secs_f64());
            whole.extend(part.pcm);
            ControlFlow::Continue(())
        })?;
        wall_s += started.elapsed().as_secs_f64();
        samples += whole.len();
        firsts_ms.push(first_s.unwrap_or(0.0) * 1e3);
        medley_media::audio::write_wav(&out.join(format!("{n:04}.wav")), &whole, Speech::RATE_HZ)?;
    }
    firsts_ms.sort_by(f64::total_cmp);
    let first_ms = firsts_ms.get(firsts_ms.len() / 2).copied().unwrap_or(0.0);
    tell(samples, wall_s, first_ms);
    Ok(())
}

fn side_by_side(speaker: &Speaker, delivery: Delivery, lines: &[String], threads: usize) -> Result<(), Failed> {
    let (next, samples) = (AtomicUsize::new(0), AtomicU64::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        let work = || {
            while let Some(line) = lines.get(next.fetch_add(1, Ordering::Relaxed)) {
                speaker.stream(line, None, delivery, |part| {
                    samples.fetch_add(part.pcm.len() as u64, Ordering::Relaxed);
                    ControlFlow::Continue(())
                })?;
            }
            Ok(())
        };
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter().try_for_each(|thread| thread.join().expect("a thread that panics ends the measurement"))
    })
    .map_err(|error: medley_speak::SpeakError| Failed::from(error))?;
    tell(samples.into_inner() as usize, started.elapsed().as_secs_f64(), 0.0);
    Ok(())
}

fn tell(samples: usize, wall_s: f64, first_ms: f64) {
    let audio_s = samples as f64 / f64::from(Speech::RATE_HZ);
    let rtf = wall_s / audio_s;
    println!(r#"{{"audio_s": {audio_s:.2}, "wall_s": {wall_s:.3}, "rtf": {rtf:.4}, "first_ms": {first_ms:.1}}}"#);
}

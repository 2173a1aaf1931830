//! Speaks lines: `say OUT_DIR < lines.txt` writes `0000.wav`, … and tells the speed. `--joe` is the second English
//! voice. For the bench.

use std::{io, path::PathBuf, time::Instant};

use medley_models::Models;
use medley_speak::{Delivery, EnglishVoice, Speaker, Speech};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let joe = args.iter().position(|arg| arg == "--joe").map(|at| args.remove(at)).is_some();
    let out = PathBuf::from(args.first().ok_or("say OUT_DIR < lines.txt")?);
    std::fs::create_dir_all(&out)?;
    let speaker = Speaker::new(Models::open(&Models::default_dir()), 1);
    let english = if joe { EnglishVoice::Joe } else { EnglishVoice::Hibari };
    let delivery = Delivery { english, ..Delivery::default() };
    for warm in ["Ready.", "好。"] {
        speaker.stream(warm, None, delivery, |_| std::ops::ControlFlow::Continue(()))?;
    }
    let (mut audio_s, mut wall_s) = (0.0, 0.0);
    for (n, line) in io::stdin().lines().enumerate() {
        let line = line?;
        let started = Instant::now();
        let mut first_s = None;
        let mut whole = Vec::new();
        speaker.stream(&line, None, delivery, |part| {
            first_s.get_or_insert_with(|| started.elapsed().as_secs_f64());
            whole.extend(part.pcm);
            std::ops::ControlFlow::Continue(())
        })?;
        wall_s += started.elapsed().as_secs_f64();
        audio_s += whole.len() as f64 / f64::from(Speech::RATE_HZ);
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: Speech::RATE_HZ,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(out.join(format!("{n:04}.wav")), spec)?;
        whole.iter().try_for_each(|sample| wav.write_sample((sample * 32_767.0) as i16))?;
        wav.finalize()?;
        eprintln!("{n:04} first sound after {:.0} ms: {line}", first_s.unwrap_or(0.0) * 1e3);
    }
    println!("{{\"audio_s\": {audio_s:.2}, \"wall_s\": {wall_s:.3}, \"rtf\": {:.4}}}", wall_s / audio_s);
    Ok(())
}

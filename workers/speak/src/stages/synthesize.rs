//! The stage `say`: each step synthesizes one part of the script.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use medley_media::audio::write_wav;
use medley_step::{StepContext, StepError};

use crate::{
    SpeakError,
    document::Utterance,
    sound::{level, speech::Speech},
    speaker::Speaker,
    step::{Part, SpeakOutput},
};

pub(crate) fn run(speaker: &Speaker, part: &Part, cx: &StepContext<'_>) -> Result<SpeakOutput, StepError> {
    let script = lines(part, cx)?;
    let mut whole = Speech::default();
    for (utterance, speech) in script.iter().zip(synthesize(speaker, &script, cx)?) {
        whole.append(speech);
        whole.silence(level::samples_of(utterance.pause_ms));
    }
    let stem = format!("part-{:05}", part.number);
    let wav = cx.place(&format!("{stem}.wav"))?;
    write_wav(&wav, &whole.pcm, Speech::RATE_HZ)?;
    cx.publish_file(&format!("{stem}.wav"), "audio/wav", &wav)?;
    cx.publish(&format!("{stem}.json"), "application/json", &serde_json::to_vec(&whole.timing)?)?;
    Ok(SpeakOutput::Say { duration_s: whole.duration_s() })
}

fn lines(part: &Part, cx: &StepContext<'_>) -> Result<Vec<Utterance>, StepError> {
    let mut file = File::open(&cx.input(0)?.path)?;
    file.seek(SeekFrom::Start(part.offset_bytes))?;
    let lines = BufReader::new(file.take(part.length_bytes)).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}

/// Synthesizes the sentences on the step's threads; their speech, in order.
fn synthesize(speaker: &Speaker, script: &[Utterance], cx: &StepContext<'_>) -> Result<Vec<Speech>, StepError> {
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let spoken: Vec<Mutex<Option<Result<Speech, SpeakError>>>> = script.iter().map(|_| Mutex::default()).collect();
    let host = cx.host();
    let stopped = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..cx.threads().min(script.len()) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(utterance) = script.get(place) else { return };
                    if let Err(error) = host.checkpoint() {
                        stopped.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        next.store(script.len(), Ordering::Relaxed);
                        return;
                    }
                    let speech = speaker.sentence(utterance);
                    *spoken[place].lock().unwrap_or_else(PoisonError::into_inner) = Some(speech);
                    let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                    host.progress(count as f64, script.len() as f64, "sentences");
                }
            });
        }
    });
    if let Some(error) = stopped.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let taken = spoken.into_iter().map(|speech| {
        let speech = speech.into_inner().unwrap_or_else(PoisonError::into_inner);
        speech.ok_or_else(|| StepError::internal("a sentence was not spoken"))?.map_err(StepError::from)
    });
    taken.collect()
}

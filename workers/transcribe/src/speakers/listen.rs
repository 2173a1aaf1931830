//! The step that listens to one stretch of the file.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use medley_media::audio::ListeningGain;
use medley_models::Session;
use medley_step::{StepContext, StepError};

use super::{
    error::{ListenError, MAX_TIME},
    fbank::Fbank,
    segmentation::{self, Votes, window_starts},
    step::{ListenStep, Listened, Missed, Piece, Place, Turn, Voice},
    voice_print::{self, HOP_S, Sound},
};
use crate::{
    audio,
    speech::{SAMPLE_RATE_HZ, span::Span, windows::sample},
};

/// How often a listening step looks whether it should stop.
const CHECK_EVERY: Duration = Duration::from_millis(500);
/// Sound after a stretch that the last voice print of it may borrow.
const MARGIN: usize = SAMPLE_RATE_HZ as usize;

/// The two models, one thread to a run: the same sound gives the same prints however many run side by side.
pub(crate) struct Ears {
    pub(crate) segmentation: Session,
    pub(crate) voice_print: Session,
}

/// Listens to a stretch. What cannot be heard is an answer too, for the text must not be lost by it.
pub(crate) fn listen(ears: &Ears, step: &ListenStep, cx: &StepContext<'_>) -> Result<Listened, StepError> {
    let missed = |why: String| Listened { missed: vec![Missed { span: step.stretch, why }], ..Listened::default() };
    if died_here(cx)? {
        return Ok(missed("its process died while listening".into()));
    }
    let heard = if step.split { by_channel(ears, step, cx) } else { try_listen(ears, step, cx) };
    match heard {
        Ok(listened) => Ok(listened),
        Err(stop @ (StepError::Cancelled | StepError::Interrupted)) => Err(stop),
        Err(error) => {
            tracing::warn!(%error, "a stretch has no speakers");
            Ok(missed(error.to_string()))
        }
    }
}

/// Notes down that listening begins, and tells whether an earlier try was this process's death.
fn died_here(cx: &StepContext<'_>) -> Result<bool, StepError> {
    let notes = fs::read_to_string(cx.notes()).unwrap_or_default();
    let mut file = OpenOptions::new().create(true).append(true).open(cx.notes())?;
    file.write_all(b"{\"begun\":true}\n")?;
    Ok(notes.contains("\"died\""))
}

/// Another channel must be this much louder for what is heard in one to be its echo: 15 dB.
const LEAK: f64 = 0.03;

/// Each channel is a speaker: whoever is heard in it speaks, unless it is another one's echo.
fn by_channel(ears: &Ears, step: &ListenStep, cx: &StepContext<'_>) -> Result<Listened, StepError> {
    let shared = Shared { cx, until: Instant::now() + MAX_TIME };
    let channels = audio::Sound::open(cx.input(0)?, step.track, 0.0)?.channels();
    let around = Around::of(step);
    let mut heard = Vec::with_capacity(channels);
    for channel in 0..channels {
        let samples = read(cx, step.track, Some(channel), around.first, around.end)?;
        let share = 1.0 / channels as f64;
        let votes = around.vote(ears, &samples, &shared, (channel as f64 * share, share))?;
        let spans = votes.speech(step.stretch);
        let powers: Vec<f64> = samples.chunks(POWER).map(power).collect();
        heard.push((spans, powers));
    }
    let mut turns = Vec::new();
    for (channel, (spans, _)) in heard.iter().enumerate() {
        let loud_s = |span: &Span, powers: &[f64]| {
            let place = |at_s: f64| sample(at_s).saturating_sub(around.first) / POWER;
            let own = powers.get(place(span.start_s)..place(span.end_s).max(place(span.start_s) + 1));
            own.map_or(0.0, |own| own.iter().sum::<f64>() / own.len() as f64)
        };
        for span in spans {
            let own = loud_s(span, &heard[channel].1);
            let others = heard.iter().map(|(_, powers)| loud_s(span, powers));
            if own >= LEAK * others.fold(0.0, f64::max) {
                turns.push(Turn { span: *span, speaker: u32::try_from(channel).unwrap_or(u32::MAX) });
            }
        }
    }
    turns.sort_by(|a, b| a.span.start_s.total_cmp(&b.span.start_s));
    Ok(Listened { turns, ..Listened::default() })
}

/// Samples whose power is one number: 10 ms.
const POWER: usize = SAMPLE_RATE_HZ as usize / 100;

fn power(samples: &[f32]) -> f64 {
    samples.iter().map(|x| f64::from(x * x)).sum::<f64>() / samples.len().max(1) as f64
}

/// A stretch with what surrounds it, as the models hear it.
struct Around {
    starts: Vec<usize>,
    /// The first sample of the file that is read, and the last plus one.
    first: usize,
    end: usize,
}

impl Around {
    fn of(step: &ListenStep) -> Self {
        let starts = window_starts(step.stretch, sample(step.duration_s));
        let first = starts.first().copied().unwrap_or(0).min(sample(step.stretch.start_s).saturating_sub(MARGIN));
        let end = starts.last().map_or(0, |last| last + segmentation::WINDOW).max(sample(step.stretch.end_s) + MARGIN);
        Self { starts, first, end }
    }

    /// What the segmentation hears in all windows; progress is a part of the step's.
    fn vote(
        &self,
        ears: &Ears,
        samples: &[f32],
        shared: &Shared<'_>,
        (before, share): (f64, f64),
    ) -> Result<Votes, StepError> {
        let wave = |start: usize| {
            let from = (start - self.first).min(samples.len());
            let mut wave = samples[from..(from + segmentation::WINDOW).min(samples.len())].to_vec();
            // Silence fills up the last window.
            wave.resize(segmentation::WINDOW, 0.0);
            wave
        };
        let hear = |start: &usize| segmentation::hear(&ears.segmentation, &wave(*start));
        let heard = shared.map(&self.starts, before, share, hear)?;
        let mut votes = Votes::new(&self.starts);
        self.starts.iter().zip(&heard).for_each(|(start, heard)| votes.add(*start, heard));
        Ok(votes)
    }
}

fn try_listen(ears: &Ears, step: &ListenStep, cx: &StepContext<'_>) -> Result<Listened, StepError> {
    let shared = Shared { cx, until: Instant::now() + MAX_TIME };
    let around = Around::of(step);
    let samples = read(cx, step.track, None, around.first, around.end)?;
    let votes = around.vote(ears, &samples, &shared, (0.0, 0.4))?;

    let pieces: Vec<(Span, Vec<Span>)> =
        votes.pieces(step.stretch).into_iter().map(|piece| (piece, voice_print::places(piece))).collect();
    let places: Vec<Span> = pieces.iter().flat_map(|(_, places)| places.iter().copied()).collect();
    let fbank = Fbank::new();
    let sound = Sound { samples: &samples, first: around.first, duration_s: step.duration_s };
    let prints =
        shared.map(&places, 0.4, 0.6, |place| voice_print::print(&ears.voice_print, &fbank, &sound, *place))?;

    let mut listened = Listened { both: votes.both(step.stretch), ..Listened::default() };
    let mut prints = prints.into_iter();
    for (span, places) in pieces {
        let mut piece = Piece { span, prints: Vec::new() };
        for (place, print) in places.into_iter().zip(prints.by_ref()) {
            let Some(print) = print else { continue };
            piece.prints.push(Place { span: place, voice: u32::try_from(listened.voices.len()).unwrap_or(u32::MAX) });
            let weight_s = place.len_s();
            listened.voices.push(Voice { print, weight_s, own_s: weight_s.min(HOP_S) });
        }
        listened.pieces.push(piece);
    }
    Ok(listened)
}

/// The input's samples from one to another, or as many as there are.
fn read(
    cx: &StepContext<'_>,
    track: Option<u32>,
    channel: Option<usize>,
    first: usize,
    end: usize,
) -> Result<Vec<f32>, StepError> {
    let from_s = first as f64 / f64::from(SAMPLE_RATE_HZ);
    let mut sound = audio::Sound::open_channel(cx.input(0)?, track, channel, from_s)?;
    let (mut samples, mut block) = (Vec::with_capacity(end - first), Vec::new());
    while samples.len() < end - first {
        cx.checkpoint()?;
        sound.read(&mut block)?;
        if block.is_empty() {
            break;
        }
        let wanted = block.len().min(end - first - samples.len());
        samples.extend_from_slice(&block[..wanted]);
    }
    // Channels keep their levels, by which an echo is known.
    if channel.is_none() {
        // One gain for the whole stretch: the voice prints' bands have a floor, which very quiet sound lies below.
        ListeningGain::new(SAMPLE_RATE_HZ).apply(&mut samples);
    }
    Ok(samples)
}

struct Shared<'a> {
    cx: &'a StepContext<'a>,
    until: Instant,
}

impl Shared<'_> {
    /// Computes something for each item on all threads of the step, in the items' order. Progress goes on from `before` by
    /// `share`, as parts of the step's work.
    fn map<T: Sync, R: Send>(
        &self,
        items: &[T],
        before: f64,
        share: f64,
        compute: impl Fn(&T) -> Result<R, ListenError> + Sync,
    ) -> Result<Vec<R>, StepError> {
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let found: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
        let (report, reports) = mpsc::channel::<Result<(), ListenError>>();
        std::thread::scope(|scope| {
            for _ in 0..self.cx.threads().min(items.len()) {
                let (report, next, stop, found, compute) = (report.clone(), &next, &stop, &found, &compute);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        let Some(item) = items.get(n) else { break };
                        let done = compute(item).map(|result| {
                            found.lock().unwrap_or_else(PoisonError::into_inner)[n] = Some(result);
                        });
                        if report.send(done).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(report);
            let waited = self.wait(&reports, items.len(), before, share);
            stop.store(true, Ordering::Relaxed);
            waited
        })?;
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.into_iter().collect::<Option<_>>().ok_or_else(|| StepError::internal("a listening thread left no result"))
    }

    fn wait(
        &self,
        reports: &mpsc::Receiver<Result<(), ListenError>>,
        count: usize,
        before: f64,
        share: f64,
    ) -> Result<(), StepError> {
        let mut done = 0;
        loop {
            match reports.recv_timeout(CHECK_EVERY) {
                Ok(Ok(())) => {
                    done += 1;
                    self.cx.progress((before + share * f64::from(done) / count as f64) * 100.0, 100.0, "% listened to");
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.cx.checkpoint()?;
            if Instant::now() >= self.until {
                return Err(ListenError::Late.into());
            }
        }
    }
}

//! Silero's voice detector, run over any length of audio in blocks.

use medley_models::Session;
use ndarray::{Array2, Array3};
use ort::value::TensorRef;

use super::SAMPLE_RATE_HZ;
use crate::error::VadError;

/// New samples of one frame: 32 ms.
pub(crate) const FRAME: usize = 512;
/// Seconds of one frame.
pub(crate) const FRAME_S: f64 = FRAME as f64 / SAMPLE_RATE_HZ as f64;
/// Each frame begins with this many samples of the frame before; without them the model finds no speech.
const CONTEXT: usize = 64;
/// Frames given to the model at once: 16 s, 1.2 MB.
const BLOCK: usize = 500;

/// The probability of speech, frame by frame. The state of the recurrent network is carried from block to block, so
/// the answers are those of one pass over the whole file.
pub(crate) struct Vad {
    session: Session,
    h: Array3<f32>,
    c: Array3<f32>,
    /// The context, and samples that do not fill a frame yet.
    pending: Vec<f32>,
}

impl Vad {
    pub(crate) fn new(session: Session) -> Self {
        let zeros = || Array3::zeros((1, 1, 128));
        Self { session, h: zeros(), c: zeros(), pending: vec![0.0; CONTEXT] }
    }

    /// Takes the next samples; calls `frame` with the probability and the samples of each frame that is complete.
    pub(crate) fn feed(&mut self, samples: &[f32], frame: impl FnMut(f32, &[f32])) -> Result<(), VadError> {
        self.pending.extend_from_slice(samples);
        self.drain(BLOCK, frame)
    }

    /// Takes the rest at the end of the file; silence fills up the last frame.
    pub(crate) fn finish(&mut self, mut frame: impl FnMut(f32, &[f32])) -> Result<(), VadError> {
        self.drain(1, &mut frame)?;
        if self.pending.len() > CONTEXT {
            self.pending.resize(CONTEXT + FRAME, 0.0);
            self.drain(1, frame)?;
        }
        Ok(())
    }

    fn drain(&mut self, at_least: usize, mut frame: impl FnMut(f32, &[f32])) -> Result<(), VadError> {
        let mut used = 0;
        loop {
            let frames = ((self.pending.len() - used - CONTEXT) / FRAME).min(BLOCK);
            if frames < at_least.min(BLOCK) || frames == 0 {
                break;
            }
            let samples = &self.pending[used..used + CONTEXT + frames * FRAME];
            let mut input = Array2::<f32>::zeros((frames, CONTEXT + FRAME));
            for (n, mut row) in input.rows_mut().into_iter().enumerate() {
                row.as_slice_mut()
                    .expect("rows of a fresh array are contiguous")
                    .copy_from_slice(&samples[n * FRAME..n * FRAME + CONTEXT + FRAME]);
            }
            let (h, c) = (&mut self.h, &mut self.c);
            let probs = self.session.with(|session| -> Result<Vec<f32>, ort::Error> {
                let outputs = session.run(ort::inputs![
                    "input" => TensorRef::from_array_view(input.view())?,
                    "h" => TensorRef::from_array_view(h.view())?,
                    "c" => TensorRef::from_array_view(c.view())?,
                ])?;
                let probs = outputs["speech_probs"].try_extract_tensor::<f32>()?.1.to_vec();
                let (_, hn) = outputs["hn"].try_extract_tensor::<f32>()?;
                let (_, cn) = outputs["cn"].try_extract_tensor::<f32>()?;
                h.iter_mut().zip(hn).for_each(|(to, from)| *to = *from);
                c.iter_mut().zip(cn).for_each(|(to, from)| *to = *from);
                Ok(probs)
            })?;
            for (n, prob) in probs.into_iter().enumerate() {
                frame(prob, &samples[CONTEXT + n * FRAME..CONTEXT + (n + 1) * FRAME]);
            }
            used += frames * FRAME;
        }
        self.pending.drain(..used);
        Ok(())
    }
}

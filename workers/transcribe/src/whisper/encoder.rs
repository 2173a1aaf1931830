//! Whisper's encoder on ONNX Runtime, through the hook that whisper.cpp has for Core ML.
//!
//! whisper.cpp calls three C functions where it was built for Core ML (`.cargo/config.toml` builds it so; decision
//! record 0010 says why). They are defined here: `whisper_init_state` asks for an encoder, every encode goes to it, and
//! `whisper_free_state` gives it back. Which encoder a state gets is told by [`with_encoder`] around the call that
//! makes the state, on the same thread; without it the answer is none, and whisper.cpp uses its own.

use std::{
    cell::RefCell,
    ffi::{c_char, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use medley_models::Session;
use ort::value::TensorRef;

/// What a state holds of its encoder: the sessions, the width of its output, and what it leaves.
pub(super) struct Encoder {
    session: Session,
    /// Numbers for each position of the output.
    width: usize,
    left: Left,
}

/// What an encode leaves for whoever asked for it: C has no place for either.
#[derive(Clone, Default)]
pub(super) struct Left {
    failure: Failure,
    /// The last output, when it is [kept](Self::keeping).
    encoded: Option<Arc<Mutex<Vec<f32>>>>,
}

impl Left {
    /// Leaves the output too.
    pub(super) fn keeping() -> Self {
        Self { encoded: Some(Arc::default()), ..Self::default() }
    }

    /// What went wrong.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.take()
    }

    /// The output of the last encode: `[positions][width]`.
    pub(super) fn encoded(&self) -> Vec<f32> {
        let lock =
            |kept: &Arc<Mutex<Vec<f32>>>| std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
        self.encoded.as_ref().map(lock).unwrap_or_default()
    }

    fn keep(&self, out: &[f32]) {
        if let Some(kept) = &self.encoded {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.clear();
            kept.extend_from_slice(out);
        }
    }
}

/// The first error of an encode.
#[derive(Clone, Default)]
struct Failure(Arc<Mutex<Option<String>>>);

impl Failure {
    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, message: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
    }
}

thread_local! {
    static NEXT: RefCell<Option<Encoder>> = const { RefCell::new(None) };
}

/// Runs `make`, which makes one Whisper state: that state encodes by `session`.
pub(super) fn with_encoder<T>(session: Session, width: usize, left: Left, make: impl FnOnce() -> T) -> T {
    // The functions below are only called from C: naming them here keeps them in the program.
    std::hint::black_box((
        whisper_coreml_init as *const (),
        whisper_coreml_free as *const (),
        whisper_coreml_encode as *const (),
    ));
    NEXT.set(Some(Encoder { session, width, left }));
    let made = make();
    NEXT.set(None);
    made
}

#[unsafe(no_mangle)]
extern "C" fn whisper_coreml_init(_path: *const c_char) -> *mut c_void {
    NEXT.take().map_or(std::ptr::null_mut(), |encoder| Box::into_raw(Box::new(encoder)).cast())
}

/// # Safety
/// `encoder` is what [`whisper_coreml_init`] returned, and is not used again.
#[unsafe(no_mangle)]
unsafe extern "C" fn whisper_coreml_free(encoder: *mut c_void) {
    // SAFETY: whisper_free_state calls this once, with the pointer that the state got at its making.
    drop(unsafe { Box::from_raw(encoder.cast::<Encoder>()) });
}

/// Encodes `mel` (`[n_mel][frames]`) into `out` (`[frames / 2][width]`); zeros and a note in [`Left`] if it cannot.
///
/// # Safety
/// `encoder` is what [`whisper_coreml_init`] returned; `mel` and `out` point to arrays of those sizes.
#[unsafe(no_mangle)]
unsafe extern "C" fn whisper_coreml_encode(
    encoder: *const c_void,
    frames: i64,
    n_mel: i64,
    mel: *mut f32,
    out: *mut f32,
) {
    // SAFETY: see above; the state is used by one thread at a time and keeps its encoder alive meanwhile.
    let encoder = unsafe { &*encoder.cast::<Encoder>() };
    let (Ok(in_len), Ok(out_len)) = (usize::try_from(frames * n_mel), usize::try_from(frames / 2)) else {
        return encoder.left.failure.set(format!("asked to encode {frames} frames of {n_mel}"));
    };
    // SAFETY: whisper.cpp's tensors of these shapes, contiguous f32 in host memory (no GPU back end is built in).
    let (mel, out) = unsafe {
        (std::slice::from_raw_parts(mel, in_len), std::slice::from_raw_parts_mut(out, out_len * encoder.width))
    };
    // Unwinding into C would be undefined.
    let run = catch_unwind(AssertUnwindSafe(|| encoder.run(frames, n_mel, mel, out)));
    let message = match run {
        Ok(Ok(())) => return encoder.left.keep(out),
        Ok(Err(message)) => message,
        Err(_) => "the encoder panicked".into(),
    };
    out.fill(0.0);
    encoder.left.failure.set(message);
}

impl Encoder {
    fn run(&self, frames: i64, n_mel: i64, mel: &[f32], out: &mut [f32]) -> Result<(), String> {
        let encoded = self.session.with(|session| -> Result<usize, ort::Error> {
            let input = TensorRef::from_array_view(([1, n_mel, frames], mel))?;
            let outputs = session.run(ort::inputs!["mel" => input])?;
            let (_, encoded) = outputs["out"].try_extract_tensor::<f32>()?;
            if encoded.len() == out.len() {
                out.copy_from_slice(encoded);
            }
            Ok(encoded.len())
        });
        match encoded {
            Ok(len) if len == out.len() => Ok(()),
            Ok(len) => Err(format!("the encoder gave {len} numbers where {} were wanted", out.len())),
            Err(error) => Err(error.to_string()),
        }
    }
}

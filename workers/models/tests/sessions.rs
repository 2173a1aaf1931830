//! Sessions on real models of the cache (`medley models pull all`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use medley_models::{Models, SessionOptions};
use ort::value::TensorRef;

fn probabilities(session: &mut ort::session::Session, sound: &[f32]) -> Vec<f32> {
    let chunks = sound.len() / 576;
    let state = vec![0.0_f32; 128];
    let outputs = session
        .run(ort::inputs![
            "input" => TensorRef::from_array_view(([chunks, 576], &sound[..chunks * 576])).unwrap(),
            "h" => TensorRef::from_array_view(([1, 1, 128], &*state)).unwrap(),
            "c" => TensorRef::from_array_view(([1, 1, 128], &*state)).unwrap(),
        ])
        .unwrap();
    outputs["speech_probs"].try_extract_tensor::<f32>().unwrap().1.to_vec()
}

#[test]
fn sessions_of_a_pool_run_side_by_side_and_agree() {
    let models = Models::open(&Models::default_dir());
    let options = SessionOptions { threads: 1, parallel: 2 };
    let session = models.session("silero-vad", "vad-sequence.onnx", options).unwrap();
    let sound: Vec<f32> = (0..576 * 40).map(|i| ((i * i) as f32 * 1e-5).sin() * 0.3).collect();
    let alone = session.with(|session| probabilities(session, &sound));
    assert_eq!(alone.len(), 40);
    assert!(alone.iter().all(|p| (0.0..=1.0).contains(p)));

    // Both are inside `with` at once, or the barrier would hold them for ever.
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let here = session.with(|session| {
                    barrier.wait();
                    probabilities(session, &sound)
                });
                assert_eq!(here, alone, "the same numbers to the last bit, from whichever session");
            });
        }
    });
}

#[test]
fn a_pool_never_lends_more_than_it_may_and_survives_a_panic() {
    let models = Models::open(&Models::default_dir());
    let session = models.session("silero-vad", "vad.onnx", SessionOptions { threads: 1, parallel: 1 }).unwrap();
    let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for n in 0..6 {
            let (session, inside, most) = (&session, &inside, &most);
            scope.spawn(move || {
                let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    session.with(|_| {
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        assert!(n % 2 == 0, "half of them panic");
                    });
                }));
                assert_eq!(outcome.is_ok(), n % 2 == 0);
            });
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[test]
fn what_was_used_is_told_with_hashes_and_terms() {
    let models = Models::open(&Models::default_dir());
    models.file("whisper-tiny.en", "ggml-q8_0.bin").unwrap();
    let clone = models.clone();
    clone.session("silero-vad", "vad.onnx", SessionOptions::default()).unwrap();
    let used = models.used();
    let names: Vec<_> = used.iter().map(|model| model.name.as_str()).collect();
    assert!(names.contains(&"whisper-tiny.en") && names.contains(&"silero-vad"), "{names:?}");
    assert!(used.iter().all(|model| !model.files.is_empty() && !model.licence_weights.is_empty()));
}

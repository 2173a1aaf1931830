//! The kinds `transcribe` and `podcast` as constants.

use medley_step::{Kind, Program, Sample};

use crate::{PodcastRecipe, TranscribeRecipe, TranscribeWorker};

const SAMPLE: &[Sample] = &[Sample::File { model: "sample-speech", file: "two-cities.wav" }];

/// Whisper's sizes by their own names; `auto` chooses.
const SIZES: &[&str] =
    &["auto", "tiny.en", "base", "small", "medium", "large-v3", "large-v3-turbo", "large-v3-turbo-q5_0"];

pub const KIND: Kind = Kind::new("transcribe")
    .worker::<TranscribeWorker>()
    .recipe::<TranscribeRecipe>()
    .models(&[
        "onnxruntime",
        "silero-vad",
        "speaker-segmentation",
        "voice-print",
        "whisper-tiny.en",
        "whisper-base",
        "whisper-small",
        "whisper-medium",
        "whisper-large-v3",
        "whisper-large-v3-turbo",
        "whisper-large-v3-turbo-q5_0",
    ])
    .choices(SIZES)
    .programs(&[Program {
        name: "ffmpeg",
        purpose: "audio and video that is not wav, mp3, flac, ogg or m4a",
        package: "ffmpeg",
    }])
    .samples(SAMPLE);

/// A transcript with chapters, summary and a page.
pub const PODCAST: Kind =
    Kind::new("podcast").recipe::<PodcastRecipe>().parts(&["transcribe"]).choices(SIZES).samples(SAMPLE);

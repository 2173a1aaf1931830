//! The kinds `portrait` and `news` as constants, without their recipes, which are made with those of other kinds: the
//! binary adds them.

use medley_step::{Kind, Program, Sample};

use crate::PortraitWorker;

const PHOTO: Sample = Sample::File { model: "sample-clip", file: "franz-kafka.jpg" };

pub const KIND: Kind = Kind::new("portrait")
    .worker::<PortraitWorker>()
    // A recording is transcribed, and its words are spoken once more for the times of their sounds.
    .parts(&["transcribe", "speak"])
    .models(&["onnxruntime", "silero-vad", "face-detector", "face-mesh", "wav2lip-gan-96"])
    .programs(&[Program { name: "ffmpeg", purpose: "encoding film", package: "ffmpeg" }])
    .samples(&[PHOTO, Sample::File { model: "sample-speech", file: "beckett.wav" }]);

/// The person in a photo reads a script.
pub const NEWS: Kind = Kind::new("news").parts(&["speak", "portrait"]).samples(&[
    Sample::Text("Good evening. The harbour was closed this morning because of fog. It opens again at noon."),
    PHOTO,
]);

//! The kind `speak` as a constant.

use medley_step::{Kind, Program, Sample};

use crate::SpeakWorker;

/// Without its recipe, which is made with that of another kind: the binary adds it.
pub const KIND: Kind = Kind::new("speak")
    .worker::<SpeakWorker>()
    .models(&[
        "onnxruntime",
        "silero-vad",
        "piper-joe",
        "hibari",
        "fastspeech2-baker",
        "kokoro",
        "kokoro-en",
        "kokoro-zh",
    ])
    .programs(&[
        Program { name: "espeak-ng", purpose: "English speech", package: "espeak-ng" },
        Program { name: "ffmpeg", purpose: "encoding speech", package: "ffmpeg" },
    ])
    .samples(&[Sample::Text("Good morning, and welcome aboard. 早上好，欢迎乘坐。")]);

use std::sync::{Arc, Mutex, PoisonError};

use medley_models::{Models, SessionOptions};
use medley_proto::ModelUse;
use medley_step::{BuildContext, BuildError, StepContext, StepError, Worker, tasks};

use crate::{
    assemble::{self, WindowQuality},
    audio,
    config::TranscribeConfig,
    decode,
    episode::{self, PublishStep},
    params::TranscribeParams,
    plan,
    speakers::{
        self,
        listen::{self, Ears},
        step::{ListenStep, Listened, MergeListenedStep, SpeakersStep},
    },
    speech::vad::Vad,
    step::{DecodeStep, GatherStep, Gathered, MergeStep, Plan, TranscribeOutput, TranscribeStep},
    whisper::{self, LoadOptions, Recognizer},
};

/// The worker of the kinds `transcribe` and `podcast`.
pub struct TranscribeWorker {
    models: Models,
    config: TranscribeConfig,
    slots: usize,
    /// The model that was used last stays loaded.
    loaded: Mutex<Option<LoadedModel>>,
}

struct LoadedModel {
    name: String,
    options: LoadOptions,
    whisper: Arc<dyn Recognizer>,
}

impl std::fmt::Debug for TranscribeWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TranscribeWorker").field("config", &self.config).finish_non_exhaustive()
    }
}

tasks!(TranscribeWorker: TranscribeStep => TranscribeOutput { Plan(TranscribeParams) => Plan, Gather(GatherStep) => Gathered });
tasks!(TranscribeWorker: TranscribeStep => unread {
    Decode(DecodeStep), Merge(MergeStep), Listen(ListenStep), MergeListened(MergeListenedStep), Speakers(SpeakersStep),
    Publish(PublishStep),
});

impl Worker for TranscribeWorker {
    const KIND: &'static str = "transcribe";
    type Config = TranscribeConfig;
    type Params = TranscribeStep;
    type Output = TranscribeOutput;

    fn build(config: TranscribeConfig, cx: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self { models: Models::open(&cx.models_dir), config, slots: cx.slots, loaded: Mutex::default() })
    }

    fn run(&self, params: TranscribeStep, cx: &StepContext<'_>) -> Result<TranscribeOutput, StepError> {
        match params {
            TranscribeStep::Plan(params) => self.plan(&params, cx),
            TranscribeStep::Decode(step) => self.decode(step, cx),
            TranscribeStep::Merge(MergeStep {}) => merge(cx),
            TranscribeStep::Listen(step) => self.listen(&step, cx),
            TranscribeStep::MergeListened(MergeListenedStep {}) => {
                Ok(TranscribeOutput::Listen(speakers::merge(listened(cx)?)))
            }
            TranscribeStep::Speakers(SpeakersStep { count }) => {
                Ok(TranscribeOutput::Speakers(speakers::speakers(listened(cx)?, count)))
            }
            TranscribeStep::Gather(step) => assemble(step, cx),
            TranscribeStep::Publish(step) => {
                Ok(TranscribeOutput::Publish { chapters: episode::publish(&step, &self.config.assist, cx)? })
            }
        }
    }

    fn models(&self) -> Vec<ModelUse> {
        self.models.used()
    }
}

impl TranscribeWorker {
    fn plan(&self, params: &TranscribeParams, cx: &StepContext<'_>) -> Result<TranscribeOutput, StepError> {
        let input = cx.input(0)?;
        // Fails before the work when the model is missing.
        let models = self.fingerprint(params.model())?;
        if params.tells_speakers() {
            plan::check_channels(params, input)?;
            self.ears(1)?;
        }
        // Nothing else runs yet, so the detector gets all threads.
        let options = SessionOptions { threads: cx.threads(), parallel: 1 };
        let vad = Vad::new(self.models.session("silero-vad", "vad-sequence.onnx", options)?);
        let detected = plan::find_speech(vad, params, cx)?;
        plan::refuse_silence(&detected, params.silence, input)?;
        let recognizer = match params.fixed_language() {
            Some(_) => None,
            None => Some(self.whisper(params.model(), params.word_timestamps, cx.threads())?),
        };
        let language = plan::decide_language(recognizer.as_deref(), &detected, params, cx)?;
        Ok(TranscribeOutput::Plan(Plan { models, ..plan::plan(detected, language, params.model(), input) }))
    }

    fn decode(&self, step: DecodeStep, cx: &StepContext<'_>) -> Result<TranscribeOutput, StepError> {
        let DecodeStep { facts, how, windows } = step;
        let loaded = audio::load(cx, how.track, windows)?;
        let whisper = self.whisper(&how.model, how.word_timestamps, cx.threads())?;
        let windows = decode::decode(&*whisper, &loaded, &how, cx)?;
        Ok(TranscribeOutput::Decode { facts, windows })
    }

    fn listen(&self, step: &ListenStep, cx: &StepContext<'_>) -> Result<TranscribeOutput, StepError> {
        let ears = self.ears(self.slots * cx.threads())?;
        Ok(TranscribeOutput::Listen(listen::listen(&ears, step, cx)?))
    }

    fn ears(&self, parallel: usize) -> Result<Ears, StepError> {
        let options = SessionOptions { threads: 1, parallel };
        Ok(Ears {
            segmentation: self.models.session("speaker-segmentation", "segmentation.onnx", options)?,
            voice_print: self.models.session("voice-print", "voice-print.onnx", options)?,
        })
    }

    /// The hashes of the model's files, for the cache keys of decode steps.
    fn fingerprint(&self, name: &str) -> Result<String, StepError> {
        let model = format!("whisper-{name}");
        for file in whisper::files(name, self.config.whisper_cpp)? {
            self.models.file(&model, file)?;
        }
        let used = self.models.used().into_iter().filter(|used| used.name == model);
        let hashes = used.flat_map(|used| used.files).map(|(file, sha256)| format!("{file}={sha256}"));
        Ok(hashes.collect::<Vec<_>>().join(" "))
    }

    fn whisper(&self, name: &str, align: bool, threads: usize) -> Result<Arc<dyn Recognizer>, StepError> {
        let options = LoadOptions { align, whisper_cpp: self.config.whisper_cpp, parallel: self.slots * threads };
        // The lock is held while the model loads, so that two slots load it once.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = &*loaded
            && loaded.name == name
            && loaded.options == options
        {
            return Ok(loaded.whisper.clone());
        }
        let whisper = whisper::load(&self.models, name, options)?;
        *loaded = Some(LoadedModel { name: name.into(), options, whisper: whisper.clone() });
        Ok(whisper)
    }
}

/// Joins the outputs of a group into one artifact of the same shape.
fn merge(cx: &StepContext<'_>) -> Result<TranscribeOutput, StepError> {
    let TranscribeOutput::Decode { facts, .. } = cx.input_json(0)? else {
        return Err(StepError::internal(format!("the first input of {} is not the output of a decode step", cx.id())));
    };
    let (windows, _) = assemble::collect(cx)?;
    let mut file = cx.create("decoded.json", "application/json")?;
    serde_json::to_writer(&mut file, &TranscribeOutput::Decode { facts: facts.clone(), windows })?;
    file.keep()?;
    Ok(TranscribeOutput::Merge { facts })
}

/// What the steps before listened to.
fn listened(cx: &StepContext<'_>) -> Result<Vec<Listened>, StepError> {
    let read = |n| match cx.input_json(n)? {
        TranscribeOutput::Listen(listened) => Ok(listened),
        _ => Err(StepError::internal(format!("input {n} of {} is not the output of a listen step", cx.id()))),
    };
    (0..cx.inputs().len()).map(read).collect()
}

fn assemble(step: GatherStep, cx: &StepContext<'_>) -> Result<TranscribeOutput, StepError> {
    let GatherStep { params, facts, file } = step;
    let (windows, speakers) = assemble::collect(cx)?;
    let quality: Vec<WindowQuality> = windows.iter().map(WindowQuality::from).collect();
    let assembled = assemble::assemble(windows, speakers, &params, &facts);
    let words = assemble::publish(&assembled, &quality, &facts, &file, cx)?;
    Ok(TranscribeOutput::Gather(Gathered { facts, words }))
}

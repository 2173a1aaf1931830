use medley_portrait::{
    Engine, Film, Lips, Mux, PortraitOutput, PortraitParams, Prepare, PrepareInputs, Script, can_be_said, film,
    text_to_speak,
};
use medley_proto::Input;
use medley_speak::{SpeakFragment, SpeakParams};
use medley_step::{
    StepError,
    graph::{Call, Draft, Fragment, Maybe, One, PlanContext, Recipe, Scope},
};
use medley_transcribe::{Silence, TranscribeParams, TranscribeRecipe};

/// A photo and a voice, and where there is one the voice's `timing.json`. Without it the recording is first transcribed and
/// its words spoken by a synthetic voice, whose phoneme times are then carried over.
#[derive(Debug)]
pub(crate) struct PortraitRecipe;

/// The job's inputs, in order.
const PICTURE: usize = 0;
const SOUND: usize = 1;
const TIMING: usize = 2;

impl Recipe for PortraitRecipe {
    const KIND: &'static str = "portrait";
    const ABOUT: &'static str = "Make the person in a photo speak what is heard in a recording";
    const EXAMPLES: &'static str = "medley run portrait kafka.jpg voice.wav -o out\n\
        medley run portrait kafka.jpg speech.wav timing.json --framing head --still -o out";
    const INPUTS: std::ops::RangeInclusive<usize> = 2..=3;
    const INPUT_ROLES: &'static [&'static str] =
        &["the photo", "the speech", "the timing.json of `speak` (if it is there)"];

    fn check(params: &PortraitParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }
}

impl Fragment for PortraitRecipe {
    type Params = PortraitParams;
    type Ends = One<PortraitOutput>;

    fn graph(g: &mut Scope<'_, PortraitParams>) -> Self::Ends {
        let heard = g.sub_if::<TranscribeRecipe, _>(
            "hear",
            (),
            |cx, ()| is_listened_to(cx),
            |cx, ()| {
                // A recording in which nobody speaks still moves the lips.
                let params = TranscribeParams { silence: Silence::Empty, ..TranscribeParams::default() };
                Ok(Call { params, inputs: vec![cx.given(SOUND)?.clone()] })
            },
        );
        let script = g.one("script", heard.needed(), |_, heard| {
            Ok(Draft::of(Script::Transcript).input(heard.file("transcript.json")?))
        });
        let spoken = g.sub_if::<SpeakFragment, _>(
            "say",
            script,
            |_, script| can_be_said(script.transcript.as_ref()),
            |_, script| Ok(Call { params: SpeakParams::default(), inputs: vec![text_to_speak(&script)?] }),
        );
        let prepared = g.one("prepare", (Maybe(script), spoken), |cx, (script, spoken)| {
            let mut sources = PrepareInputs { picture: 0, sound: 1, ..PrepareInputs::default() };
            let mut inputs = vec![cx.input(PICTURE)?, cx.input(SOUND)?];
            if cx.input_count() > TIMING {
                sources.timing = Some(2);
                inputs.push(cx.input(TIMING)?);
            } else if let (Some(script), Some(spoken)) = (script, spoken) {
                (sources.script, sources.reference) = (Some(2), Some((3, 4)));
                inputs.extend([script.output(), spoken.file("speech.wav")?, spoken.file("timing.json")?]);
            }
            Ok(Draft::of(Prepare { portrait: cx.params.clone(), sources, clip: None }).inputs(inputs))
        });
        film(g, prepared, |cx, _| {
            let mux = Mux { name: "video.mp4".into(), provenance: !cx.params.no_provenance, subtitles: None };
            Ok(Film { crf: cx.params.crf, mux, sound: cx.input(SOUND)? })
        })
    }
}

/// Whether the words of the recording are needed: neither given nor to be left to its sound.
fn is_listened_to(cx: &PlanContext<PortraitParams>) -> bool {
    cx.input_count() <= TIMING && cx.params.lips != Lips::Sound && cx.params.engine != Engine::Wav2lip
}

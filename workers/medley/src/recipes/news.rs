use medley_portrait::{
    Film, FrontMatter, Mux, NewsParams, PortraitOutput, Prepare, PrepareInputs, Script, film, text_to_speak,
};
use medley_proto::{ErrorCode, Input};
use medley_speak::{SpeakFragment, SpeakParams};
use medley_step::{
    StepError,
    graph::{Call, Draft, Fragment, One, Recipe, Scope},
};
use serde::de::{DeserializeOwned, IntoDeserializer, value};

/// A script and a portrait become a clip in which the portrait reads the script.
#[derive(Debug)]
pub(crate) struct NewsRecipe;

/// The job's inputs, in order.
const SCRIPT: usize = 0;
const PICTURE: usize = 1;

impl Recipe for NewsRecipe {
    const KIND: &'static str = "news";
    const ABOUT: &'static str = "Make a news clip: the person in a photo reads a script, with subtitles";
    const EXAMPLES: &'static str = "medley run news --portrait kafka.jpg script.md -o out\n\
        medley run news script.md kafka.jpg --aspect 9:16 --subtitles burnt --label 'AI generated' -o out\n\
        medley run news script.md kafka.jpg studio.jpg logo.png --background image --logo -o out";
    const INPUTS: std::ops::RangeInclusive<usize> = 2..=4;
    const INPUT_ROLES: &'static [&'static str] =
        &["the script", "the portrait", "the background picture (with --background image)", "the logo (with --logo)"];
    const TAKES_TEXT: bool = true;
    const NAMED_INPUTS: &'static [(&'static str, usize, &'static str)] =
        &[("portrait", PICTURE, "The photo of who speaks; else it is the second input")];

    fn check(params: &NewsParams, inputs: &[Input]) -> Result<(), StepError> {
        params.check(inputs.len())
    }
}

impl Fragment for NewsRecipe {
    type Params = NewsParams;
    type Ends = One<PortraitOutput>;

    fn graph(g: &mut Scope<'_, NewsParams>) -> Self::Ends {
        let script = g.one("script", (), |cx, ()| Ok(Draft::of(Script::Markdown).input(cx.input(SCRIPT)?)));
        let spoken = g.sub::<SpeakFragment, _>("say", script, |cx, script| {
            let params = speech(&cx.params, script.script.clone().unwrap_or_default())?;
            Ok(Call { params, inputs: vec![text_to_speak(&script)?] })
        });
        let prepared = g.one("prepare", (script, spoken), |cx, (script, spoken)| {
            let mut inputs =
                vec![cx.input(PICTURE)?, spoken.file("speech.wav")?, spoken.file("timing.json")?, script.output()];
            let mut sources =
                PrepareInputs { picture: 0, sound: 1, timing: Some(2), script: Some(3), ..PrepareInputs::default() };
            let (background, logo) = cx.params.pictures();
            for (place, source) in [(background, &mut sources.background), (logo, &mut sources.logo)] {
                if let Some(place) = place {
                    *source = Some(inputs.len());
                    inputs.push(cx.input(place)?);
                }
            }
            let clip = Some(cx.params.clip());
            Ok(Draft::of(Prepare { portrait: cx.params.portrait(), sources, clip }).inputs(inputs))
        });
        film(g, prepared, |cx, prepared| {
            let subtitles = Some(cx.params.subtitles);
            let mux = Mux { name: "clip.mp4".into(), provenance: !cx.params.no_provenance, subtitles };
            Ok(Film { crf: cx.params.crf, mux, sound: prepared.file("speech.wav")? })
        })
    }
}

/// How the script is spoken: as the command line says, else as the front matter does.
fn speech(params: &NewsParams, front: FrontMatter) -> Result<SpeakParams, StepError> {
    let mut speech = SpeakParams::default();
    if let Some(voice) = params.voice.clone().or(front.voice) {
        speech.voice = named("voice", &voice)?;
    }
    if let Some(language) = params.language.clone().or(front.language) {
        speech.language = named("language", &language)?;
    }
    Ok(speech)
}

/// Reads a word of the user as the value that it names.
fn named<T: DeserializeOwned>(what: &str, word: &str) -> Result<T, StepError> {
    let read: Result<T, value::Error> = T::deserialize(word.into_deserializer());
    read.map_err(|error| {
        StepError::permanent(ErrorCode::PARAMS_INVALID, format!("the script cannot be spoken: {what}: {error}"))
    })
}

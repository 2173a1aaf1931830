use medley_proto::Input;
use medley_speak::{Joined, MainLanguage, SpeakFragment, SpeakParams, VerifyStep};
use medley_step::{
    StepError,
    graph::{Call, Draft, Fragment, Maybe, One, PlanInput, Recipe, Scope},
};
use medley_transcribe::{TranscribeParams, TranscribeRecipe};

/// Text to speech; with `verify` Whisper reads the speech back, and what it wrote down is compared with the text.
#[derive(Debug)]
pub(crate) struct SpeakRecipe;

impl Recipe for SpeakRecipe {
    const KIND: &'static str = "speak";
    const ABOUT: &'static str = "Read a text aloud, in English, Chinese or both, with times and subtitles";
    const EXAMPLES: &'static str = "medley run speak \"Good morning, 早上好。\" -o out
medley run speak article.md --audio mp3 --voice joe -o out
medley run speak book.txt --rate 1.1 --loudness broadcast --sample-rate-hz 48000 -o out";
    const TAKES_TEXT: bool = true;

    fn check(params: &SpeakParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }
}

impl Fragment for SpeakRecipe {
    type Params = SpeakParams;
    type Ends = (Maybe<One<Joined>>, One<Joined>);

    fn graph(g: &mut Scope<'_, SpeakParams>) -> Self::Ends {
        let joined = g.sub::<SpeakFragment, _>("", (), |cx, ()| Ok(cx.same()));
        let read_back = g.sub_if::<TranscribeRecipe, _>(
            "hear",
            joined,
            |cx, _| cx.params.verify,
            |cx, joined| {
                let name = cx.params.audio.file_name();
                let speech = joined.file(&name)?;
                let params = TranscribeParams { language: language(cx.params.language).into(), ..Default::default() };
                Ok(Call { params, inputs: vec![PlanInput::artifact(name, speech)] })
            },
        );
        let verified = g.one("verify", (joined, read_back.needed()), |cx, (joined, read_back)| {
            let name = cx.params.audio.file_name();
            let made = [name.as_str(), "timing.json", "speech.srt"].map(|name| joined.file(name)).into_iter();
            let made = made.collect::<Result<Vec<_>, _>>()?;
            let compared = Draft::of(VerifyStep {}).input(joined.output()).input(read_back.file("transcript.json")?);
            Ok(compared.inputs(made))
        });
        (Maybe(verified), joined)
    }
}

/// The language as `transcribe` calls it.
fn language(language: MainLanguage) -> &'static str {
    match language {
        MainLanguage::Auto => "auto",
        MainLanguage::En => "en",
        MainLanguage::Zh => "zh",
    }
}

use medley_proto::Input;
use medley_speak::{
    Joined, MainLanguage, MendStep, Plan, RetakeStep, SpeakFragment, SpeakParams, SpeakStages, VerifyStep,
};
use medley_step::{
    StepError,
    graph::{Call, Done, Draft, Fragment, Maybe, One, PlanContext, PlanInput, Recipe, Scope},
};
use medley_transcribe::{Silence, TranscribeParams, TranscribeRecipe};

/// Text to speech; with `verify` Whisper reads the speech back, and what it wrote down is compared with the text. Sentences
/// that it misheard are said again in two ways, and what it hears best stands.
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
    type Ends = (Maybe<One<Joined>>, (Maybe<One<Joined>>, One<Joined>));

    fn graph(g: &mut Scope<'_, SpeakParams>) -> Self::Ends {
        let SpeakStages { plan, spoken, joined } = SpeakFragment::stages(g);
        let read_back = g.sub_if::<TranscribeRecipe, _>(
            "hear",
            joined,
            |cx, _| cx.params.verify,
            |cx, joined| {
                let name = cx.params.audio.file_name();
                let speech = joined.file(&name)?;
                Ok(Call { params: hearing(cx), inputs: vec![PlanInput::artifact(name, speech)] })
            },
        );
        let verified = g.one("verify", (joined, read_back.needed()), |cx, (joined, read_back)| {
            let name = cx.params.audio.file_name();
            let made = [name.as_str(), "timing.json", "speech.srt"].map(|name| joined.file(name)).into_iter();
            let made = made.collect::<Result<Vec<_>, _>>()?;
            let compared = Draft::of(VerifyStep {}).input(joined.output()).input(read_back.file("transcript.json")?);
            Ok(compared.inputs(made))
        });
        let retaken = g.one_if(
            "retake",
            (plan, joined, verified),
            |_, (_, _, verified)| verified.read_back.as_ref().is_some_and(|read_back| !read_back.misheard.is_empty()),
            |_, (plan, joined, verified): (Done<Plan>, Done<Joined>, Done<Joined>)| {
                let retake = Draft::of(RetakeStep {}).input(plan.file("script.jsonl")?).input(verified.output());
                Ok(retake.input(joined.file("timing.json")?))
            },
        );
        let retaken = retaken.needed();
        let heard = g.sub::<TranscribeRecipe, _>("again", retaken, |cx, retaken| {
            let params = TranscribeParams { silence: Silence::Empty, ..hearing(cx) };
            Ok(Call { params, inputs: vec![PlanInput::artifact("takes.wav", retaken.file("takes.wav")?)] })
        });
        let mended = g.one(
            "mend",
            ((plan, spoken), (verified, retaken), heard),
            |cx, ((plan, spoken), (verified, retaken), heard)| {
                let mend = Draft::of(MendStep { params: cx.params.clone() });
                let mend = mend.input(plan.output()).input(verified.output()).input(heard.file("transcript.json")?);
                Ok(mend.inputs(retaken.files()).inputs(spoken.files()))
            },
        );
        (Maybe(mended), (Maybe(verified), joined))
    }
}

/// How the speech is listened to.
fn hearing(cx: &PlanContext<SpeakParams>) -> TranscribeParams {
    TranscribeParams { language: language(cx.params.language).into(), ..TranscribeParams::default() }
}

/// The language as `transcribe` calls it.
fn language(language: MainLanguage) -> &'static str {
    match language {
        MainLanguage::Auto => "auto",
        MainLanguage::En => "en",
        MainLanguage::Zh => "zh",
    }
}

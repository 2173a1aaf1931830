use medley_proto::Input;
use medley_step::{
    StepError,
    graph::{Done, Draft, Drafts, Fragment, Maybe, Merged, One, Recipe, Scope},
};

use crate::{
    params::{Channels, SpeakerCount, TranscribeParams},
    speakers::{
        step::{ListenStep, MergeListenedStep, SpeakersStep},
        stretches::stretches,
    },
    speech::{span::Span, windows::Window},
    step::{DecodeParams, DecodeStep, GatherStep, Gathered, MergeStep},
};

/// Speech to text as a job: plan, decode ×N, listen ×M and speakers where they are wanted, gather. Other recipes may have it as a part.
#[derive(Debug)]
pub struct TranscribeRecipe;

impl Recipe for TranscribeRecipe {
    const KIND: &'static str = "transcribe";
    const ABOUT: &'static str = "Write down what is said in audio or video, with subtitles";
    const EXAMPLES: &'static str = "medley run transcribe interview.mp3 -o out
medley run transcribe talk.mp4 --language zh --script traditional -o out
medley run transcribe interview.mp3 --speakers auto -o out
medley run transcribe calls/*.wav --model tiny.en --hotwords Medley --hotwords Silero -o out";

    fn check(params: &TranscribeParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }
}

impl Fragment for TranscribeRecipe {
    type Params = TranscribeParams;
    type Ends = One<Gathered>;

    fn graph(g: &mut Scope<'_, TranscribeParams>) -> One<Gathered> {
        let plan = g.one("plan", (), |cx, ()| Ok(Draft::of(cx.params.clone()).input(cx.input(0)?)));
        let decoded = g.scatter("decode", plan, |cx, plan| {
            let how = DecodeParams::new(&cx.params, &plan.facts.language, plan.facts.sound.asked());
            let draft = |windows: &Vec<Window>| {
                let depends_on = serde_json::to_vec(&(&how, windows))?;
                let step = DecodeStep { facts: plan.facts.clone(), how: how.clone(), windows: windows.clone() };
                let draft = Draft::of(step).input(cx.input(0)?);
                Ok(draft.cached(&[plan.input.as_bytes(), plan.models.as_bytes(), &depends_on]))
            };
            let drafts = plan.steps.iter().map(draft).collect::<Result<Drafts<_>, StepError>>()?;
            Ok(drafts.work(plan.steps.iter().flatten().map(|window| window.audio_s()).sum(), "s of speech"))
        });
        let merged = g.fold(
            "merge",
            decoded,
            |_, decoded| Ok(Draft::of(MergeStep {}).inputs(decoded.iter().map(Done::output))),
            |_, merged| Ok(Draft::of(MergeStep {}).inputs(merged.iter().flat_map(Done::files))),
        );
        // After the words, so that a machine that stops has those already. No step of it is cached: it leaves voice prints.
        let listened = g.scatter_if(
            "listen",
            (plan, merged),
            |cx, _| cx.params.tells_speakers(),
            |cx, (plan, _)| {
                let (duration_s, track) = (plan.facts.duration_s, plan.facts.sound.asked());
                let split = cx.params.channels == Channels::Split;
                let stretches = stretches(&plan.steps, duration_s);
                let drafts = stretches.iter().map(|stretch| {
                    let step = ListenStep { track, duration_s, stretch: *stretch, split };
                    Ok(Draft::of(step).input(cx.input(0)?))
                });
                let drafts = drafts.collect::<Result<Drafts<_>, StepError>>()?;
                Ok(drafts.work(stretches.iter().map(Span::len_s).sum(), "s listened to"))
            },
        );
        let listened = g.fold(
            "listened",
            listened.needed(),
            |_, listened| Ok(Draft::of(MergeListenedStep {}).inputs(listened.iter().map(Done::output))),
            |_, merged| Ok(Draft::of(MergeListenedStep {}).inputs(merged.iter().map(Done::output))),
        );
        let speakers = g.one("speakers", listened, |cx, listened| {
            let count = match cx.params.speakers {
                Some(SpeakerCount::Known(count)) => Some(count),
                _ => None,
            };
            let step = Draft::of(SpeakersStep { count });
            Ok(match &listened {
                Merged::Parts(listened) => step.inputs(listened.iter().map(Done::output)),
                Merged::Merges(merged) => step.inputs(merged.iter().map(Done::output)),
            })
        });
        g.one("gather", (plan, merged, Maybe(speakers)), |cx, (plan, merged, speakers)| {
            let gather = Draft::of(GatherStep {
                params: cx.params.clone(),
                facts: plan.facts.clone(),
                file: cx.given(0)?.name.clone(),
            });
            let gather = match &merged {
                Merged::Parts(decoded) => gather.inputs(decoded.iter().map(Done::output)),
                Merged::Merges(merged) => gather.inputs(merged.iter().flat_map(Done::files)),
            };
            Ok(gather.inputs(speakers.iter().map(Done::output)))
        })
    }
}

use medley_proto::Input;
use medley_step::{
    StepError,
    graph::{Done, Draft, Drafts, Fragment, Merged, One, Recipe, Scope},
};

use crate::{
    params::TranscribeParams,
    speech::windows::Window,
    step::{DecodeParams, DecodeStep, GatherStep, Gathered, MergeStep},
};

/// Speech to text as a job: plan, decode ×N, gather. Other recipes may have it as a part.
#[derive(Debug)]
pub struct TranscribeRecipe;

impl Recipe for TranscribeRecipe {
    const KIND: &'static str = "transcribe";
    const ABOUT: &'static str = "Write down what is said in audio or video, with subtitles";
    const EXAMPLES: &'static str = "medley run transcribe interview.mp3 -o out
medley run transcribe talk.mp4 --language zh --script traditional -o out
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
        g.one("gather", (plan, merged), |cx, (plan, merged)| {
            let gather = Draft::of(GatherStep { params: cx.params.clone(), facts: plan.facts.clone() });
            Ok(match &merged {
                Merged::Parts(decoded) => gather.inputs(decoded.iter().map(Done::output)),
                Merged::Merges(merged) => gather.inputs(merged.iter().flat_map(Done::files)),
            })
        })
    }
}

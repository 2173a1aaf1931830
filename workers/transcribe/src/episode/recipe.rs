use medley_proto::{Input, Source, StepInput};
use medley_step::{GroupDone, JobView, Planned, Recipe, StepDraft, StepError};

use super::{PodcastParams, PublishStep};
use crate::{
    recipe::{self, Progress},
    step::{TranscribeOutput, TranscribeStep},
    worker::TranscribeWorker,
};

/// An episode as a job: transcribe's steps, then its pages.
#[derive(Debug)]
pub struct PodcastRecipe;

impl Recipe for PodcastRecipe {
    const KIND: &'static str = "podcast";
    type Params = PodcastParams;
    const ABOUT: &'static str = "Transcribe an episode and make its chapters, summary and web page";
    const EXAMPLES: &'static str = "medley run podcast episode.mp3 -o out
medley run podcast episode.mp3 --title 'The bees' --audio-url https://example.org/episode.mp3 -o out";

    fn check(params: &PodcastParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }

    fn start(job: &JobView<'_, PodcastParams>) -> Result<Planned, StepError> {
        recipe::start(&job.params.transcribe)
    }

    fn next(job: &JobView<'_, PodcastParams>, done: &GroupDone) -> Result<Planned, StepError> {
        if done.stage == "publish" {
            return Ok(Planned::last());
        }
        match recipe::next(&job.params.transcribe, done)? {
            Progress::More(planned) => Ok(planned),
            Progress::Transcribed => publish(job, done),
        }
    }
}

fn publish(job: &JobView<'_, PodcastParams>, done: &GroupDone) -> Result<Planned, StepError> {
    let gathered = &done.results[0];
    let TranscribeOutput::Gather { facts, .. } = done.output(0)? else {
        return Err(StepError::internal("a gather step answered something else"));
    };
    let input = job.job.inputs.first();
    let uri = input.and_then(|input| match &input.source {
        Source::Uri(uri) => Some(uri.clone()),
        _ => None,
    });
    let step = PublishStep {
        params: job.params.clone(),
        name: input.map_or_else(String::new, |input| input.name.clone()),
        uri,
        // What a name calls sound has at most the picture of a cover.
        film: facts.sound.film && !input.is_some_and(|input| is_named_sound(&input.name)),
        quality: gathered.quality.clone(),
    };
    let draft = StepDraft::only::<TranscribeWorker>("publish", &TranscribeStep::Publish(step))?;
    Ok(Planned::one(draft.inputs(gathered.artifacts.iter().cloned().map(StepInput::Artifact))))
}

fn is_named_sound(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    ending.is_some_and(|ending| matches!(ending.as_str(), "m4a" | "m4b" | "m4r" | "mka" | "weba" | "wma"))
}

use medley_proto::Input;
use medley_step::{
    StepError,
    graph::{Call, Draft, Fragment, One, Recipe, Scope},
};

use super::{PodcastParams, PublishStep};
use crate::{params::SpeakerCount, recipe::TranscribeRecipe};

/// An episode as a job: transcribe's steps, then its pages.
#[derive(Debug)]
pub struct PodcastRecipe;

impl Recipe for PodcastRecipe {
    const KIND: &'static str = "podcast";
    const ABOUT: &'static str = "Transcribe an episode and make its chapters, summary and web page";
    const EXAMPLES: &'static str = "medley run podcast episode.mp3 -o out
medley run podcast episode.mp3 --title 'The bees' --audio-url https://example.org/episode.mp3 -o out";

    fn check(params: &PodcastParams, _inputs: &[Input]) -> Result<(), StepError> {
        params.check()
    }
}

impl Fragment for PodcastRecipe {
    type Params = PodcastParams;
    type Ends = One<()>;

    fn graph(g: &mut Scope<'_, PodcastParams>) -> One<()> {
        // Without a name of their own: the stages are called as those of a transcription.
        let gathered = g.sub::<TranscribeRecipe, _>("", (), |cx, ()| {
            let mut params = cx.params.transcribe.clone();
            params.speakers.get_or_insert(SpeakerCount::Auto);
            Ok(Call { params, inputs: vec![cx.given(0)?.clone()] })
        });
        g.one("publish", gathered, |cx, gathered| {
            let input = cx.given(0)?;
            let step = PublishStep {
                params: cx.params.clone(),
                name: input.name.clone(),
                uri: input.uri.clone(),
                // What a name calls sound has at most the picture of a cover.
                film: gathered.facts.sound.film && !is_named_sound(&input.name),
                quality: gathered.quality.clone(),
            };
            Ok(Draft::of(step).inputs(gathered.files()))
        })
    }
}

fn is_named_sound(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    ending.is_some_and(|ending| matches!(ending.as_str(), "m4a" | "m4b" | "m4r" | "mka" | "weba" | "wma"))
}

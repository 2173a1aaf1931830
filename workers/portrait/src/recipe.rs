//! What the recipes of portraits have in common. The recipes themselves hear and speak, which other kinds do: they are the
//! binary's.

use medley_proto::{StepInput, Transcript};
use medley_step::{
    StepError,
    graph::{Done, Draft, Drafts, Merged, One, PlanContext, PlanInput, Scope},
};

use crate::step::{FILM, Join, Mux, PortraitOutput, Render};

/// What a render step draws from, and what it may draw from.
const DRAWN_FROM: [&str; 3] = ["scene.json", "scene.png", "motion.f32"];
const MEL: &str = "mel.f32";

/// How a film is encoded and what becomes of it.
#[derive(Debug)]
pub struct Film {
    pub crf: u32,
    pub mux: Mux,
    /// The sound of the clip.
    pub sound: StepInput,
}

/// The stages from a prepared scene to the finished file: render ×N, join in a tree, mux.
pub fn film<P: Send + Sync + 'static>(
    g: &mut Scope<'_, P>,
    prepared: One<PortraitOutput>,
    film: fn(&PlanContext<P>, &Done<PortraitOutput>) -> Result<Film, StepError>,
) -> One<PortraitOutput> {
    let films = g.scatter("render", prepared, move |cx, prepared| {
        let crf = film(cx, &prepared)?.crf;
        let (frames, parts) = (prepared.frames, prepared.parts);
        let drawn_from = DRAWN_FROM.map(|name| prepared.file(name));
        let mut inputs = drawn_from.into_iter().collect::<Result<Vec<_>, _>>()?;
        inputs.extend(prepared.files_except(&DRAWN_FROM));
        let draft = |n| {
            let at = |n: u32| frames * n as usize / parts.max(1) as usize;
            Draft::of(Render { from: at(n), to: at(n + 1), parts, crf }).inputs(inputs.clone())
        };
        let drafts: Drafts<_> = (0..parts).map(draft).collect();
        Ok(drafts.work(frames as f64 / f64::from(prepared.fps.max(1)), "s of film"))
    });
    let films = g.fold("merge", films, join, join);
    g.one("mux", (prepared, films), move |cx, (prepared, films)| {
        let Film { mux, sound, .. } = film(cx, &prepared)?;
        let films = match &films {
            Merged::Parts(films) | Merged::Merges(films) => films_of(films)?,
        };
        let others = [&DRAWN_FROM[..], &[MEL]].concat();
        let draft = Draft::of(mux).input(sound).input(prepared.file("scene.json")?).inputs(films);
        Ok(draft.inputs(prepared.files_except(&others)))
    })
}

fn join<P>(_: &PlanContext<P>, films: Vec<Done<PortraitOutput>>) -> Result<Draft<Join>, StepError> {
    let parts = films.first().map_or(0, |film| film.parts);
    Ok(Draft::of(Join { parts }).inputs(films_of(&films)?))
}

fn films_of(films: &[Done<PortraitOutput>]) -> Result<Vec<StepInput>, StepError> {
    films.iter().map(|film| film.file(FILM)).collect()
}

/// Languages that the voices which speak the words once more can read.
const SPOKEN: [&str; 2] = ["en", "zh"];

/// Whether a voice can say what was heard. Music, silence and other languages are left to the sound.
pub fn can_be_said(transcript: Option<&Transcript>) -> bool {
    transcript
        .is_some_and(|heard| SPOKEN.contains(&heard.language.as_str()) && heard.text.chars().any(char::is_alphanumeric))
}

/// The text that a script step left to be spoken.
///
/// # Errors
/// When it left none: a defect.
pub fn text_to_speak(script: &Done<PortraitOutput>) -> Result<PlanInput, StepError> {
    let markdown = script.file("script.md").map(|text| PlanInput::artifact("script.md", text));
    markdown.or_else(|_| Ok(PlanInput::artifact("script.txt", script.file("script.txt")?)))
}

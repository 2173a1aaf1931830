use std::{fs, io, path::Path};

use medley_step::{LocalInput, StepContext, StepError};
use medley_text::subtitle::{srt, vtt};
use serde_json::Value;

use crate::{
    encode::{self, Muxer},
    scene::{Quality, Scene},
    sound,
    step::{FILM, FILM_TYPE, Join, Mux, PortraitOutput, Subtitles},
};

fn films<'a>(cx: &'a StepContext<'_>) -> impl Iterator<Item = &'a LocalInput> {
    cx.inputs().iter().filter(|input| input.name == FILM)
}

pub(crate) fn join(join: Join, cx: &StepContext<'_>) -> Result<PortraitOutput, StepError> {
    let mut film = cx.create(FILM, FILM_TYPE)?;
    for input in films(cx) {
        cx.checkpoint()?;
        io::copy(&mut fs::File::open(&input.path)?, &mut film)?;
    }
    film.keep()?;
    for (index, input) in cx.inputs().iter().enumerate().filter(|(_, input)| input.name != FILM) {
        cx.hand_on(index, &input.name)?;
    }
    Ok(PortraitOutput { parts: join.parts, ..PortraitOutput::default() })
}

pub(crate) fn run(step: &Mux, cx: &StepContext<'_>) -> Result<PortraitOutput, StepError> {
    let scene: Scene = cx.input_json(1)?;
    let films: Vec<&Path> = films(cx).map(|input| input.path.as_path()).collect();
    if films.is_empty() {
        // Jobs of version 0.1.0 left MPEG transport streams, whose frames are out of order.
        return Err(StepError::internal(
            "the parts of this film are of an earlier version of Medley; run the job again",
        ));
    }
    let samples = cx.scratch().join("sound.f32");
    sound::decode(cx.input(0)?, &samples)?;
    cx.checkpoint()?;
    let words = cx.scratch().join("words.srt");
    let soft = step.subtitles == Some(Subtitles::Soft) && !scene.overlays.cues.is_empty();
    if soft {
        fs::write(&words, srt(&scene.overlays.cues))?;
    }
    let out = cx.place(&step.name)?;
    let tags = tags(step, &scene);
    let words = soft.then_some(words.as_path());
    let muxer = Muxer { films: &films, fps: scene.fps, sound: &samples, words, tags: &tags };
    muxer.write(&out)?;
    fs::remove_file(&samples)?;
    cx.publish_file(&step.name, "video/mp4", &out)?;
    if step.subtitles.is_some() {
        cx.publish("clip.srt", "application/x-subrip", srt(&scene.overlays.cues).as_bytes())?;
        cx.publish("clip.vtt", "text/vtt", vtt(&scene.overlays.cues).as_bytes())?;
        cx.hand_on(0, "speech.wav")?;
        if let Some(poster) = cx.inputs().iter().position(|input| input.name == "poster.jpg") {
            cx.hand_on(poster, "poster.jpg")?;
        }
    }
    report(&scene.quality, cx)?;
    Ok(PortraitOutput::default())
}

/// Reports the quality of the clip: a job has the quality of its last step.
fn report(quality: &Quality, cx: &StepContext<'_>) -> Result<(), StepError> {
    cx.quality("synthetic", true);
    if let Value::Object(fields) = serde_json::to_value(quality)? {
        fields.into_iter().for_each(|(key, value)| cx.quality(&key, value));
    }
    Ok(())
}

/// Metadata that marks the file as synthetic, with IPTC's digital source type.
fn tags(step: &Mux, scene: &Scene) -> Vec<(&'static str, String)> {
    let mut tags = Vec::new();
    if let Some(title) = &scene.overlays.title {
        tags.push(("title", title.clone()));
    }
    if step.provenance {
        tags.push(("comment", "Synthetic media: a portrait made to speak by Medley".to_owned()));
        tags.push(("digital_source_type", encode::SOURCE_TYPE.to_owned()));
        tags.push(("generator", format!("medley {}", env!("CARGO_PKG_VERSION"))));
        if let Some(consent) = &scene.quality.consent {
            tags.push(("consent", consent.clone()));
        }
    }
    tags
}

use std::{fs::File, io, path::Path};

use medley_step::{StepContext, StepError};

use super::{Done, Mux};
use crate::{scene::Scene, sound};

/// Lays films end to end; `scene.json` comes first and is handed on.
pub(super) fn join(cx: &StepContext<'_>) -> Result<Done, StepError> {
    let mut film = cx.create("film.ts", "video/mp2t")?;
    for input in &cx.inputs()[1..] {
        cx.checkpoint()?;
        io::copy(&mut File::open(&input.path)?, &mut film)?;
    }
    film.keep()?;
    cx.hand_on(0, "scene.json")?;
    Ok(Done::default())
}

pub(super) fn run(step: &Mux, cx: &StepContext<'_>) -> Result<Done, StepError> {
    let _scene: Scene = cx.input_json(1)?;
    let films: Vec<&Path> = cx.inputs()[2..].iter().map(|input| input.path.as_path()).collect();
    let out = cx.place(&step.name)?;
    let tags = provenance(step);
    sound::mux(&films, &cx.input(0)?.path, &tags, &out)?;
    cx.publish_file(&step.name, "video/mp4", &out)?;
    if let Some(consent) = &step.portrait.consent {
        cx.quality("consent", consent.as_str());
    }
    Ok(Done::default())
}

/// Says in the file that it is synthetic, in the words of IPTC's digital source types.
fn provenance(step: &Mux) -> Vec<(String, String)> {
    if step.portrait.no_provenance {
        return Vec::new();
    }
    let mut tags = vec![
        ("comment".to_owned(), "Synthetic media: a portrait animated by Medley to speak.".to_owned()),
        (
            "digital_source_type".to_owned(),
            "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia".to_owned(),
        ),
        ("generator".to_owned(), format!("medley {}", env!("CARGO_PKG_VERSION"))),
    ];
    if let Some(consent) = &step.portrait.consent {
        tags.push(("consent".to_owned(), consent.clone()));
    }
    tags
}

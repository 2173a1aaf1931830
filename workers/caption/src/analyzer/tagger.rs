use std::sync::Arc;

use image::RgbImage;
use medley_clip::{
    Bank, Batcher, Clip, ClipSpec, Embedder, Family, MAX_LABELS, Phrases, Scoring, built_in, lines, templates,
};
use medley_models::Models;

use crate::{
    CaptionConfig, CaptionError, CaptionParams,
    row::{CaptionedBy, Row},
};

/// Images of one run of the image tower: more give no more speed on a CPU.
const IMAGES_AT_ONCE: usize = 16;

/// Adds tags, a caption and an embedding with a CLIP model.
#[derive(Debug)]
pub(super) struct ClipTagger {
    batcher: Batcher,
    bank: Bank,
    /// None for a model that reads another language than the phrases' English.
    phrases: Option<Phrases>,
    scoring: Scoring,
    max_tags: usize,
    threshold: f32,
}

impl ClipTagger {
    /// None when the params name no model. Opening embeds the labels and phrases once, which are thousands of texts.
    pub(super) fn open(
        models: &Models,
        params: &CaptionParams,
        config: &CaptionConfig,
        threads: usize,
    ) -> Result<Option<Self>, CaptionError> {
        let Some(name) = &params.model else { return Ok(None) };
        let clip = Clip::open(models, ClipSpec::named(name, &config.models)?, threads)?;
        let family = clip.spec().family;
        let bank = Bank::embed(&*clip, labels(params, config, family)?, templates(family, params.ensemble))?;
        let phrases = if family == Family::ChineseClip { None } else { Some(Phrases::embed(&*clip)?) };
        let scoring = clip.scoring().at_temperature(params.temperature);
        let max_tags = params.max_tags as usize;
        let embedder: Arc<dyn Embedder> = clip;
        let batcher = Batcher::new(embedder, IMAGES_AT_ONCE);
        Ok(Some(Self { batcher, bank, phrases, scoring, max_tags, threshold: params.tag_threshold }))
    }

    /// Sets the row's tags and caption, and returns the embedding.
    pub(super) fn tag(&self, image: &RgbImage, row: &mut Row) -> Result<Vec<f32>, CaptionError> {
        let embedder = self.batcher.embedder();
        let mut pixels = Vec::with_capacity(embedder.preprocess().values());
        embedder.preprocess().append(image, &mut pixels);
        let vector = self.batcher.image(pixels)?;
        row.tags = self.bank.best(&vector, self.scoring, self.max_tags, self.threshold);
        if let Some(subject) = self.bank.best(&vector, self.scoring, 1, 0.0).first() {
            row.caption = match &self.phrases {
                Some(phrases) => phrases.caption(embedder, &vector, &with_article(&subject.label))?,
                None => format!("一张{}的照片", subject.label),
            };
            row.captioned_by = CaptionedBy::Clip;
        }
        Ok(vector)
    }
}

/// The labels that the params ask for.
fn labels(params: &CaptionParams, config: &CaptionConfig, family: Family) -> Result<Vec<String>, CaptionError> {
    if !params.own_labels.is_empty() {
        return Ok(params.own_labels.clone());
    }
    if let Some(labels) = built_in(&params.labels, family) {
        return Ok(labels);
    }
    let Some(path) = config.banks.get(&params.labels) else {
        let what = format!("no bank is called '{}': give photo, imagenet or one of [caption.banks]", params.labels);
        return Err(CaptionError::Params(what));
    };
    let text = std::fs::read_to_string(path).map_err(|source| CaptionError::Labels { path: path.clone(), source })?;
    let labels = lines(&text);
    if labels.is_empty() || labels.len() > MAX_LABELS {
        let what = format!("the bank '{}' has {} labels: give 1 to {MAX_LABELS}", params.labels, labels.len());
        return Err(CaptionError::Params(what));
    }
    Ok(labels)
}

/// "a cat", "an owl", "clouds", "snow".
fn with_article(label: &str) -> String {
    const UNCOUNTED: [&str; 14] = [
        "snow",
        "sky",
        "fog",
        "lightning",
        "grass",
        "bread",
        "pasta",
        "sushi",
        "meat",
        "cheese",
        "chocolate",
        "fruit",
        "handwriting",
        "graffiti",
    ];
    let plural = label.ends_with('s') && !label.ends_with("ss") && !label.ends_with("us");
    let activity = label.ends_with("ing")
        && !label.ends_with("building")
        && !label.ends_with("painting")
        && !label.ends_with("ring");
    if plural || activity || UNCOUNTED.contains(&label) || label.starts_with(['a', 'A']) && label.starts_with("a ") {
        return label.to_owned();
    }
    let vowel = label.to_lowercase().starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {label}", if vowel { "an" } else { "a" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_get_the_article_they_want() {
        for (label, wanted) in [
            ("cat", "a cat"),
            ("owl", "an owl"),
            ("clouds", "clouds"),
            ("glass", "a glass"),
            ("snow", "snow"),
            ("running", "running"),
            ("painting", "a painting"),
            ("bus", "a bus"),
        ] {
            assert_eq!(with_article(label), wanted);
        }
    }
}

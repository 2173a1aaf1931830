use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Preprocess, Scoring};

/// Whose contract two towers keep: how images and texts become their inputs, and how cosines become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// OpenAI's CLIP and what keeps to its tokens, preprocessing and softmax (Radford et al., 2021).
    #[default]
    Clip,
    /// SigLIP: SentencePiece tokens, images squashed, a probability for each label by itself (Zhai et al., 2023).
    Siglip,
    /// Chinese-CLIP: WordPiece tokens, images squashed, softmax (Yang et al., 2022).
    ChineseClip,
}

impl Family {
    /// Tokens of a text, start and end included.
    pub const fn context(self) -> usize {
        match self {
            Self::Clip => 77,
            Self::Siglip => 64,
            Self::ChineseClip => 52,
        }
    }

    /// For towers of this size.
    pub const fn preprocess(self, side_px: u32) -> Preprocess {
        match self {
            Self::Clip => Preprocess::clip(side_px),
            Self::Siglip => Preprocess::siglip(side_px),
            Self::ChineseClip => Preprocess::chinese_clip(side_px),
        }
    }

    /// With what CLIP's temperature was when training ended (Chinese-CLIP's had the same upper limit), and with the
    /// scale and bias of SigLIP's base model at 224 px.
    pub const fn scoring(self) -> Scoring {
        match self {
            Self::Clip | Self::ChineseClip => Scoring::Softmax { scale: 100.0 },
            Self::Siglip => Scoring::Sigmoid { scale: 117.330_8, bias: -12.932_437 },
        }
    }

    /// The names of an output that holds vectors of the common space, the surest first. What a graph calls pooled is in
    /// that space only where no projection follows.
    pub(crate) const fn outputs(self) -> &'static [&'static str] {
        match self {
            Self::Clip | Self::ChineseClip => &["image_embeds", "text_embeds"],
            Self::Siglip => &["image_embeds", "text_embeds", "pooler_output"],
        }
    }

    /// Whether padding is hidden from a text tower that takes a mask. SigLIP's was trained to see it.
    pub(crate) const fn masks_padding(self) -> bool {
        !matches!(self, Self::Siglip)
    }
}

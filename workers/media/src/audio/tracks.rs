//! Which of a file's sound tracks is read.

/// A sound track of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SoundTrack {
    /// From 1, among the file's sound tracks and in the file's order.
    pub number: u32,
    /// As the file writes it: mostly ISO 639-2 ("eng"). None when it does not say ("und" says nothing).
    pub language: Option<String>,
    pub title: Option<String>,
    /// Whether the file flags it as the one to play.
    pub is_default: bool,
}

/// A file's sound tracks and the one that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundTracks {
    /// At least one.
    pub all: Vec<SoundTrack>,
    /// The [`SoundTrack::number`] of the one that is read.
    pub taken: u32,
    pub why: TrackChoice,
}

/// Why a track is the one that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackChoice {
    /// There is no other.
    Only,
    /// The caller asked for it.
    Asked,
    /// The file flags it as default, or it is the first of a file that flags none.
    Default,
    /// The default one is silent; this one is not.
    Heard,
}

impl SoundTracks {
    /// One track of which nothing is known.
    pub(crate) fn one() -> Self {
        Self { all: vec![SoundTrack { number: 1, ..SoundTrack::default() }], taken: 1, why: TrackChoice::Only }
    }

    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The one that is read.
    pub fn taken(&self) -> Option<&SoundTrack> {
        self.all.iter().find(|track| track.number == self.taken)
    }
}

//! The voices, with what their publishers say of them.

use std::fmt;

use crate::language::Language;

/// The sex that a voice sounds like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    Woman,
    Man,
}

impl fmt::Display for Sex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Woman => "woman",
            Self::Man => "man",
        })
    }
}

/// A voice that can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub name: &'static str,
    pub language: Language,
    /// "American English".
    pub accent: &'static str,
    pub sex: Sex,
    /// The grade that the publisher gives, A to F; none for voices that nobody graded.
    pub grade: Option<&'static str>,
    /// The entry of the model registry that has its terms.
    pub model: &'static str,
}

const fn other(name: &'static str, language: Language, accent: &'static str, sex: Sex, model: &'static str) -> Listed {
    Listed { name, language, accent, sex, grade: None, model }
}

/// A voice of Kokoro. Its first letter is the language, its second the sex.
const fn kokoro(name: &'static str, grade: &'static str) -> Listed {
    let bytes = name.as_bytes();
    let (language, accent, model) = match bytes[0] {
        b'a' => (Language::En, "American English", "kokoro-en"),
        b'b' => (Language::En, "British English", "kokoro-en"),
        _ => (Language::Zh, "Mandarin", "kokoro-zh"),
    };
    let sex = if bytes[1] == b'f' { Sex::Woman } else { Sex::Man };
    Listed { name, language, accent, sex, grade: Some(grade), model }
}

/// All voices. Grades are those of Kokoro's VOICES.md.
pub static VOICES: [Listed; 39] = [
    other("hibari", Language::En, "American English", Sex::Woman, "hibari"),
    other("joe", Language::En, "American English", Sex::Man, "piper-joe"),
    other("baker", Language::Zh, "Mandarin", Sex::Woman, "fastspeech2-baker"),
    kokoro("af_heart", "A"),
    kokoro("af_bella", "A-"),
    kokoro("af_nicole", "B-"),
    kokoro("af_aoede", "C+"),
    kokoro("af_kore", "C+"),
    kokoro("af_sarah", "C+"),
    kokoro("af_alloy", "C"),
    kokoro("af_nova", "C"),
    kokoro("af_sky", "C-"),
    kokoro("af_jessica", "D"),
    kokoro("af_river", "D"),
    kokoro("am_fenrir", "C+"),
    kokoro("am_michael", "C+"),
    kokoro("am_puck", "C+"),
    kokoro("am_echo", "D"),
    kokoro("am_eric", "D"),
    kokoro("am_liam", "D"),
    kokoro("am_onyx", "D"),
    kokoro("am_santa", "D-"),
    kokoro("am_adam", "F+"),
    kokoro("bf_emma", "B-"),
    kokoro("bf_isabella", "C"),
    kokoro("bf_alice", "D"),
    kokoro("bf_lily", "D"),
    kokoro("bm_fable", "C"),
    kokoro("bm_george", "C"),
    kokoro("bm_lewis", "D+"),
    kokoro("bm_daniel", "D"),
    kokoro("zf_xiaobei", "D"),
    kokoro("zf_xiaoni", "D"),
    kokoro("zf_xiaoxiao", "D"),
    kokoro("zf_xiaoyi", "D"),
    kokoro("zm_yunjian", "D"),
    kokoro("zm_yunxi", "D"),
    kokoro("zm_yunxia", "D"),
    kokoro("zm_yunyang", "D"),
];

/// The names of OpenAI's speech endpoint, and the voice here that is nearest by name, else by sex and manner.
const OPENAI: [(&str, &str); 13] = [
    ("alloy", "af_alloy"),
    ("ash", "am_michael"),
    ("ballad", "bm_george"),
    ("cedar", "am_fenrir"),
    ("coral", "af_bella"),
    ("echo", "am_echo"),
    ("fable", "bm_fable"),
    ("marin", "af_heart"),
    ("nova", "af_nova"),
    ("onyx", "am_onyx"),
    ("sage", "af_sarah"),
    ("shimmer", "af_sky"),
    ("verse", "am_puck"),
];

/// The place in [`VOICES`] of a voice of Kokoro, by its own name or OpenAI's.
///
/// # Errors
/// A sentence with the name that may have been meant.
pub(super) fn find(name: &str) -> Result<u8, String> {
    let own = OPENAI.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, own)| own);
    let place = VOICES.iter().position(|voice| voice.name == own && voice.model.starts_with("kokoro"));
    match place.and_then(|place| u8::try_from(place).ok()) {
        Some(place) => Ok(place),
        None if VOICES.iter().any(|voice| voice.name == name) => {
            Err(format!("there is no voice '{name}' that can be mixed: only Kokoro's can"))
        }
        None => Err(match nearest(name) {
            Some(near) => format!("there is no voice '{name}'; did you mean {near}? (`medley voices` lists all)"),
            None => format!("there is no voice '{name}'; `medley voices` lists all"),
        }),
    }
}

/// A name that differs by at most two letters.
fn nearest(name: &str) -> Option<&'static str> {
    let names = VOICES.iter().map(|voice| voice.name).chain(OPENAI.iter().map(|(theirs, _)| *theirs));
    let far = |known: &str| {
        let (a, b): (Vec<char>, Vec<char>) = (name.chars().collect(), known.chars().collect());
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (n, x) in a.iter().enumerate() {
            let mut diagonal = std::mem::replace(&mut row[0], n + 1);
            for (m, y) in b.iter().enumerate() {
                let cost = (diagonal + usize::from(x != y)).min(row[m] + 1).min(row[m + 1] + 1);
                diagonal = std::mem::replace(&mut row[m + 1], cost);
            }
        }
        row[b.len()]
    };
    names.map(|known| (far(known), known)).min().filter(|(far, _)| *far <= 2 && name.len() > 3).map(|(_, known)| known)
}

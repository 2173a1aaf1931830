//! Initials and finals of a syllable of pinyin.

const INITIALS: [&str; 21] =
    ["zh", "ch", "sh", "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "r", "z", "c", "s"];
const FINALS: [&str; 38] = [
    "a", "ai", "an", "ang", "ao", "e", "ei", "en", "eng", "er", "i", "ia", "ian", "iang", "iao", "ie", "ii", "iii",
    "in", "ing", "iong", "iou", "o", "ong", "ou", "u", "ua", "uai", "uan", "uang", "uei", "uen", "ueng", "uo", "v",
    "van", "ve", "vn",
];
/// Of a syllable that begins with its final.
pub(crate) const NO_INITIAL: &str = "^";

/// The initial ([`NO_INITIAL`] when there is none) and the full final of a syllable without its tone: `zhi` is zh and iii,
/// `jue` j and ve, `yuan` van. None for what is no syllable.
pub(crate) fn parts(pinyin: &str) -> Option<(&'static str, &'static str)> {
    let pinyin = match pinyin {
        // Interjections.
        "yo" => "you",
        "ng" => "en",
        "lue" => "lve",
        "nue" => "nve",
        other => other,
    };
    let initial = INITIALS.iter().find(|initial| pinyin.starts_with(**initial)).copied();
    let rest = &pinyin[initial.map_or(0, str::len)..];
    let written = match (initial, rest) {
        (Some("j" | "q" | "x"), "u" | "ue" | "uan" | "un") => rest.replacen('u', "v", 1),
        (Some("zh" | "ch" | "sh" | "r"), "i") => "iii".into(),
        (Some("z" | "c" | "s"), "i") => "ii".into(),
        (Some(_), "iu") => "iou".into(),
        (Some(_), "ui") => "uei".into(),
        (Some(_), "un") => "uen".into(),
        (Some(_), _) => rest.into(),
        (None, _) => bare(rest),
    };
    let last = FINALS.iter().find(|last| **last == written)?;
    Some((initial.unwrap_or(NO_INITIAL), last))
}

/// The final of a syllable without an initial, which is written with y or w.
fn bare(written: &str) -> String {
    match written {
        "yi" | "yin" | "ying" => written[1..].into(),
        "you" => "iou".into(),
        "yu" | "yue" | "yuan" | "yun" => format!("v{}", &written[2..]),
        "wu" => "u".into(),
        "wei" => "uei".into(),
        "wen" => "uen".into(),
        "weng" => "ueng".into(),
        _ => match written.split_at_checked(1) {
            Some(("y", rest)) => format!("i{rest}"),
            Some(("w", rest)) => format!("u{rest}"),
            _ => written.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use medley_models::Models;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Mapper {
        pinyin_dict: HashMap<String, [String; 2]>,
    }

    /// Baker's own table has 417 syllables. The models are pulled by `scripts/test`.
    #[test]
    fn syllables_have_the_parts_that_bakers_table_gives_them() {
        let path = Models::open(&Models::default_dir()).file("fastspeech2-baker", "mapper.json").unwrap();
        let table: Mapper = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(table.pinyin_dict.len() > 400);
        let wrong: Vec<_> = table
            .pinyin_dict
            .iter()
            .filter(|(pinyin, [initial, last])| parts(pinyin) != Some((initial.as_str(), last.as_str())))
            .map(|(pinyin, wanted)| format!("{pinyin}: {:?}, not {wanted:?}", parts(pinyin)))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn what_is_no_syllable_has_no_parts() {
        for pinyin in ["", "b", "xyz", "hm", "q", "wo3"] {
            assert_eq!(parts(pinyin), None, "{pinyin}");
        }
    }
}

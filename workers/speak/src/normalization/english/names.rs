//! Names in pinyin, which the English front end gets wrong.

/// Names that no rule reads, in espeak-ng's IPA.
const NAMES: [(&str, &str); 10] = [
    ("Huawei", "wˌɑːwˈeɪ"),
    ("Nguyen", "wˈɪn"),
    ("Guangxi", "ɡwˌɑːŋʃˈiː"),
    ("Jiangxi", "dʒjˌɑːŋʃˈiː"),
    ("Shanxi", "ʃˌɑːnʃˈiː"),
    ("Shaanxi", "ʃˌɑːnʃˈiː"),
    ("Wuxi", "wˌuːʃˈiː"),
    ("Ningxia", "nˌɪŋʃjˈɑː"),
    ("Jiaxing", "dʒjˌɑːʃˈɪŋ"),
    ("Shaoxing", "ʃˌaʊʃˈɪŋ"),
];
/// Initials with their IPA; the longer first.
const INITIALS: [(&str, &str); 23] = [
    ("zh", "dʒ"),
    ("ch", "tʃ"),
    ("sh", "ʃ"),
    ("b", "b"),
    ("p", "p"),
    ("m", "m"),
    ("f", "f"),
    ("d", "d"),
    ("t", "t"),
    ("n", "n"),
    ("l", "l"),
    ("g", "ɡ"),
    ("k", "k"),
    ("h", "h"),
    ("j", "dʒ"),
    ("q", "tʃ"),
    ("x", "ʃ"),
    ("r", "ɹ"),
    ("z", "z"),
    ("c", "ts"),
    ("s", "s"),
    ("y", "j"),
    ("w", "w"),
];
/// Finals: a glide, the vowel with what follows. The longer first.
const FINALS: [(&str, &str, &str); 33] = [
    ("iang", "j", "ɑːŋ"),
    ("iong", "j", "ʊŋ"),
    ("uang", "w", "ɑːŋ"),
    ("ang", "", "ɑːŋ"),
    ("eng", "", "ʌŋ"),
    ("ing", "", "ɪŋ"),
    ("ong", "", "ʊŋ"),
    ("iao", "j", "aʊ"),
    ("ian", "j", "ɛn"),
    ("uai", "w", "aɪ"),
    ("uan", "w", "ɑːn"),
    ("ai", "", "aɪ"),
    ("ei", "", "eɪ"),
    ("ao", "", "aʊ"),
    ("ou", "", "oʊ"),
    ("an", "", "ɑːn"),
    ("en", "", "ən"),
    ("in", "", "ɪn"),
    ("er", "", "ɚ"),
    ("ia", "j", "ɑː"),
    ("ie", "j", "ɛ"),
    ("iu", "j", "oʊ"),
    ("ua", "w", "ɑː"),
    ("uo", "w", "ɔː"),
    ("ui", "w", "eɪ"),
    ("un", "w", "ən"),
    ("ue", "w", "ɛ"),
    ("a", "", "ɑː"),
    ("o", "", "ɔː"),
    ("e", "", "ʌ"),
    ("i", "", "iː"),
    ("u", "", "uː"),
    ("v", "", "uː"),
];

/// The IPA of a name in pinyin: one that begins with X, has a "zh", or a q before an i, and is syllables throughout.
/// The English front end reads other names well enough.
pub(super) fn ipa(word: &str) -> Option<String> {
    if let Some((_, ipa)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Some((*ipa).into());
    }
    let lower = word.to_lowercase();
    let marked = word.starts_with('X') || lower.contains("zh") || lower.contains("qi");
    if !word.starts_with(|c: char| c.is_ascii_uppercase()) || !marked || word.len() > 14 {
        return None;
    }
    let syllables = lower.split('\'').map(syllables).collect::<Option<Vec<_>>>()?.concat();
    let last = syllables.len().checked_sub(1)?;
    let said = syllables
        .into_iter()
        .enumerate()
        .map(|(n, (before, vowel))| format!("{before}{}{vowel}", if n == last { 'ˈ' } else { 'ˌ' }));
    Some(said.collect())
}

/// Each syllable's sounds before its vowel, and from its vowel on; none when it is not pinyin.
fn syllables(text: &str) -> Option<Vec<(String, &'static str)>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let (initial, start) =
        INITIALS.iter().find_map(|(letters, ipa)| Some((*ipa, text.strip_prefix(letters)?))).unwrap_or(("", text));
    FINALS.iter().find_map(|(letters, glide, vowel)| {
        let rest = start.strip_prefix(letters)?;
        let mut syllables = syllables(rest)?;
        // The i after these is only a buzz.
        let buzz = *letters == "i" && matches!(initial, "ɹ" | "z" | "ts" | "s")
            || (*letters == "i" && text.len() > 2 && text.starts_with(['z', 'c', 's']) && text[1..].starts_with('h'));
        syllables.insert(0, (format!("{initial}{glide}"), if buzz { "ɚ" } else { vowel }));
        Some(syllables)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinyin_is_told_from_english() {
        let cases = [
            ("Xi", Some("ʃˈiː")),
            ("Xi'an", Some("ʃˌiːˈɑːn")),
            ("Zhou", Some("dʒˈoʊ")),
            ("Qingdao", Some("tʃˌɪŋdˈaʊ")),
            ("Zhejiang", Some("dʒˌʌdʒjˈɑːŋ")),
            ("Guangzhou", Some("ɡwˌɑːŋdʒˈoʊ")),
            ("Xiaomi", Some("ʃjˌaʊmˈiː")),
            ("Taxi", None),
            ("Queen", None),
            ("Xerox", None),
            ("Beijing", None),
            ("zhou", None),
        ];
        for (name, wanted) in cases {
            assert_eq!(ipa(name).as_deref(), wanted, "{name}");
        }
    }
}

//! Languages that no voice speaks. A text wholly in such a language is refused, because nobody understands French read
//! by an English voice. A single sentence in one is read as well as possible, with a warning.
//!
//! Writing systems are recognised by their letters, and languages in Latin letters by function words (the most common
//! words of each language that English does not have), as in Grefenstette, "Comparing two language identification
//! schemes" (1995).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

use super::sentences;
use medley_text::script::is_han;

use crate::{SpeakError, language::Language};

fn listed(words: &'static str) -> HashSet<&'static str> {
    words.split(' ').collect()
}

/// The languages and their words, from `foreign.tsv`.
static LATIN: LazyLock<Vec<(&'static str, Vec<&'static str>)>> = LazyLock::new(|| {
    let rows = include_str!("foreign.tsv").lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|row| row.split_once('\t')).map(|(name, words)| (name, words.split(' ').collect())).collect()
});
/// Words that indicate English.
static ENGLISH: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    listed(
        "the of and to in is that it for was are as with his they at be this from have or by had not but what all were we when your can said there use each which she how their if will up other about out many then them these some her would like him into has two more could my than first been who its now did get may you he i an our us means a so do on no",
    )
});
/// Words that romanised Chinese and English names have too, so they indicate no language by themselves.
static WEAK: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    listed(
        "le la de ne que te di ma na se lo ti mi su ze ce ai au du des en un es il er am al si ha ho van ben sen bu pan die den das der el los las da do dos em kan wie on to i at are som var as cu nu pe cho ke dan her fait pour sur con per non men han wang det all ei tai niin kun po co za ni me no je y w z v ja sa mai om bei im war hat tag bin was so an in will mir wo abend comment encore salut dit chez quel favor nada mucho bueno buena bien ser fue soy come dove sera nel a o e boa bom dia como agora ter tudo wil had door over kom heet ons nee dag woon uit goede bene buona moro soll",
    )
});

/// Writing systems that no voice reads, by a range of their letters.
const SCRIPTS: &[(&str, &[(char, char)])] = &[
    ("Russian or another language in Cyrillic", &[('\u{400}', '\u{52F}')]),
    ("Greek", &[('\u{370}', '\u{3FF}'), ('\u{1F00}', '\u{1FFF}')]),
    ("Arabic", &[('\u{600}', '\u{6FF}'), ('\u{750}', '\u{77F}'), ('\u{FB50}', '\u{FDFF}'), ('\u{FE70}', '\u{FEFE}')]),
    ("Hebrew", &[('\u{590}', '\u{5FF}')]),
    ("Hindi or another language in Devanagari", &[('\u{900}', '\u{97F}')]),
    ("Bengali", &[('\u{980}', '\u{9FF}')]),
    ("Tamil", &[('\u{B80}', '\u{BFF}')]),
    ("Thai", &[('\u{E00}', '\u{E7F}')]),
    ("Georgian", &[('\u{10A0}', '\u{10FF}')]),
    ("Armenian", &[('\u{530}', '\u{58F}')]),
    ("Korean", &[('\u{AC00}', '\u{D7AF}'), ('\u{1100}', '\u{11FF}'), ('\u{3130}', '\u{318F}')]),
    ("Japanese", &[('\u{3041}', '\u{30FF}'), ('\u{31F0}', '\u{31FF}'), ('\u{FF66}', '\u{FF9D}')]),
];
const JAPANESE: &str = "Japanese";

/// Which languages have a word: bits by their place in [`LATIN`].
static WORDS: LazyLock<HashMap<&'static str, u32>> = LazyLock::new(|| {
    let mut words = HashMap::new();
    for (n, (_, list)) in LATIN.iter().enumerate() {
        list.iter().for_each(|word| *words.entry(*word).or_default() |= 1 << n);
    }
    words
});

/// Warnings about the parts of a text that no voice speaks properly. `language` is the parameter of the job.
///
/// # Errors
/// When the whole text is in a writing system that no voice reads, or, without a `language`, in a language that no
/// voice speaks.
pub(crate) fn check(input: &str, text: &str, language: Option<Language>) -> Result<Vec<String>, SpeakError> {
    let refuse = |language, advice| Err(SpeakError::Language { input: input.into(), language, advice });
    if let Some(script) = by_script(text) {
        return refuse(script, "give it in English or Chinese");
    }
    let mut warnings = Vec::new();
    match (by_words(text), language) {
        (Some(found), None) => {
            return refuse(
                found,
                "give it in English or Chinese, or set the parameter language to en to hear it read as English",
            );
        }
        (Some(found), Some(_)) => {
            warnings.push(format!("the text is in {found}, which no voice speaks: it is read as English"))
        }
        (None, _) => warnings.extend(sentences_in_others(text)),
    }
    Ok(warnings)
}

fn sentences_in_others(text: &str) -> Vec<String> {
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for range in sentences::split(text) {
        if let Some(language) = language_of(&text[range]) {
            *counts.entry(language).or_default() += 1;
        }
    }
    let warnings = counts.into_iter().map(|(language, count)| {
        let sentences = if count == 1 { "1 sentence is".to_owned() } else { format!("{count} sentences are") };
        let read =
            if LATIN.iter().any(|(name, _)| *name == language) { "read as English" } else { "not read properly" };
        format!("{sentences} in {language}, which no voice speaks: {read}")
    });
    warnings.collect()
}

/// The language of a text, where all of it but a few words is in one that no voice speaks.
pub(crate) fn language_of(text: &str) -> Option<&'static str> {
    by_script(text).or_else(|| by_words(text))
}

fn by_script(text: &str) -> Option<&'static str> {
    let mut counts = vec![0_usize; SCRIPTS.len()];
    let (mut others, mut han) = (0, 0);
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        let script = SCRIPTS.iter().position(|(_, ranges)| ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)));
        match script {
            Some(script) if c != 'ー' && c != '・' => counts[script] += 1,
            _ if is_han(c) => han += 1,
            _ => others += 1,
        }
    }
    let (script, count) = counts.iter().copied().enumerate().max_by_key(|(_, count)| *count)?;
    let (name, _) = SCRIPTS[script];
    // Japanese writes a third and more of its letters in kana; one の in a Chinese brand is no Japanese.
    let japanese = name == JAPANESE && count >= 3 && count * 5 >= han + count && count + han > others * 2;
    let other = name != JAPANESE && count >= 2 && count > (han + others) * 5;
    (japanese || other).then_some(name)
}

fn by_words(text: &str) -> Option<&'static str> {
    if text.chars().filter(|c| is_han(*c)).count() * 4 > text.chars().count() {
        return None;
    }
    // The words of source code indicate no language.
    let signs =
        text.chars().filter(|c| matches!(c, '{' | '}' | '[' | ']' | '(' | ')' | ';' | '=' | '<' | '>' | '_')).count();
    if signs * 2 > text.split_whitespace().count() {
        return None;
    }
    // Iterates twice instead of collecting, because a text may have a million words.
    let words = || {
        let words = text.split(|c: char| !(c.is_alphabetic() || c == '\u{301}'));
        words.filter(|word| !word.is_empty()).map(str::to_lowercase)
    };
    let mut counts = vec![0_usize; LATIN.len()];
    let (mut all, mut english) = (0_usize, 0_usize);
    for word in words() {
        all += 1;
        english += usize::from(ENGLISH.contains(word.as_str()));
        let bits = WORDS.get(word.as_str()).copied().unwrap_or_default();
        (0..counts.len()).filter(|n| bits >> n & 1 == 1).for_each(|n| counts[n] += 1);
    }
    let (best, found) = counts.into_iter().enumerate().max_by_key(|(_, count)| *count)?;
    let (name, list) = LATIN.get(best)?;
    let mut strong: BTreeSet<String> = BTreeSet::new();
    let mut only_english = 0;
    for word in words() {
        let is_english = ENGLISH.contains(word.as_str());
        let is_listed = list.contains(&word.as_str());
        only_english += usize::from(is_english && !is_listed);
        if is_listed && !is_english && !WEAK.contains(word.as_str()) {
            strong.insert(word);
        }
    }
    let share = found as f64 / all.max(1) as f64;
    let enough = match all {
        0..=2 => return None,
        3 => share > 0.6 && strong.len() >= 2,
        4..=7 => share >= 0.3 && strong.len() >= 2,
        _ => share >= 0.25 && strong.len() >= 3,
    };
    (enough && found > only_english * 4 && (found > english || only_english == 0)).then_some(*name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_without_a_voice_are_known() {
        let cases = [
            ("Bonjour, comment allez-vous ?", "French"),
            ("Je suis très content de vous voir ce matin, mais il pleut.", "French"),
            ("Le gouvernement a annoncé mardi que les prix de l'énergie seront plafonnés dans tout le pays.", "French"),
            ("Guten Tag, wie geht es Ihnen?", "German"),
            ("Der Zug nach Berlin fährt heute nicht, weil die Strecke gesperrt ist.", "German"),
            ("Guten Tag, ich heiße Anna und wohne in Berlin.", "German"),
            ("Wir waren gestern in der Stadt und haben viel gelacht.", "German"),
            ("Je voudrais un café et du pain, s'il vous plaît.", "French"),
            ("Je m'appelle Anna et j'habite à Paris.", "French"),
            ("Me llamo Ana y vivo en una casa de Madrid con mi hermano.", "Spanish"),
            ("Buongiorno, mi chiamo Anna e abito in Italia con la mia famiglia.", "Italian"),
            ("Goedemorgen, ik heet Anna en ik woon in een huis bij Utrecht.", "Dutch"),
            ("Hola, ¿cómo estás?", "Spanish"),
            ("El presidente dijo que no hay dinero para las escuelas del sur.", "Spanish"),
            ("Questa è la casa che ho comprato con i soldi della nonna.", "Italian"),
            ("Não sei se ele vem hoje, mas você pode esperar em casa.", "Portuguese"),
            ("Ik heb het boek niet gelezen, maar het is wel goed.", "Dutch"),
            ("Jag har inte läst boken, men den är bra och det är roligt att höra.", "Swedish"),
            ("Nie wiem, czy on jest w domu, ale już się pytałem.", "Polish"),
            ("Bu çok güzel bir kitap ve ben onu okudum.", "Turkish"),
            ("Tôi không có thời gian và những người này là bạn của tôi.", "Vietnamese"),
            ("Saya tidak akan pergi dengan anda pada hari ini.", "Indonesian or Malay"),
            ("Привет, как дела?", "Russian or another language in Cyrillic"),
            (
                "Цена 100 рублей за iPhone, который вам понравится больше всех других телефонов",
                "Russian or another language in Cyrillic",
            ),
            ("こんにちは、元気ですか。", "Japanese"),
            ("東京都は人口が多い都市です。", "Japanese"),
            ("안녕하세요, 반갑습니다.", "Korean"),
            ("مرحبا بكم", "Arabic"),
            ("สวัสดีครับ", "Thai"),
            ("Γεια σου κόσμε", "Greek"),
        ];
        for (text, wanted) in cases {
            assert_eq!(language_of(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn a_sentence_between_english_ones_is_warned_of() {
        let text =
            "Hello, how are you? Je voudrais un café et du pain, s'il vous plaît. Goodbye, and thank you for all.";
        assert_eq!(
            check("a", text, None).unwrap(),
            ["1 sentence is in French, which no voice speaks: read as English"]
        );
        for text in [
            "Hello. Je voudrais un café et du pain, s'il vous plaît. Bye.",
            "Guten Tag, ich heiße Anna und wohne in Berlin.",
        ] {
            let told = !matches!(check("a", text, None), Ok(warnings) if warnings.is_empty());
            assert!(told && !check("a", text, Some(Language::En)).unwrap().is_empty(), "{text}");
        }
        assert!(check("a", "今天天气很好。 The war was in all our minds.", None).unwrap().is_empty());
    }

    #[test]
    fn english_with_names_loanwords_pinyin_and_code_is_none() {
        for text in [
            "She has a certain je ne sais quoi, he said.",
            "The crème de la crème of El Niño research met in Los Angeles.",
            "Vincent van Gogh, Ludwig van Beethoven, Charles de Gaulle, Juan de la Cruz",
            "Les Misérables, La Bohème, Der Ring des Nibelungen, Die Zauberflöte",
            "Hors d'oeuvres, foie gras, coq au vin, crème brûlée.",
            "San José, São Paulo, Córdoba, Málaga, Düsseldorf, Łódź, Malmö",
            "Wo men qu Beijing, ni de shu zai na li le ma? Ta de che ne?",
            "nǐ hǎo, wǒ shì zhōng guó rén, wǒ de péng yǒu ne",
            "let x = foo(bar); if (y) { return die(\"no\"); }",
            "def main(args): print(les, des, une)",
            "Müller and Söhne GmbH won the case.",
            "Hola means hello in Spanish.",
            "C'est la vie!",
            "La La Land",
            "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor.",
            "Привет means hello.",
            "他说 bonjour 的时候笑了。",
            "优の良品今天打折",
            "今天天气很好",
            "Die another day, or die hard with a vengeance.",
            "No.",
            "",
            "Alpha, beta, gamma, delta",
            "SELECT id FROM users WHERE name = 'el' AND y IN (1, 2)",
            "Pho, banh mi and bun cha are dishes of Vietnam.",
            "Sushi, karaoke, tsunami, emoji, kimono",
            "The man in the hat was so tired of the war that he sat in a bin.",
            "Do me a favor and come over in a day or so, no comment.",
            "Encore! Encore! The salute was a fait accompli for man and war.",
            "Anna and Berlin in an hour, so was Hans in Bonn.",
            "I was in Den Haag and met van den Berg in a bar.",
            "Tag sale, war games, hat trick, bin day",
        ] {
            assert_eq!(language_of(text), None, "{text}");
        }
    }
}

//! Gives speakers names, in every artifact of a transcript.

use std::collections::BTreeMap;

use medley_proto::{ErrorCode, Transcript};
use medley_step::StepError;
use medley_text::subtitle::{parse_vtt, srt, vtt};

use crate::{
    episode::notes::{base_of, podcast_tags},
    text::markup::{html as escape, markdown},
};

/// The longest name, in characters.
const MAX_NAME_CHARS: usize = 80;

/// The artifacts in which speakers are named.
pub const RENAMED: &[&str] = &[
    "transcript.json",
    "transcript.txt",
    "transcript.srt",
    "transcript.vtt",
    "transcript.rttm",
    "transcript.html",
    "summary.md",
    "podcast.xml",
];

/// Who is to be called what: a label (`A`), `Speaker A`, `Speaker 1`, or the name that they have now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewName {
    pub speaker: String,
    pub name: String,
}

impl std::str::FromStr for NewName {
    type Err = String;

    /// Reads `A=Ann`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' gives no name; write who is to be called what, as in A=Ann");
        let (speaker, name) = text.split_once('=').ok_or_else(wrong)?;
        let [speaker, name] = [speaker, name].map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
        if speaker.is_empty() || name.is_empty() {
            return Err(wrong());
        }
        if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
            return Err(format!("the name for {speaker} has control characters or more than {MAX_NAME_CHARS} in all"));
        }
        Ok(Self { speaker, name })
    }
}

/// The artifacts that change when speakers get names, by their names; all that a transcript or an episode has are given.
///
/// # Errors
/// `params_invalid` when nobody is called so, or nobody was told apart.
pub fn rename(files: &BTreeMap<String, Vec<u8>>, names: &[NewName]) -> Result<BTreeMap<String, Vec<u8>>, StepError> {
    let refuse = |what: String| StepError::permanent(ErrorCode::PARAMS_INVALID, what);
    let json = files.get("transcript.json").ok_or_else(|| refuse("these artifacts hold no transcript.json".into()))?;
    let foreign = |error: serde_json::Error| {
        refuse("transcript.json is no transcript of Medley, or damaged: run the job again".into()).because(error)
    };
    let mut transcript: Transcript = serde_json::from_slice(json).map_err(foreign)?;
    if transcript.speakers.is_empty() {
        return Err(refuse("nobody was told apart here; run the job again with --speakers auto".into()));
    }
    let before: Vec<String> = transcript.speakers.iter().map(|speaker| speaker.name.clone()).collect();
    // All are looked for before any has its new name: two may change places.
    let found: Vec<(usize, &NewName)> = names
        .iter()
        .map(|new| {
            let n = place(&transcript, &new.speaker).ok_or_else(|| {
                refuse(format!("nobody is called '{}' here; there are {}", new.speaker, before.join(", ")))
            })?;
            Ok((n, new))
        })
        .collect::<Result<_, StepError>>()?;
    for (n, new) in found {
        if transcript.speakers[n].name != before[n] && transcript.speakers[n].name != new.name {
            return Err(refuse(format!(
                "{} is given two names: '{}' and '{}'",
                before[n], transcript.speakers[n].name, new.name
            )));
        }
        transcript.speakers[n].name.clone_from(&new.name);
    }
    // The artifacts know speakers by their names: two of one name could never be told apart again.
    for (n, speaker) in transcript.speakers.iter().enumerate() {
        if let Some(other) = transcript.speakers[..n].iter().find(|other| other.name == speaker.name) {
            let what = format!(
                "{} and {} would both be '{}' and could not be told apart again; give one of them another name",
                other.label, speaker.label, speaker.name
            );
            return Err(refuse(what));
        }
    }
    let changes: Vec<(String, String)> =
        before.into_iter().zip(&transcript.speakers).map(|(old, speaker)| (old, speaker.name.clone())).collect();
    let changes = Changes(changes);
    for segment in &mut transcript.segments {
        changes.apply(&mut segment.speaker);
        segment.words.iter_mut().for_each(|word| changes.apply(&mut word.speaker));
    }

    let mut changed = BTreeMap::from([("transcript.json".to_owned(), serde_json::to_vec(&transcript)?)]);
    let text = |name: &str| files.get(name).map(|bytes| String::from_utf8_lossy(bytes));
    if let Some(text) = text("transcript.txt") {
        changed.insert("transcript.txt".into(), changes.in_paragraphs(&text).into_bytes());
    }
    if let Some(mut cues) = text("transcript.vtt").and_then(|text| parse_vtt(&text)) {
        cues.iter_mut().for_each(|cue| changes.apply(&mut cue.speaker));
        changed.insert("transcript.vtt".into(), vtt(&cues).into_bytes());
        if files.contains_key("transcript.srt") {
            changed.insert("transcript.srt".into(), srt(&cues).into_bytes());
        }
    }
    if let Some(text) = text("transcript.rttm") {
        changed.insert("transcript.rttm".into(), changes.in_rttm(&text).into_bytes());
    }
    if let Some(page) = text("transcript.html") {
        changed.insert("transcript.html".into(), changes.in_page(&page).into_bytes());
    }
    if let Some(text) = text("summary.md") {
        changed.insert("summary.md".into(), changes.in_quotes(&text).into_bytes());
    }
    if let Some(tags) = text("podcast.xml") {
        // The base stands there as it was escaped.
        let base = base_of(&tags).replace("&amp;", "&");
        changed.insert("podcast.xml".into(), podcast_tags(&transcript, &base).into_bytes());
    }
    changed.retain(|name, bytes| files.get(name) != Some(bytes));
    Ok(changed)
}

/// Whom somebody means: a label or a name first, then a number.
fn place(transcript: &Transcript, who: &str) -> Option<usize> {
    let speakers = &transcript.speakers;
    let called = |who: &str| {
        let by_name = speakers.iter().position(|speaker| speaker.name == who);
        by_name.or_else(|| speakers.iter().position(|speaker| speaker.label == who))
    };
    called(who).or_else(|| {
        let bare = who.strip_prefix("Speaker ").or_else(|| who.strip_prefix("speaker "))?;
        let number = || bare.parse::<usize>().ok()?.checked_sub(1).filter(|n| *n < speakers.len());
        called(bare).or_else(number)
    })
}

/// Old names and new ones.
struct Changes(Vec<(String, String)>);

impl Changes {
    fn new_name(&self, old: &str) -> Option<&String> {
        self.0.iter().find(|(name, _)| name == old).map(|(_, new)| new)
    }

    fn apply(&self, name: &mut Option<String>) {
        if let Some(new) = name.as_deref().and_then(|old| self.new_name(old)) {
            *name = Some(new.clone());
        }
    }

    fn in_paragraphs(&self, text: &str) -> String {
        let renamed = |paragraph: &str| {
            let who =
                self.0.iter().find_map(|(old, new)| Some((paragraph.strip_prefix(old)?.strip_prefix(": ")?, new)));
            who.map_or_else(|| paragraph.to_owned(), |(said, new)| format!("{new}: {said}"))
        };
        text.split("\n\n").map(renamed).collect::<Vec<_>>().join("\n\n")
    }

    fn in_rttm(&self, text: &str) -> String {
        let one_word = |name: &str| name.split_whitespace().collect::<Vec<_>>().join("_");
        let renamed = |line: &str| {
            let mut fields: Vec<String> = line.split(' ').map(str::to_owned).collect();
            if let Some(field) = fields.get_mut(7)
                && let Some((_, new)) = self.0.iter().find(|(old, _)| one_word(old) == *field)
            {
                *field = one_word(new);
            }
            fields.join(" ") + "\n"
        };
        text.lines().map(renamed).collect()
    }

    /// Who is quoted in a summary.
    fn in_quotes(&self, text: &str) -> String {
        let renamed = |line: &str| {
            let (who, at) = line.strip_prefix("> — ")?.rsplit_once(", ")?;
            let (_, new) = self.0.iter().find(|(old, _)| markdown(old) == who)?;
            Some(format!("> — {}, {at}", markdown(new)))
        };
        let lines = text.split('\n').map(|line| renamed(line).unwrap_or_else(|| line.to_owned()));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The places where the page names speakers. What is said there is escaped, and cannot look like one of them.
    fn in_page(&self, page: &str) -> String {
        let marks: [(&str, &str); 4] = [
            (" data-who=\"", "\""),
            (" data-speaker=\"", "\""),
            ("<span class=\"who\">", "</span>"),
            (" aria-pressed=\"false\">", " <time>"),
        ];
        let mut page = page.to_owned();
        for (before, behind) in marks {
            let mut parts = page.split(before);
            let mut renamed = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                renamed.push_str(before);
                let (name, rest) = part.split_once(behind).unwrap_or(("", part));
                match self.0.iter().find(|(old, _)| escape(old) == name) {
                    Some((_, new)) => renamed.push_str(&format!("{}{behind}{rest}", escape(new))),
                    None => renamed.push_str(part),
                }
            }
            page = renamed;
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use medley_proto::{Speaker, TranscriptSegment, Word};

    use super::*;

    fn names(of: &[&str]) -> Vec<NewName> {
        of.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn files() -> BTreeMap<String, Vec<u8>> {
        let word = |who: &str| Word { text: "Hi.".into(), speaker: Some(who.into()), ..Word::default() };
        let segment = |who: &str| TranscriptSegment {
            text: "A: Hi.".into(),
            speaker: Some(who.into()),
            words: vec![word(who)],
            ..TranscriptSegment::default()
        };
        let speaker = |label: &str| Speaker { label: label.into(), name: label.into(), ..Speaker::default() };
        let transcript = Transcript {
            segments: vec![segment("A"), segment("B")],
            speakers: vec![speaker("A"), speaker("B")],
            ..Transcript::default()
        };
        let text = |text: &str| text.as_bytes().to_vec();
        BTreeMap::from([
            ("transcript.json".into(), serde_json::to_vec(&transcript).unwrap()),
            ("transcript.txt".into(), text("A: A: Hi.\n\nB: A: Hi.\n")),
            (
                "transcript.vtt".into(),
                text(
                    "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v A>A &amp; B\n\n00:00:01.000 --> 00:00:02.500\n<v B>one\ntwo\n\n",
                ),
            ),
            ("transcript.srt".into(), text("old")),
            (
                "transcript.rttm".into(),
                text("SPEAKER A 1 0.000 1.000 <NA> <NA> A <NA> <NA>\nSPEAKER A 1 1.000 1.500 <NA> <NA> B <NA> <NA>\n"),
            ),
            (
                "transcript.html".into(),
                text(
                    "<button data-speaker=\"A\" aria-pressed=\"false\">A <time>0:01</time></button><p class=\"t\" data-who=\"A\"><span class=\"who\">A</span> A <b>A</b>",
                ),
            ),
            ("summary.md".into(), text("# A\n\n> A, yes\n> — A, 0:01\n")),
        ])
    }

    #[test]
    fn every_artifact_has_the_name_and_what_is_said_stays() {
        let changed = rename(&files(), &names(&["Speaker 1=Ann  <Lee>"])).unwrap();
        let text = |name: &str| String::from_utf8(changed[name].clone()).unwrap();
        assert_eq!(text("transcript.txt"), "Ann <Lee>: A: Hi.\n\nB: A: Hi.\n");
        assert!(
            text("transcript.vtt").contains("\n<v Ann &lt;Lee&gt;>A &amp; B\n")
                && text("transcript.vtt").contains("<v B>one\ntwo")
        );
        assert!(
            text("transcript.srt").contains("\nAnn <\u{2060}Lee>: A & B\n")
                && text("transcript.srt").contains("\nB: one\ntwo\n")
        );
        assert!(text("transcript.rttm").starts_with("SPEAKER A 1 0.000 1.000 <NA> <NA> Ann_<Lee> <NA>"));
        let page = "<button data-speaker=\"Ann &lt;Lee&gt;\" aria-pressed=\"false\">Ann &lt;Lee&gt; <time>0:01</time></button><p class=\"t\" data-who=\"Ann &lt;Lee&gt;\"><span class=\"who\">Ann &lt;Lee&gt;</span> A <b>A</b>";
        assert_eq!(text("transcript.html"), page);
        let transcript: Transcript = serde_json::from_slice(&changed["transcript.json"]).unwrap();
        assert_eq!((transcript.speakers[0].label.as_str(), transcript.speakers[0].name.as_str()), ("A", "Ann <Lee>"));
        assert_eq!(transcript.segments[0].words[0].speaker.as_deref(), Some("Ann <Lee>"));
        assert_eq!(transcript.segments[0].text, "A: Hi.");
        assert_eq!(text("summary.md"), "# A\n\n> A, yes\n> — Ann &lt;Lee&gt;, 0:01\n");
    }

    #[test]
    fn names_may_change_places_and_change_again() {
        let swapped = rename(&files(), &names(&["A=B", "B=A"])).unwrap();
        assert_eq!(String::from_utf8_lossy(&swapped["transcript.txt"]), "B: A: Hi.\n\nA: A: Hi.\n");
        let mut all = files();
        all.extend(rename(&all, &names(&["A=Ann", "B=Bo"])).unwrap());
        all.extend(rename(&all, &names(&["Ann=Bo", "Speaker B=Cy"])).unwrap());
        let text = |name: &str| String::from_utf8(all[name].clone()).unwrap();
        assert_eq!(text("transcript.txt"), "Bo: A: Hi.\n\nCy: A: Hi.\n");
        assert!(rename(&all, &names(&["Bo=Bo"])).unwrap().is_empty(), "nothing changes");
    }

    #[test]
    fn whoever_is_not_there_gets_no_name() {
        let message = rename(&files(), &names(&["C=Ann"])).unwrap_err().to_string();
        assert!(message.contains("nobody is called 'C' here; there are A, B"), "{message}");
        assert!(
            "A".parse::<NewName>().is_err() && "=Ann".parse::<NewName>().is_err() && "A= ".parse::<NewName>().is_err()
        );
    }
}

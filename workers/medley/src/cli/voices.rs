//! `medley voices`, and `medley run speak --voice list`: the voices with their terms.

use std::ffi::OsString;

use clap::Command;
use medley_models::Registry;
use medley_proto::Commercial;
use medley_speak::VOICES;
use serde::Serialize;

use super::{extra::ExtraCommand, outputs, switches::switch};

const NAME: &str = "voices";

pub(super) const COMMAND: ExtraCommand = ExtraCommand {
    name: NAME,
    command: || {
        let about = "Lists the voices of `speak`, with whether what they say may be sold";
        Command::new(NAME).about(about).arg(switch("json", "Prints a list of objects"))
    },
    main: |matches, _| match matches.get_flag("json") {
        true => outputs::print_json(&rows()),
        false => outputs::print_text(&table(&rows())),
    },
};

/// The command line with `run speak … --voice list` as `voices`.
pub(super) fn asked(words: Vec<OsString>) -> Vec<OsString> {
    let is = |at: usize, word: &str| words.get(at).is_some_and(|given| given == word);
    let speaks = (1..words.len()).any(|at| is(at, "run") && is(at + 1, "speak"));
    let lists = (1..words.len()).any(|at| is(at, "--voice=list") || (is(at, "--voice") && is(at + 1, "list")));
    if !(speaks && lists) {
        return words;
    }
    let json = words.iter().filter(|word| *word == "--json").take(1).cloned().collect::<Vec<_>>();
    words.into_iter().take(1).chain([NAME.into()]).chain(json).collect()
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    language: &'static str,
    accent: &'static str,
    sex: String,
    grade: Option<&'static str>,
    licence: &'static str,
    data: &'static str,
    commercial: Commercial,
}

fn rows() -> Vec<Row> {
    let row = |voice: &medley_speak::Listed| {
        let licence = &Registry::built_in().models.get(voice.model)?.licence;
        Some(Row {
            name: voice.name,
            language: voice.language.code(),
            accent: voice.accent,
            sex: voice.sex.to_string(),
            grade: voice.grade,
            licence: &licence.weights,
            data: &licence.data,
            commercial: licence.commercial,
        })
    };
    VOICES.iter().filter_map(row).collect()
}

fn table(rows: &[Row]) -> String {
    let mut lines = vec![format!(
        "{:<12} {:<17} {:<6} {:<6} {:<15} licence",
        "voice", "language", "sex", "grade", "commercial use"
    )];
    for row in rows {
        let commercial = match row.commercial {
            Commercial::Yes => "yes",
            Commercial::No => "no",
            Commercial::Unclear => "unclear",
        };
        let grade = row.grade.unwrap_or("-");
        lines.push(format!(
            "{:<12} {:<17} {:<6} {grade:<6} {commercial:<15} {}",
            row.name, row.accent, row.sex, row.licence
        ));
    }
    lines.push(
        "Mixes: af_heart:0.6+am_michael:0.4. Grades are their publisher's; `medley models list` has all terms.".into(),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_voice_list_is_the_list_of_voices() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(asked(words("medley run speak --voice list")), words("medley voices"));
        assert_eq!(asked(words("medley run speak --json --voice=list")), words("medley voices --json"));
        for other in ["medley run speak list --voice joe", "medley run news --voice list"] {
            assert_eq!(asked(words(other)), words(other));
        }
    }

    #[test]
    fn every_voice_has_its_terms() {
        let rows = rows();
        assert_eq!(rows.len(), VOICES.len());
        let commercial = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.commercial);
        assert_eq!(commercial("af_heart"), Some(Commercial::Yes));
        assert_eq!(commercial("baker"), Some(Commercial::No));
        assert_eq!(commercial("zf_xiaoxiao"), Some(Commercial::Unclear));
        assert!(table(&rows).lines().any(|line| line.starts_with("am_michael") && line.contains("man")));
    }
}

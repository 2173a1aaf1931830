//! Names for the folders that results get, from the names of inputs: always one folder below the output folder, never
//! hidden, so never the folder of the jobs' state.

use std::path::Path;

use super::printable::printable;

/// The longest name in bytes: file systems take 255, and `-2` may follow.
const MAX_BYTES: usize = 200;

/// The name of the folder for an input of this name: its stem, without what a path, a terminal or a file system would read
/// otherwise. `job` when nothing is left.
pub(super) fn folder_name(input: &str) -> String {
    // A name that begins with a dot has no extension but what follows the last of them: `.medley.png`.
    let stem = Path::new(input).file_stem().map_or_else(Default::default, |stem| stem.to_string_lossy());
    let shown = |c: char| printable(c.encode_utf8(&mut [0; 4])) == *c.encode_utf8(&mut [0; 4]);
    let odd = |c: char| matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') || !shown(c);
    let safe: String = stem.chars().map(|c| if odd(c) { '_' } else { c }).collect();
    let mut name = safe.trim_start_matches(|c: char| c == '.' || c.is_whitespace());
    if name.len() > MAX_BYTES {
        name = &name[..name.floor_char_boundary(MAX_BYTES)];
    }
    let name = name.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    if name.is_empty() { "job".into() } else { name.into() }
}

/// The name, or `name-2`, `name-3`, … when another folder is called so, in capitals or not: some file systems take both
/// for one.
pub(super) fn free_name<'a>(name: &str, taken: impl Iterator<Item = &'a str> + Clone) -> String {
    let names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}-{n}")));
    let is_free = |name: &String| taken.clone().all(|other| other.to_lowercase() != name.to_lowercase());
    names.into_iter().find(is_free).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::{Component, PathBuf};

    use super::*;

    #[test]
    fn ordinary_names_are_their_stems() {
        for (input, name) in [
            ("episode.mp3", "episode"),
            ("talk 1.final.wav", "talk 1.final"),
            ("名字.png", "名字"),
            ("no extension", "no extension"),
            ("photo-2.jpeg", "photo-2"),
        ] {
            assert_eq!(folder_name(input), name);
        }
    }

    #[test]
    fn no_name_leads_out_or_into_the_state_or_is_unseen() {
        let long = "长".repeat(300) + ".png";
        for input in [
            "...png",
            "..",
            ".",
            "",
            ".medley.png",
            ".medley",
            ".MEDLEY",
            "....",
            ". . .",
            "a/../../b",
            "/",
            "\\..\\x",
            " .x",
            "x. . .png",
            "a\nerror[ok]: b.png",
            "\u{1b}]0;x\u{7}.png",
            "\u{202e}gpj.exe",
            "\u{200b}.png",
            "\0",
            "C:x",
            long.as_str(),
            "-",
            "\u{fffd}.png",
            "..\u{200b}.png",
        ] {
            let name = folder_name(input);
            let parts: Vec<_> =
                PathBuf::from(&name).components().map(|part| matches!(part, Component::Normal(_))).collect();
            assert_eq!(parts, [true], "{input:?}: {name:?}");
            assert!(!name.starts_with('.') && !name.ends_with(['.', ' ']), "{input:?}: {name:?}");
            assert!(name.len() <= MAX_BYTES && !name.is_empty(), "{input:?}: {name:?}");
            assert_eq!(printable(&name), name, "{input:?}");
        }
        assert_eq!(folder_name("...png"), "job");
        assert_eq!(folder_name(".medley.png"), "medley");
    }

    #[test]
    fn folders_do_not_collide() {
        let free = |name: &str, taken: &[&str]| free_name(name, taken.iter().copied());
        assert_eq!(free("a", &[]), "a");
        assert_eq!(free("a", &["a"]), "a-2");
        assert_eq!(free("a", &["a", "a-2"]), "a-3");
        assert_eq!(free("Photo", &["photo"]), "Photo-2");
        assert_eq!(free("É", &["é"]), "É-2");
    }
}

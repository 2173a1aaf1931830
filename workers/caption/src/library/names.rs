//! Names of images where a data set is unpacked or read: whatever an archive, a bucket or a disk calls them, they stay in
//! the folder.

/// The path with `/` between folders, without what leads out of a folder or says which disk: `..` (also with the blanks and
/// dots behind it that Windows forgets), roots, drives. Windows' separators separate here too.
pub(super) fn below(path: &str) -> String {
    let parts = path.split(['/', '\\']).enumerate().filter(|(n, part)| {
        let is_drive = *n == 0 && part.len() == 2 && part.ends_with(':');
        let is_dots = part.trim_end_matches([' ', '.']).is_empty();
        !is_drive && !is_dots
    });
    let below: Vec<&str> = parts.map(|(_, part)| part).collect();
    if below.is_empty() { "unnamed".into() } else { below.join("/") }
}

/// The same for a member of an archive: control characters, which some programs take for the end of a name and terminals
/// obey, become `_`.
pub(super) fn member(path: &str) -> String {
    below(path).chars().map(|c| if c.is_control() { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out() {
        for (path, stays) in [
            ("a/b.jpg", "a/b.jpg"),
            ("./a/./b.jpg", "a/b.jpg"),
            ("/etc/../b.jpg", "etc/b.jpg"),
            ("../../b.jpg", "b.jpg"),
            ("..\\..\\b.jpg", "b.jpg"),
            ("C:\\photos\\b.jpg", "photos/b.jpg"),
            (".. /... /b.jpg", "b.jpg"),
            ("a//b.jpg", "a/b.jpg"),
            ("..", "unnamed"),
            ("", "unnamed"),
            ("...png", "...png"),
            ("<b>&\"' .jpg", "<b>&\"' .jpg"),
        ] {
            assert_eq!(below(path), stays, "{path:?}");
        }
        assert_eq!(member("a\n\u{1b}[31m\0b.jpg"), "a__[31m_b.jpg");
        assert_eq!(below("a\nb.jpg"), "a\nb.jpg");
    }
}

//! Safe names for files in archives and data sets: whatever an archive, a bucket or a disk calls an image, its name does not
//! lead out of the folder where the data set is unpacked or read.

/// The path with `/` between folders, without roots, drives and `..` (nor `..` followed by blanks and dots, which Windows
/// ignores). Backslashes separate folders too.
pub fn below(path: &str) -> String {
    let parts = path.split(['/', '\\']).enumerate().filter(|(n, part)| {
        let is_drive = *n == 0 && part.len() == 2 && part.ends_with(':');
        let is_dots = part.trim_end_matches([' ', '.']).is_empty();
        !is_drive && !is_dots
    });
    let below: Vec<&str> = parts.map(|(_, part)| part).collect();
    if below.is_empty() { "unnamed".into() } else { below.join("/") }
}

/// The same for a member of an archive. Control characters, which may end a name early or command a terminal, become `_`.
pub fn member(path: &str) -> String {
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

//! What stands between the parts of a text.

/// The parts of a text, each with what stands before it, so that all of them joined are the text. A part that is not found
/// stays as it is.
pub(super) fn spaced<'a>(whole: &str, parts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut rest = whole;
    let with_space = |part: &str| match rest.find(part) {
        Some(at) => {
            let (found, after) = rest.split_at(at + part.len());
            rest = after;
            found.to_owned()
        }
        None => part.to_owned(),
    };
    parts.map(with_space).collect()
}

//! The table of `docs/models.md`, made from the registry.

use std::fmt::Write;

use medley_proto::Commercial;

use crate::{Kind, Registry};

/// Markdown: one row for each entry.
pub fn table(registry: &Registry) -> String {
    let mut out = String::from(
        "| model | what it is good for | from | licences: code · weights · data | commercial use |\n|---|---|---|---|---|\n",
    );
    for (name, model) in &registry.models {
        let kind = match model.kind {
            Kind::Model => "",
            Kind::Library => " (library)",
            Kind::Sample => " (sample)",
        };
        let optional = match (model.optional, model.is_unpinned()) {
            (_, true) => " (optional, unpinned)",
            (true, false) => " (optional)",
            (false, false) => "",
        };
        let mut from: Vec<String> = Vec::new();
        for source in &model.sources {
            let place = if source.pypi.is_some() {
                format!("PyPI {}", source.label())
            } else if source.npm.is_some() {
                format!("npm {}", source.label())
            } else {
                format!("<{}>", source.label())
            };
            if !from.contains(&place) {
                from.push(place);
            }
        }
        let commercial = match model.licence.commercial {
            Commercial::Yes => "yes",
            Commercial::No => "no",
            Commercial::Unclear => "unclear",
        };
        let licence = &model.licence;
        let _ = writeln!(
            out,
            "| `{name}`{kind}{optional} | {} | {} | {} · {} · {} | {commercial} |",
            model.about,
            from.join(", "),
            licence.code,
            licence.weights,
            licence.data,
        );
    }
    out
}

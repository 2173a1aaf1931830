//! A kind's params as command-line flags, made from the JSON Schema of its params type.
//!
//! `language: Option<String>` becomes `--language <TEXT>`, an enum becomes a choice, a bool a switch (see
//! [`super::switches`]), a list a comma-separated or repeated value, and anything deeper takes JSON. Doc comments are the
//! help.

use clap::{Arg, ArgAction, ArgMatches, builder::PossibleValuesParser, parser::ValueSource};
use serde_json::{Map, Value};

use super::{completions::ModelNames, switches};

/// What a flag's text is read as.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Switch,
    Integer,
    Number,
    Text,
    Choice(Vec<String>),
    List(Box<Shape>),
    Json,
}

/// One property of the params type.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Flag {
    property: String,
    shape: Shape,
    help: String,
    default: Option<Value>,
}

/// The flags of a params schema, in the schema's order.
pub(super) fn flags(schema: &Value) -> Vec<Flag> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    properties
        .iter()
        .map(|(name, property)| {
            let resolved = resolve(schema, property);
            let description = property.get("description").or_else(|| resolved.get("description"));
            Flag {
                property: name.clone(),
                shape: shape(schema, resolved),
                help: description.and_then(Value::as_str).unwrap_or_default().replace('\n', " "),
                default: property.get("default").filter(|value| !value.is_null()).cloned(),
            }
        })
        .collect()
}

/// Follows `$ref` and looks through `Option`.
fn resolve<'a>(root: &'a Value, mut node: &'a Value) -> &'a Value {
    // Schemas of params nest a few levels; the bound is there for a schema that refers to itself.
    for _ in 0..8 {
        if let Some(target) = node.get("$ref").and_then(Value::as_str) {
            match root.pointer(target.trim_start_matches('#')) {
                Some(found) => node = found,
                None => break,
            }
        } else if let Some(options) = node.get("anyOf").and_then(Value::as_array) {
            match options.iter().find(|option| option.get("type").and_then(Value::as_str) != Some("null")) {
                Some(found) => node = found,
                None => break,
            }
        } else {
            break;
        }
    }
    node
}

fn shape(root: &Value, node: &Value) -> Shape {
    if let Some(choices) = choices(node) {
        return Shape::Choice(choices);
    }
    let kind = match node.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    };
    match kind {
        "boolean" => Shape::Switch,
        "integer" => Shape::Integer,
        "number" => Shape::Number,
        "string" => Shape::Text,
        "array" => match node.get("items").map(|items| shape(root, resolve(root, items))) {
            Some(Shape::List(_) | Shape::Json) | None => Shape::Json,
            Some(item) => Shape::List(Box::new(item)),
        },
        _ => Shape::Json,
    }
}

/// The words of an enum of unit variants, written by schemars as `enum` or, with doc comments, as `oneOf` of `const`.
fn choices(node: &Value) -> Option<Vec<String>> {
    let words =
        |values: &Vec<Value>| values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    if let Some(values) = node.get("enum").and_then(Value::as_array) {
        return words(&values.iter().filter(|value| !value.is_null()).cloned().collect());
    }
    let variants = node.get("oneOf").and_then(Value::as_array)?;
    let mut all = Vec::new();
    for variant in variants {
        match (variant.get("const"), variant.get("enum").and_then(Value::as_array)) {
            (Some(word), _) => all.push(word.as_str()?.to_owned()),
            (None, Some(values)) => all.extend(words(values)?),
            (None, None) => return None,
        }
    }
    Some(all)
}

impl Flag {
    /// The flag's long name.
    fn long(&self) -> String {
        self.property.replace('_', "-")
    }

    #[cfg(test)]
    pub(super) fn is_switch(&self) -> bool {
        self.shape == Shape::Switch
    }

    /// The flag as a kind of job has it: a flag that names a model offers the names there are to completion.
    pub(super) fn to_arg_of(&self, kind: &str) -> Arg {
        match self.property.as_str() {
            "model" if self.shape == Shape::Text => {
                self.to_arg().value_parser(ModelNames::of(kind)).hide_possible_values(true)
            }
            _ => self.to_arg(),
        }
    }

    pub(super) fn to_arg(&self) -> Arg {
        let mut help = self.help.clone();
        if let Some(default) = self.default.as_ref().map(display).filter(|text| !text.is_empty()) {
            help.push_str(&format!(" [default: {default}]"));
        }
        let arg = Arg::new(self.property.clone()).long(self.long()).help(help).help_heading("Parameters");
        match &self.shape {
            Shape::Switch => switches::shaped(arg),
            Shape::List(item) => with_parser(arg, item).value_delimiter(',').action(ArgAction::Append),
            other => with_parser(arg, other),
        }
    }

    /// The flag's value as JSON, when it was given.
    fn value(&self, matches: &ArgMatches) -> Result<Option<Value>, String> {
        if matches.value_source(&self.property) != Some(ValueSource::CommandLine) {
            return Ok(None);
        }
        if self.shape == Shape::Switch {
            return Ok(matches.get_one::<bool>(&self.property).copied().map(Value::Bool));
        }
        let texts: Vec<&String> = matches.get_many::<String>(&self.property).into_iter().flatten().collect();
        let read =
            |shape: &Shape, text: &str| parse(shape, text).map_err(|why| format!("--{} {text}: {why}", self.long()));
        match &self.shape {
            Shape::List(item) => {
                texts.iter().map(|text| read(item, text)).collect::<Result<Vec<_>, _>>().map(|list| Some(list.into()))
            }
            other => texts.last().map(|text| read(other, text)).transpose(),
        }
    }
}

fn with_parser(arg: Arg, shape: &Shape) -> Arg {
    match shape {
        Shape::Integer => arg.value_name("N").allow_negative_numbers(true),
        Shape::Number => arg.value_name("X").allow_negative_numbers(true),
        Shape::Choice(words) => arg.value_name("CHOICE").value_parser(PossibleValuesParser::new(words.clone())),
        Shape::Text => arg.value_name("TEXT"),
        Shape::Switch | Shape::List(_) | Shape::Json => arg.value_name("JSON"),
    }
}

fn parse(shape: &Shape, text: &str) -> Result<Value, String> {
    match shape {
        Shape::Integer => text.parse::<i64>().map(Value::from).map_err(|_| "not a whole number".into()),
        Shape::Number => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::from(number)),
            _ => Err("not a number".into()),
        },
        Shape::Text | Shape::Choice(_) => Ok(text.into()),
        Shape::Switch | Shape::List(_) | Shape::Json => {
            serde_json::from_str(text).map_err(|error| format!("not JSON ({error})"))
        }
    }
}

fn display(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(display).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// The params that were given on the command line; what was not given keeps the kind's default.
pub(super) fn params(flags: &[Flag], matches: &ArgMatches) -> Result<Value, String> {
    let mut params = Map::new();
    for flag in flags {
        if let Some(value) = flag.value(matches)? {
            params.insert(flag.property.clone(), value);
        }
    }
    Ok(params.into())
}

#[cfg(test)]
mod tests {
    use clap::Command;
    use schemars::{JsonSchema, schema_for};
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Task {
        /// As it is.
        #[default]
        Transcribe,
        /// Into English.
        Translate,
    }

    #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        /// ISO 639-1; detected when absent.
        language: Option<String>,
        task: Task,
        second: Option<Task>,
        beam_size: u32,
        gain_db: f32,
        word_timestamps: bool,
        hotwords: Vec<String>,
        tasks: Vec<Task>,
        deep: Option<std::collections::BTreeMap<String, u32>>,
    }

    fn read(args: &[&str]) -> Result<Value, String> {
        let schema = serde_json::to_value(schema_for!(Sample)).unwrap();
        let flags = flags(&schema);
        let command = Command::new("x").args(flags.iter().map(Flag::to_arg));
        let matches = command.try_get_matches_from(["x"].iter().chain(args)).map_err(|error| error.to_string())?;
        params(&flags, &matches)
    }

    #[test]
    fn what_is_not_given_is_not_set() {
        assert_eq!(read(&[]).unwrap(), json!({}));
    }

    #[test]
    fn every_shape_is_read() {
        let args = [
            "--language",
            "zh",
            "--task",
            "translate",
            "--second",
            "transcribe",
            "--beam-size",
            "5",
            "--gain-db",
            "-1.5",
            "--word-timestamps",
            "--hotwords",
            "a,b",
            "--hotwords",
            "c",
            "--tasks",
            "translate",
            "--deep",
            r#"{"k":1}"#,
        ];
        let expected = json!({
            "language": "zh", "task": "translate", "second": "transcribe", "beam_size": 5, "gain_db": -1.5,
            "word_timestamps": true, "hotwords": ["a", "b", "c"], "tasks": ["translate"], "deep": {"k": 1},
        });
        let params = read(&args).unwrap();
        assert_eq!(params, expected);
        Sample::deserialize(params).unwrap();
        assert_eq!(read(&["--word-timestamps=false"]).unwrap(), json!({"word_timestamps": false}));
    }

    #[test]
    fn nonsense_is_refused_with_the_flag_named() {
        assert!(read(&["--beam-size", "many"]).unwrap_err().contains("--beam-size many: not a whole number"));
        assert!(read(&["--gain-db", "NaN"]).unwrap_err().contains("not a number"));
        assert!(read(&["--task", "sing"]).unwrap_err().contains("translate"));
        assert!(read(&["--no-such-flag"]).is_err());
    }

    #[test]
    fn help_comes_from_the_doc_comments() {
        let schema = serde_json::to_value(schema_for!(Sample)).unwrap();
        let mut command = Command::new("x").args(flags(&schema).iter().map(Flag::to_arg));
        let help = command.render_help().to_string();
        assert!(help.contains("ISO 639-1; detected when absent."), "{help}");
        assert!(help.contains("[default: transcribe]"), "{help}");
    }
}

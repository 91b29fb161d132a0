//! YAML as JSON values.

use serde_json::{Map, Value, json};
use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::{ScanError, Yaml, YamlLoader};

/// Most aliases of a text; each copies what it names, those of copies too.
const ALIASES: usize = 8;
/// Most lists and mappings in one another.
const DEPTH: usize = 64;

/// Why a text is no YAML that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadYaml {
    /// The line, from 1, where there is one.
    pub line: Option<u64>,
    /// What is wrong: words behind "the file".
    pub what: String,
}

/// The first document of a text; what JSON has no word for is null, and so is no document.
///
/// # Errors
/// Where the text is broken, has more than 8 aliases, or nests more than 64 deep.
pub fn yaml(text: &str) -> Result<Value, BadYaml> {
    hold(text)?;
    let documents = YamlLoader::load_from_str(text).map_err(|error| broken(&error))?;
    Ok(documents.first().map_or(Value::Null, value))
}

fn broken(error: &ScanError) -> BadYaml {
    BadYaml { line: Some(error.marker().line() as u64), what: format!("is no YAML: {error}") }
}

/// The loader copies and recurses without bounds; this keeps them.
fn hold(text: &str) -> Result<(), BadYaml> {
    let mut parser = Parser::new_from_str(text);
    let (mut aliases, mut depth) = (0, 0_usize);
    loop {
        let (event, at) = parser.next_token().map_err(|error| broken(&error))?;
        match event {
            Event::StreamEnd => return Ok(()),
            Event::Alias(_) => aliases += 1,
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth -= 1,
            _ => {}
        }
        if aliases > ALIASES {
            return Err(BadYaml { line: None, what: format!("has more than {ALIASES} aliases") });
        }
        if depth > DEPTH {
            let what = format!("nests more than {DEPTH} deep");
            return Err(BadYaml { line: Some(at.line() as u64), what });
        }
    }
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Integer(number) => json!(number),
        Yaml::Real(_) => yaml.as_f64().map_or(Value::Null, |number| json!(number)),
        Yaml::String(text) => json!(text),
        Yaml::Boolean(truth) => json!(truth),
        Yaml::Array(list) => list.iter().map(value).collect(),
        Yaml::Hash(map) => {
            let entries = map.iter().filter_map(|(key, entry)| Some((key.as_str()?.to_owned(), value(entry))));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_yaml_is_its_json() {
        let text = "a: 1\nb: [1.5, true, ~, x]\nc:\n  d: &one {e: f}\n  g: *one\n---\nsecond: 2\n";
        let want = json!({ "a": 1, "b": [1.5, true, null, "x"], "c": { "d": { "e": "f" }, "g": { "e": "f" } } });
        assert_eq!(yaml(text), Ok(want));
        assert_eq!(yaml(""), Ok(Value::Null));
    }

    #[test]
    fn hostile_texts_are_refused() {
        let what = |text: &str| yaml(text).unwrap_err().what;
        assert!(what("a: [1\nb: 2").starts_with("is no YAML: "));
        assert!(what(&"[".repeat(100_000)).starts_with("is no YAML: "));
        assert!(what(&"[".repeat(100)).contains("nests more than 64 deep"));
        assert!(what(&"- ".repeat(100_000)).contains("nests more than 64 deep"));
        assert!(what(&format!("a: &x 1\nb: [{}]", ["*x"; 9].join(", "))).contains("more than 8 aliases"));
        assert_eq!(yaml("a: 1\nb: \"\n").unwrap_err().line, Some(2));
    }
}

//! What a Python file assigns to a name, where it is written out: the part of the language that configs of big_vision
//! are made of. Nothing is run: what is no literal is told as the expression that it is.

use serde_json::{Map, Value, json};

/// Most brackets in one another.
const DEPTH: usize = 16;

/// The fields that lines such as `config.model.width = 1152` or `config.model = dict(width=1152)` give a name.
pub(super) fn assigned(text: &str, name: &str) -> Value {
    let mut all = Value::Object(Map::new());
    let mut rest = text;
    while !rest.is_empty() {
        let line = rest.trim_start_matches([' ', '\t']);
        let (end, after) = (line.find('\n').unwrap_or(line.len()), line.strip_prefix(name));
        rest = line.get(end + 1..).unwrap_or("");
        let Some(target) = after.and_then(|after| after.strip_prefix('.')) else { continue };
        let length =
            target.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(target.len());
        let (path, value) = target.split_at(length);
        let Some(value) = value.trim_start_matches(' ').strip_prefix('=').filter(|value| !value.starts_with('='))
        else {
            continue;
        };
        let mut reader = Reader { rest: value, depth: 0 };
        // What stands behind a literal on its line makes it a part of an expression.
        if let Some(value) = reader.value().filter(|_| reader.is_at_end()) {
            rest = reader.rest;
            set(&mut all, path, value);
        } else {
            let expression = value.lines().next().unwrap_or("").trim();
            set(&mut all, path, json!(format!("the expression `{expression}`")));
        }
    }
    all
}

fn set(all: &mut Value, path: &str, value: Value) {
    let mut at = all;
    for field in path.split('.') {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[field];
    }
    *at = value;
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    /// A literal, or a call of `dict`.
    fn value(&mut self) -> Option<Value> {
        self.space();
        let first = self.rest.chars().next()?;
        match first {
            '"' | '\'' => self.text(first),
            '(' | '[' => self
                .inside(if first == '(' { ')' } else { ']' }, |reader, list: &mut Vec<Value>| {
                    list.push(reader.value()?);
                    Some(())
                })
                .map(Value::Array),
            _ => {
                let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+')));
                let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                self.rest = rest;
                match word {
                    "True" => Some(json!(true)),
                    "False" => Some(json!(false)),
                    "None" => Some(Value::Null),
                    "dict" | "mlc.ConfigDict" | "ml_collections.ConfigDict" => self.fields(),
                    word => serde_json::from_str(&word.replace('_', "")).ok().filter(Value::is_number),
                }
            }
        }
    }

    /// `(name=value, ...)`.
    fn fields(&mut self) -> Option<Value> {
        let fields = self.inside(')', |reader, fields: &mut Vec<(String, Value)>| {
            let (name, rest) = reader.rest.split_once('=')?;
            reader.rest = rest;
            fields.push((name.trim().to_owned(), reader.value()?));
            Some(())
        });
        Some(Value::Object(fields?.into_iter().collect()))
    }

    /// What stands between a bracket and the closing one, with commas.
    fn inside<T>(&mut self, close: char, mut one: impl FnMut(&mut Self, &mut Vec<T>) -> Option<()>) -> Option<Vec<T>> {
        self.rest = self.rest.strip_prefix(['(', '['])?;
        self.depth += 1;
        let mut list = Vec::new();
        loop {
            self.space();
            if let Some(rest) = self.rest.strip_prefix(close) {
                self.rest = rest;
                self.depth -= 1;
                return Some(list);
            }
            if self.depth > DEPTH {
                return None;
            }
            one(self, &mut list)?;
            self.space();
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None if self.rest.starts_with(close) => {}
                None => return None,
            }
        }
    }

    /// A text in quotes without escapes.
    fn text(&mut self, quote: char) -> Option<Value> {
        let (text, rest) = self.rest.strip_prefix(quote)?.split_once(quote)?;
        self.rest = rest;
        (!text.contains(['\\', '\n'])).then(|| json!(text))
    }

    /// Passes over spaces, ends of lines and comments; at the outermost level over spaces alone.
    fn space(&mut self) {
        loop {
            let ends: &[char] = if self.depth == 0 { &[' ', '\t'] } else { &[' ', '\t', '\r', '\n'] };
            self.rest = self.rest.trim_start_matches(ends);
            match self.rest.strip_prefix('#') {
                Some(comment) if self.depth > 0 => self.rest = &comment[comment.find('\n').unwrap_or(comment.len())..],
                _ => return,
            }
        }
    }

    fn is_at_end(&mut self) -> bool {
        self.space();
        self.rest.is_empty() || self.rest.starts_with(['\n', '\r', '#', ';'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_and_the_rest_is_told() {
        let text = "
def get_config(arg=None):
  config = mlc.ConfigDict()
  config.a = 1  # One.
  config.model = dict(  # Sizes.
      width=1_152, size=(14, 14), name='x', flag=True, none=None,
      inner=dict(a=[]),
  )
  config.model.depth = 27
  config.wd = 0.2 * config.lr
  config.b = f'{arg}'
  config.c = other(1)
  config.d == 1
  config.e = -1e-4; config.f = 2
  configs.g = 1
  config.h = (1,
  config.i = \"a\\\"b\"
  return config
";
        let want = json!({
            "a": 1,
            "model": {
                "width": 1152, "size": [14, 14], "name": "x", "flag": true, "none": null, "inner": {"a": []}, "depth": 27
            },
            "wd": "the expression `0.2 * config.lr`",
            "b": "the expression `f'{arg}'`",
            "c": "the expression `other(1)`",
            "e": -1e-4,
            "h": "the expression `(1,`",
            "i": "the expression `\"a\\\"b\"`",
        });
        assert_eq!(assigned(text, "config"), want);
        assert!(assigned(&format!("config.a = {}", "(".repeat(100_000)), "config")["a"].is_string());
        assert_eq!(
            assigned("config.a = dict(é=1)\nconfig.ä = 1\nconfig.b=1", "config"),
            json!({"a": {"é": 1}, "b": 1})
        );
    }
}

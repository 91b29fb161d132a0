//! The one template environment. No other file imports minijinja.
//!
//! Text from plans is data: `{{ name }}` of a text is an error unless a filter of this file has quoted it for the
//! language of the template. Numbers print as they are, floats as the shortest text that reads back the same.

use std::fmt::Write as _;
use std::sync::LazyLock;

use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, syntax::SyntaxConfig};
use serde::Serialize;

use super::codes;
use crate::diagnostic::Diagnostic;
use crate::source::{is_disturbing, plain_json};

/// Renders the template of that file name under `templates/`.
pub(crate) fn render(template: &str, context: impl Serialize) -> Result<String, Diagnostic> {
    static ENVIRONMENT: LazyLock<Result<Environment<'static>, Error>> = LazyLock::new(environment);
    let environment = ENVIRONMENT.as_ref().map_err(|error| failure(template, error))?;
    let context = Value::from(Serde(context));
    environment
        .get_template(template)
        .and_then(|found| found.render(context))
        .map_err(|error| failure(template, &error))
}

/// Why a template of a user does not render.
pub(super) struct Problem {
    /// What is wrong, in words.
    pub(super) message: String,
    /// The same in short.
    pub(super) label: &'static str,
    /// The bytes of the template that are wrong.
    pub(super) range: Option<std::ops::Range<usize>>,
    /// What to do.
    pub(super) help: Option<String>,
}

/// Most bytes that a template of a user may write.
const LARGEST: usize = 16 << 20;

/// Renders a user's template: it sees no file and no other template, and ends in bounded time and room.
pub(super) fn render_text(source: &str, context: impl Serialize) -> Result<String, Problem> {
    let context = Value::from(Serde(context));
    let mut environment = bare().map_err(|error| problem(&error, &Value::UNDEFINED))?;
    environment.add_template("user", source).map_err(|error| problem(&error, &context))?;
    let mut out = Limited(Vec::new());
    let template = environment.get_template("user").map_err(|error| problem(&error, &context))?;
    match template.render_captured_to(context.clone(), &mut out) {
        Err(_) if out.0.len() >= LARGEST => Err(Problem {
            message: format!("it writes more than {LARGEST} bytes"),
            label: "writes too much",
            range: None,
            help: Some("write less".to_owned()),
        }),
        Err(error) => Err(problem(&error, &context)),
        Ok(_) => Ok(String::from_utf8_lossy(&out.0).into_owned()),
    }
}

/// Takes no more than [`LARGEST`] bytes.
struct Limited(Vec<u8>);

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = LARGEST - self.0.len().min(LARGEST);
        self.0.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if room < bytes.len() { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn problem(error: &Error, context: &Value) -> Problem {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let (label, help) = match error.kind() {
        ErrorKind::UndefinedError => {
            let names: Vec<String> = context.try_iter().into_iter().flatten().map(|name| name.to_string()).collect();
            (
                "not known here",
                Some(format!("a template sees {}", crate::diagnostic::list_of(names.iter().map(String::as_str)))),
            )
        }
        ErrorKind::OutOfFuel => ("works without end", Some("loop over less".to_owned())),
        ErrorKind::UnknownFilter => {
            let filters =
                "`json` (also for YAML and TOML), `python`, `rust`, `shell`, `xml`, `identifier`, `line` and `plain`";
            ("no such filter", Some(format!("texts are quoted by {filters}")))
        }
        ErrorKind::TemplateNotFound => ("not seen from here", Some("write all of it in one file".to_owned())),
        ErrorKind::InvalidOperation if detail == "recursion limit exceeded" => {
            ("works without end", Some("call less within one another".to_owned()))
        }
        ErrorKind::InvalidOperation if detail.contains(" must go through a filter ") => {
            ("refused here", Some("quote texts by a filter, such as `| json`, `| python` or `| shell`".to_owned()))
        }
        _ => ("wrong here", None),
    };
    Problem { message: detail, label, range: error.range(), help }
}

/// Names with the text of `templates/NAME`.
macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/", $name)))),*]
    };
}

/// Kernels, one template each, what one of them includes, and the header printed into all of them.
const KERNELS: &[(&str, &str)] = &[
    ("layernorm_residual", include_str!("../../kernels/layernorm_residual.cu.j2")),
    ("attention", include_str!("../../kernels/attention.cu.j2")),
    ("gemm", include_str!("../../kernels/gemm.cu.j2")),
    ("image", include_str!("../../kernels/image.cuh.j2")),
    ("halves", include_str!("../../kernels/halves.cuh.j2")),
    ("pool", include_str!("../../kernels/pool.cu.j2")),
    ("query_key", include_str!("../../kernels/query_key.cu.j2")),
];
const PRIMITIVES: &str = include_str!("../../kernels/prims.cuh");

const TEMPLATES: &[(&str, &str)] = templates![
    "transformers.json.j2",
    "timm.json.j2",
    "timm_train.yaml.j2",
    "header.py.j2",
    "counts.py.j2",
    "open_clip.json.j2",
    "open_clip.py.j2",
    "open_clip_train.py.j2",
    "big_vision.py.j2",
    "torchvision.py.j2",
    "scenic.py.j2",
    "keras_hub.py.j2",
    "mmpretrain.py.j2",
    "lightning.yaml.j2",
    "dino.yaml.j2",
    "nano_vlm.py.j2",
    "nemo.yaml.j2",
    "burn.rs.j2",
    "candle.json.j2",
    "kernels.md.j2",
    "plan.rs.j2",
    "terminal.txt.j2",
    "starter.sov.j2",
    "frontier.csv.j2",
    "frontier.svg.j2",
    "pareto.csv.j2",
    "pareto.svg.j2"
];

/// A bound on the work of one rendering; the largest template needs about a hundredth.
const FUEL: u64 = 1_000_000;
/// How deep a template may nest.
const DEPTH: usize = 64;

fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = bare()?;
    environment.add_filter("bold", |value: &Value| styled(value, "1"));
    environment.add_filter("good", |value: &Value| styled(value, "32"));
    environment.add_global("PRIMITIVES", safe(PRIMITIVES.to_owned()));
    for &(name, source) in TEMPLATES.iter().chain(KERNELS) {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

/// Without any template.
fn bare<'a>() -> Result<Environment<'a>, Error> {
    let mut environment = Environment::new();
    environment
        .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(format);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    environment.add_filter("json", json);
    environment.add_filter("python", python);
    environment.add_filter("rust", rust);
    environment.add_filter("identifier", identifier);
    environment.add_filter("rust_path", rust_path);
    environment.add_filter("line", line);
    environment.add_filter("shown", shown);
    environment.add_filter("float", float);
    environment.add_filter("plain", plain);
    environment.add_filter("xml", xml);
    environment.add_filter("shell", shell);
    environment.add_filter("yaml", yaml);
    Ok(environment)
}

fn failure(template: &str, error: &Error) -> Diagnostic {
    let place = error.line().map_or_else(String::new, |line| format!(", line {line}"));
    Diagnostic::error(codes::TEMPLATE, format!("template `{template}`{place} does not render: {error}"))
        .note("this is a fault of sovitc, not of the plan")
}

fn format(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Number => out.write_str(&number(value)?)?,
        ValueKind::String if value.is_safe() => out.write_str(value.as_str().unwrap_or_default())?,
        ValueKind::Undefined => return Err(Error::from(ErrorKind::UndefinedError)),
        kind => return Err(wrong(format!("a {kind} must go through a filter before it is printed"))),
    }
    Ok(())
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn safe(text: String) -> Value {
    Value::from_safe_string(text)
}

fn text(value: &Value) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| wrong(format!("a {} stands where a text is needed", value.kind())))
}

/// A number in the notation that JSON, Python, Rust and CUDA share.
fn number(value: &Value) -> Result<String, Error> {
    if value.is_integer() {
        return Ok(value.to_string());
    }
    let float = f64::try_from(value.clone())?;
    if float.is_finite() { Ok(format!("{float:?}")) } else { Err(wrong(format!("{float} has no notation"))) }
}

/// A number as the shortest text that reads back as the same 32-bit `float`, with an exponent so that C takes it for one.
fn float(value: &Value) -> Result<Value, Error> {
    Ok(safe(format!("{:e}f", f64::try_from(value.clone())? as f32)))
}

/// A text of digits, signs and letters, or none: a cell that needs no quotes in any table.
fn plain(value: &Value) -> Result<Value, Error> {
    let cell = text(value)?;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
    if cell.bytes().all(fine) { Ok(safe(cell.to_owned())) } else { Err(wrong(format!("{cell:?} needs quotes"))) }
}

/// A text between the tags of XML, or in an attribute's quotes.
fn xml(value: &Value) -> Result<Value, Error> {
    let mut escaped = String::new();
    for c in text(value)?.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() || is_disturbing(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    Ok(safe(escaped))
}

/// A text as one word of a POSIX shell.
fn shell(value: &Value) -> Result<Value, Error> {
    if value.kind() == ValueKind::Number {
        return number(value).map(safe);
    }
    let word = text(value)?;
    if word.contains('\0') {
        return Err(wrong("a word of a shell holds no NUL".to_owned()));
    }
    Ok(safe(format!("'{}'", word.replace('\'', "'\\''"))))
}

/// Any value as JSON on one line, with what ends a line of YAML, or stands in none, escaped: the text is YAML and TOML, too.
fn json(value: &Value) -> Result<Value, Error> {
    if value.kind() == ValueKind::Number {
        return number(value).map(safe);
    }
    let text = serde_json::to_string(value).map_err(|error| wrong(error.to_string()))?;
    Ok(safe(plain_json(text)))
}

/// Any value as YAML on one line, for readers of YAML 1.1 too: they take `1e-8` and `1.0e8` for texts, and `1.0e-8` and
/// `1.0e+8` for numbers.
fn yaml(value: &Value) -> Result<Value, Error> {
    if value.kind() != ValueKind::Number {
        return json(value);
    }
    let number = number(value)?;
    Ok(safe(match number.split_once('e') {
        Some((mantissa, exponent)) => {
            let point = if mantissa.contains('.') { "" } else { ".0" };
            let sign = if exponent.starts_with('-') { "" } else { "+" };
            format!("{mantissa}{point}e{sign}{exponent}")
        }
        None => number,
    }))
}

/// A text, number or truth value as a Python literal of ASCII characters.
fn python(value: &Value) -> Result<Value, Error> {
    let literal = match value.kind() {
        ValueKind::Number => number(value)?,
        ValueKind::Bool => if value.is_true() { "True" } else { "False" }.to_owned(),
        ValueKind::None => "None".to_owned(),
        _ => {
            let mut literal = String::from('"');
            for c in text(value)?.chars() {
                match c {
                    '"' | '\\' => literal.extend(['\\', c]),
                    ' '..='~' => literal.push(c),
                    _ => write!(literal, "\\U{:08x}", u32::from(c))?,
                }
            }
            literal.push('"');
            literal
        }
    };
    Ok(safe(literal))
}

/// A text as a Rust string literal.
fn rust(value: &Value) -> Result<Value, Error> {
    Ok(safe(format!("{:?}", text(value)?)))
}

/// A text that is a path in Rust, such as `::sovit_kernels`.
fn rust_path(value: &Value) -> Result<Value, Error> {
    let path = text(value)?;
    for name in path.strip_prefix("::").unwrap_or(path).split("::") {
        identifier(&Value::from(name.to_owned()))?;
    }
    Ok(safe(path.to_owned()))
}

/// A text that is an identifier in Rust, Python and CUDA already.
fn identifier(value: &Value) -> Result<Value, Error> {
    let name = text(value)?;
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if starts && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        Ok(safe(name.to_owned()))
    } else {
        Err(wrong(format!("{name:?} is not an identifier")))
    }
}

/// A text that stays on its line of a `//`, `///` or `#` comment: what could end the line, continue it or turn its
/// direction becomes a space.
fn line(value: &Value) -> Result<Value, Error> {
    Ok(safe(text(value)?.replace(|c| c == '\\' || is_disturbing(c), " ")))
}

/// A text for a terminal; what could steer it becomes a space.
fn shown(value: &Value) -> Result<Value, Error> {
    Ok(safe(text(value)?.replace(is_disturbing, " ")))
}

/// A text that another filter made safe, in an ANSI style; the door strips it where no terminal shows it.
fn styled(value: &Value, style: &str) -> Result<Value, Error> {
    if !value.is_safe() {
        return Err(wrong("only quoted text can be styled".to_owned()));
    }
    Ok(safe(format!("\u{1b}[{style}m{}\u{1b}[0m", text(value)?)))
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    /// Names that would break out of a careless template.
    const HOSTILE: [&str; 7] =
        ["\"", "'; import os #", "\\", "a\nb", "*/ \" + \"", "{{ 7 * 7 }} {% raw %}", "\u{202e}\u{2028}\u{0}\u{7f}é😀"];

    fn check(source: &str, name: &str) -> Result<String, Error> {
        let name = Value::from(name.to_owned());
        let context = context! { list => vec![name.clone()], name, half => 0.5, big => 1e21 };
        environment().unwrap().render_str(source, context)
    }

    #[test]
    fn all_templates_parse() {
        assert_eq!(environment().unwrap().templates().count(), TEMPLATES.len() + KERNELS.len());
    }

    #[test]
    fn bare_text_is_refused() {
        for source in ["{{ name }}", "{{ list }}", "{{ name ~ 'x' }}", "{{ true }}", "{{ missing }}"] {
            assert!(check(source, "harmless").is_err(), "{source}");
        }
        assert_eq!(check("{{ half }} {{ big }} {{ 3 }}", "").unwrap(), "0.5 1e21 3");
    }

    #[test]
    fn json_reads_back() {
        for name in HOSTILE {
            let json = check("{{ list | json }}", name).unwrap();
            assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [name]);
        }
    }

    /// YAML ends lines where JSON does not, and refuses characters that JSON takes.
    #[test]
    fn json_keeps_to_a_line_of_yaml() {
        let name = "a\u{2028}b\u{2029}c\u{85}d\u{7f}\u{9b}\u{fffe}\u{ffff}é😀";
        assert_eq!(check("{{ name | json }}", name).unwrap(), r#""a\u2028b\u2029c\u0085d\u007f\u009b\ufffe\uffffé😀""#);
    }

    #[test]
    fn exponents_are_numbers_in_yaml() {
        let number = |value: f64| yaml(&Value::from(value)).unwrap().to_string();
        for (value, written) in
            [(1e-8, "1.0e-8"), (2.5e-7, "2.5e-7"), (1e20, "1.0e+20"), (2.5e20, "2.5e+20"), (0.5, "0.5")]
        {
            assert_eq!(number(value), written);
        }
    }

    #[test]
    fn python_is_one_ascii_literal() {
        for name in HOSTILE {
            let literal = check("{{ name | python }}", name).unwrap();
            let inside = literal.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            assert!(inside.bytes().all(|b| (b' '..=b'~').contains(&b)), "{literal}");
            let mut escaped = false;
            for c in inside.chars() {
                assert!(escaped || c != '"', "{literal}");
                escaped = !escaped && c == '\\';
            }
            assert!(!escaped, "{literal}");
        }
        assert_eq!(check("{{ name | python }}", "é\"").unwrap(), r#""\U000000e9\"""#);
    }

    #[test]
    fn comments_keep_to_their_line() {
        for name in HOSTILE {
            let comment = check("{{ name | line }}", name).unwrap();
            assert!(!comment.contains(['\n', '\r', '\\', '\u{2028}', '\u{202e}', '\0']), "{comment:?}");
        }
    }

    #[test]
    fn identifiers_are_checked() {
        assert_eq!(check("{{ name | identifier }}", "so_400m").unwrap(), "so_400m");
        for name in ["", "4x", "a-b", "é", "a b", "r#type"] {
            assert!(check("{{ name | identifier }}", name).is_err(), "{name}");
        }
    }

    #[test]
    fn rust_paths_are_checked() {
        for path in ["sovit_kernels", "::sovit_kernels", "crate::gpu::kernels"] {
            assert_eq!(check("{{ name | rust_path }}", path).unwrap(), path);
        }
        for path in ["", "::", "a::", "a b", "a; use b", "::::a"] {
            assert!(check("{{ name | rust_path }}", path).is_err(), "{path}");
        }
    }

    #[test]
    fn loops_without_end_are_refused() {
        let error = check("{% for i in range(10000) %}{% for j in range(10000) %}{{ j }}{% endfor %}{% endfor %}", "");
        assert_eq!(error.unwrap_err().kind(), ErrorKind::OutOfFuel);
    }

    #[test]
    fn a_failure_names_the_template() {
        let diagnostic = render("missing.j2", ()).unwrap_err();
        assert!(diagnostic.message.contains("missing.j2"), "{}", diagnostic.message);
        assert!(render("timm.json.j2", ()).is_err());
    }

    #[test]
    fn asm_stands_in_the_primitives_only() {
        assert!(KERNELS.iter().all(|(_, text)| !text.contains("asm") && !text.contains("#include")));
    }
}

//! Files of prices: who asks them, since when, and what a device's time costs.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned as Placed;

use super::codes;
use crate::diagnostic::Diagnostic;
use crate::plan::PriceList;
use crate::source::{SourceId, Sources, Span, Spanned};
use crate::syntax;

/// Largest file, in bytes.
const LARGEST: usize = 1 << 16;

/// What a file must hold, as help.
const HELP: &str = "it holds `source = \"...\"`, `date = 2026-11-28` and a table `[prices]` of lines such as `h200 = \"2.50 $/gpu/h\"`";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    source: Placed<String>,
    date: Placed<toml::Value>,
    prices: BTreeMap<Placed<String>, Placed<String>>,
}

/// Reads a file of prices that the plan names at `named`; its text is among the sources from here on.
///
/// Devices and units are for the plan to check.
pub(super) fn read(
    shown: &str,
    bytes: &[u8],
    named: Span,
    sources: &mut Sources,
) -> (Option<PriceList>, Vec<Diagnostic>) {
    let text = match str::from_utf8(bytes) {
        Ok(text) if bytes.len() <= LARGEST => text,
        read => {
            let why = if read.is_ok() { format!("it has more than {LARGEST} bytes") } else { "it is not UTF-8".into() };
            let error = bad(shown, &why).label(named, "read here");
            return (None, vec![error]);
        }
    };
    let id = sources.add(shown, text);
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let reason = error.message().lines().next().unwrap_or_default().to_owned();
            let place = error.span().map_or(Span::new(id, 0, 0), |range| first_line(id, text, range));
            return (None, vec![bad(shown, &reason).label(place, "wrong here").label(named, "read here")]);
        }
    };
    let mut found = Vec::new();
    let mut wrong = |why: &str, range: Range<usize>, label: &str| {
        found.push(bad(shown, why).label(first_line(id, text, range), label));
    };
    if file.source.get_ref().trim().is_empty() {
        wrong("its `source` is empty", file.source.span(), "says nothing");
    }
    let date = day(file.date.get_ref());
    if date.is_none() {
        wrong("its `date` is no day", file.date.span(), "a day is written as `2026-11-28`");
    }
    let mut prices = Vec::new();
    let mut holes = Vec::new();
    for (name, value) in &file.prices {
        let range = value.span();
        let inner = range.start + 1..range.end.saturating_sub(1);
        if text.get(inner.clone()) != Some(value.get_ref()) {
            wrong("a price has escapes or several lines", range, "write it plainly");
            continue;
        }
        let (expression, mistakes) = syntax::parse_expression_at(sources, span(id, inner));
        holes.extend(mistakes);
        let mut path = None;
        expression.paths(&mut |found| path = path.or(Some(found.span)));
        if let Some(path) = path {
            wrong("a price stands for itself, without names", path.range(), "a name");
            continue;
        }
        prices.push((Spanned::new(name.get_ref().clone(), span(id, name.span())), expression));
    }
    found.extend(holes);
    let list = date.map(|date| PriceList { source: file.source.into_inner(), date, prices });
    (list.filter(|_| found.is_empty()), found)
}

fn bad(shown: &str, why: &str) -> Diagnostic {
    Diagnostic::error(codes::BAD_PRICES, format!("`{shown}` is no file of prices: {why}")).help(HELP)
}

/// A date without a time, as a date of TOML or as text.
fn day(value: &toml::Value) -> Option<String> {
    let date: toml::value::Datetime = match value {
        toml::Value::Datetime(date) => *date,
        toml::Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    date.date.filter(|_| date.time.is_none() && date.offset.is_none()).map(|date| date.to_string())
}

fn span(id: SourceId, range: Range<usize>) -> Span {
    Span::new(id, range.start as u32, range.end as u32)
}

/// A place in a text, cut where its first line ends.
fn first_line(id: SourceId, text: &str, range: Range<usize>) -> Span {
    let line = text.get(range.clone()).and_then(|part| part.lines().next()).map_or(0, str::len);
    span(id, range.start..range.start + line)
}

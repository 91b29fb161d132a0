//! CSV and TSV files to tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::row::{Reader, short};
use super::{Table, codes};
use crate::diagnostic::{DataPlace, Diagnostic, any_error, nearest};
use crate::plan::{Plan, Results};
use crate::source::World;

/// Reads every table of a plan: one slot for each of `plan.results`, empty where its table has an error.
///
/// A table is comma-separated with a header, or tab-separated where its path ends in `.tsv`, in UTF-8.
/// Only the columns that the plan names are looked at.
pub fn read(plan: &Plan, world: &dyn World) -> (Vec<Option<Table>>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let tables = plan
        .results
        .iter()
        .map(|results| {
            let (table, mut found) = read_one(plan, results, world);
            let whole = !any_error(&found);
            diagnostics.append(&mut found);
            table.filter(|_| whole)
        })
        .collect();
    (tables, diagnostics)
}

fn read_one(plan: &Plan, results: &Results, world: &dyn World) -> (Option<Table>, Vec<Diagnostic>) {
    let path = &results.path.value;
    let bytes = match world.read(path) {
        Ok(bytes) => bytes,
        Err(why) => {
            let message = format!("cannot read the table `{path}`: {why}");
            let error = Diagnostic::error(codes::UNREADABLE_TABLE, message)
                .from_world()
                .label(results.path.span, why.to_string())
                .help("write the path relative to the plan's folder");
            return (None, vec![error]);
        }
    };
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => return (None, vec![not_utf8(results, &bytes, error.valid_up_to())]),
    };
    let delimiter = if path.to_ascii_lowercase().ends_with(".tsv") { b'\t' } else { b',' };
    let mut csv = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(text.as_bytes());
    let header: Vec<String> = match csv.headers() {
        Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
        Err(_) => Vec::new(),
    };
    if header.iter().all(String::is_empty) {
        return (None, vec![empty(results, "it has no header")]);
    }
    if let Some(found) = other_separator(results, &header) {
        return (None, vec![found]);
    }
    let columns = match find_columns(results, &header) {
        Ok(columns) => columns,
        Err(found) => return (None, found),
    };

    let mut reader = Reader::new(plan, results, text, columns, header.len());
    let mut record = csv::StringRecord::new();
    while let Ok(true) = csv.read_record(&mut record) {
        reader.row(&record);
    }
    if reader.seen == 0 {
        return (None, vec![empty(results, "it has a header and no row")]);
    }
    reader.finish()
}

/// A header of one column that other characters separate, where none of it is asked for as it stands.
fn other_separator(results: &Results, header: &[String]) -> Option<Diagnostic> {
    let [only] = header else { return None };
    let (mark, name) = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars"), (',', "commas")]
        .into_iter()
        .find(|&(mark, _)| only.contains(mark))?;
    if results.columns.iter().any(|column| column.value.trim() == only) {
        return None;
    }
    let path = &results.path.value;
    let error = Diagnostic::error(codes::SEPARATOR, format!("the cells of `{path}` are separated by {name}"))
        .label(results.path.span, "has a header of one column")
        .at(DataPlace { path: path.clone(), line: Some(1), column: None });
    Some(match mark {
        '\t' => error.help("call the file `.tsv`, or separate its cells by commas"),
        ',' => error.help("call the file `.csv`"),
        _ => error.help("save the table with commas between its cells"),
    })
}

/// Most missing columns of one table that are told.
const MISSING: usize = 10;

/// For each column of the plan its place in the header.
fn find_columns(results: &Results, header: &[String]) -> Result<Vec<usize>, Vec<Diagnostic>> {
    let path = &results.path.value;
    let mut known: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for (place, name) in header.iter().enumerate() {
        known.entry(name).and_modify(|(_, twice)| *twice = true).or_insert((place, false));
    }
    let mut found = Vec::new();
    let mut places = Vec::new();
    for column in &results.columns {
        if found.len() == MISSING {
            break;
        }
        let wanted = column.value.trim();
        match known.get(wanted) {
            Some(&(place, false)) => places.push(place),
            Some((_, true)) => found.push(
                Diagnostic::error(codes::AMBIGUOUS_COLUMN, format!("`{path}` has more than one column `{wanted}`"))
                    .label(column.span, "which of them is meant")
                    .at(DataPlace { path: path.clone(), line: Some(1), column: Some(wanted.to_owned()) })
                    .help("give each column of the header its own name"),
            ),
            None => {
                let error = Diagnostic::error(codes::UNKNOWN_COLUMN, format!("`{path}` has no column `{wanted}`"))
                    .label(column.span, "not in the header")
                    .at(DataPlace { path: path.clone(), line: Some(1), column: None });
                let error = match nearest(wanted, header.iter().map(String::as_str)) {
                    Some(near) => error.fix(format!("did you mean `{near}`?"), column.span, written(near)),
                    None => error.help("name a column of the header"),
                };
                found.push(error.note(format!("its columns: {}", listed(header))));
            }
        }
    }
    if found.is_empty() { Ok(places) } else { Err(found) }
}

/// A column's name as a plan writes it.
pub(super) fn written(name: &str) -> String {
    let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if word && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.to_owned()
    } else if !name.is_empty() && !name.contains(['`', '\n', '\r']) {
        format!("`{name}`")
    } else {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

fn listed(header: &[String]) -> String {
    const SHOWN: usize = 16;
    let mut text = header.iter().take(SHOWN).map(|name| format!("`{}`", short(name))).collect::<Vec<_>>().join(", ");
    if header.len() > SHOWN {
        let _ = write!(text, " and {} more", header.len() - SHOWN);
    }
    text
}

fn empty(results: &Results, why: &str) -> Diagnostic {
    Diagnostic::error(codes::EMPTY_TABLE, format!("the table `{}` is empty: {why}", results.path.value))
        .label(results.path.span, why)
        .at(DataPlace { path: results.path.value.clone(), line: None, column: None })
        .help("a table has a line of column names and a line for each run")
}

fn not_utf8(results: &Results, bytes: &[u8], valid: usize) -> Diagnostic {
    let line = bytes.iter().take(valid).filter(|&&b| b == b'\n').count() as u64 + 1;
    let path = results.path.value.clone();
    Diagnostic::error(codes::NOT_UTF8, format!("`{path}` is not UTF-8: line {line} holds bytes that are no text"))
        .label(results.path.span, "must be UTF-8")
        .at(DataPlace { path, line: Some(line), column: None })
        .help("save the table as UTF-8 text")
}

//! Files to tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::files::{files, sources};
use super::records::{Record, open};
use super::row::{Reader, short};
use super::{Table, codes, trainers};
use crate::diagnostic::{DataPlace, Diagnostic, any_error, nearest};
use crate::plan::{Plan, Results, Trainer, TrainerKind};
use crate::source::{ReadError, World, is_pattern};

/// Reads every table of a plan: one slot for each of `plan.results`, empty where its table has an error.
///
/// A table is a file, all tables of a folder, or all files that fit a pattern, in UTF-8 and one after another: CSV or
/// TSV with a header, JSON lines or a JSON array of objects, by the ending of its name, and perhaps packed by gzip or
/// zstd. Files are streamed: what is held is a row, and the table. Only the columns that the plan names are looked at.
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
    if let Some(found) = no_file(results) {
        return (None, vec![found]);
    }
    let path = &sources(results).swap_remove(0);
    let found = match &results.trainer {
        Some(trainer) => trainers::logs(results, trainer, world),
        None => files(path, world),
    };
    let files = match found {
        Ok(files) => files,
        Err(why) => return (None, vec![unreadable(results, path, &why)]),
    };
    if files.is_empty() {
        return (None, vec![no_files(results)]);
    }
    let mut reader = Reader::new(plan, results);
    match &results.trainer {
        None => files.iter().for_each(|file| read_file(results, file, world, &mut reader)),
        Some(trainer) => {
            for files in trainers::runs(results, trainer, &files) {
                read_run(plan, results, trainer, files, world, &mut reader);
            }
        }
    }
    reader.finish()
}

/// Reads one file of a table.
fn read_file(results: &Results, path: &str, world: &dyn World, reader: &mut Reader<'_>) {
    let span = results.path.span;
    let input = match world.open(path) {
        Ok(input) => input,
        Err(why) => return reader.push(unreadable(results, path, &why)),
    };
    let mut records = match open(path, input) {
        Ok(records) => records,
        Err(broken) => return reader.push(broken.diagnostic(path, span)),
    };
    let is_open = records.is_open();
    if !is_open && records.header().iter().all(String::is_empty) {
        return reader.push(empty(results, path, "it has no header"));
    }
    if !is_open && let Some(found) = other_separator(results, path, records.header()) {
        return reader.push(found);
    }
    let before = reader.seen;
    reader.begin(path, (!is_open).then(|| records.header().len()));
    let is_wanted = |name: &str| results.columns.iter().any(|column| column.value.trim() == name.trim());
    let mut known = 0;
    let mut wrong = Vec::new();
    let mut record = Record::default();
    loop {
        let next = records.next(&mut record);
        let header = records.header();
        // Columns are only ever added: those that were found stay where they are.
        if known == 0 && !header.is_empty() || header.iter().skip(known).any(|name| is_wanted(name)) {
            (reader.places, wrong) = find_columns(results, path, header);
            if !is_open && !wrong.is_empty() {
                break;
            }
        }
        known = header.len();
        match next {
            Ok(true) => reader.row(&record),
            Ok(false) => break,
            Err(broken) => return reader.push(broken.diagnostic(path, span)),
        }
    }
    if !wrong.is_empty() {
        // Every row lacked the column: that is said once.
        reader.forget();
        return find_columns(results, path, records.header()).1.into_iter().for_each(|found| reader.push(found));
    }
    if reader.seen == before {
        reader.push(empty(results, path, if is_open { "it has no row" } else { "it has a header and no row" }));
    }
}

/// Reads one run of a trainer.
fn read_run(
    plan: &Plan,
    results: &Results,
    trainer: &Trainer,
    files: &[String],
    world: &dyn World,
    reader: &mut Reader<'_>,
) {
    let model = results.model.and_then(|model| plan.models.get(model));
    let path = files.first().map_or("", String::as_str);
    let run = match trainers::run(results, trainer, model, files, world) {
        Ok(run) => run,
        Err(found) => return reader.push(found),
    };
    reader.begin(path, None);
    let (places, wrong) = find_columns(results, path, &run.header);
    reader.places = places;
    if !wrong.is_empty() {
        return wrong.into_iter().for_each(|found| reader.push(found));
    }
    let before = reader.seen;
    for row in run.rows {
        reader.run = row.run;
        reader.row(&Record::of(row.line, &row.cells));
    }
    if reader.seen == before {
        reader.push(empty(results, path, "no step of it has all that the plan reads"));
    }
}

fn unreadable(results: &Results, path: &str, why: &ReadError) -> Diagnostic {
    Diagnostic::error(codes::UNREADABLE_TABLE, format!("cannot read the table `{path}`: {why}"))
        .from_world()
        .label(results.path.span, why.to_string())
        .help("write the path relative to the plan's folder")
}

/// Runs that a server keeps.
fn no_file(results: &Results) -> Option<Diagnostic> {
    let (trainer, path) = (results.trainer.as_ref()?, &results.path.value);
    if !path.contains("://") {
        return None;
    }
    let error = Diagnostic::error(codes::NO_FILES, format!("`{path}` is an address, and only files are read"))
        .label(results.path.span, "no file");
    Some(error.help(match trainer.kind {
        TrainerKind::Mlflow => {
            "export its runs by `mlflow experiments csv -x ID -o runs.csv` and name that file, or name its database"
        }
        TrainerKind::Wandb => "export the table of the project's runs as CSV, and name that file",
        _ => "copy the logs beside the plan, and name their folder",
    }))
}

fn no_files(results: &Results) -> Diagnostic {
    let path = &sources(results).swap_remove(0);
    let (what, why) = if is_pattern(path) {
        (format!("no file fits `{path}`"), "fits no file")
    } else {
        (format!("the folder `{path}` has no table"), "holds no table")
    };
    Diagnostic::error(codes::NO_FILES, what)
        .from_world()
        .label(results.path.span, why)
        .at(DataPlace { path: path.clone(), line: None, column: None })
        .help(match results.trainer {
            None => "write the path of a table, of a folder with tables, or a pattern such as `runs/*.csv`",
            Some(_) => "write the folder of a run, or a pattern of such folders, such as `runs/*`",
        })
}

/// A header of one column that other characters separate, where none of it is asked for as it stands.
fn other_separator(results: &Results, path: &str, header: &[String]) -> Option<Diagnostic> {
    let [only] = header else { return None };
    let (mark, name) = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars"), (',', "commas")]
        .into_iter()
        .find(|&(mark, _)| only.contains(mark))?;
    if results.columns.iter().any(|column| column.value.trim() == only) {
        return None;
    }
    let error = Diagnostic::error(codes::SEPARATOR, format!("the cells of `{path}` are separated by {name}"))
        .label(results.path.span, "has a header of one column")
        .at(DataPlace { path: path.to_owned(), line: Some(1), column: None });
    Some(match mark {
        '\t' => error.help("call the file `.tsv`, or separate its cells by commas"),
        ',' => error.help("call the file `.csv`"),
        _ => error.help("save the table with commas between its cells"),
    })
}

/// Most missing columns of one table that are told.
const MISSING: usize = 10;

/// For each column of the plan its place in the header, and what is wrong with those that have none.
fn find_columns(results: &Results, path: &str, header: &[String]) -> (Vec<Option<usize>>, Vec<Diagnostic>) {
    let mut known: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for (place, name) in header.iter().enumerate() {
        known.entry(name.trim()).and_modify(|(_, twice)| *twice = true).or_insert((place, false));
    }
    let mut found = Vec::new();
    let mut places = Vec::new();
    for column in &results.columns {
        if found.len() == MISSING {
            places.push(None);
            continue;
        }
        let wanted = column.value.trim();
        match known.get(wanted) {
            Some(&(place, false)) => {
                places.push(Some(place));
                continue;
            }
            Some((_, true)) => found.push(
                Diagnostic::error(codes::AMBIGUOUS_COLUMN, format!("`{path}` has more than one column `{wanted}`"))
                    .label(column.span, "which of them is meant")
                    .at(DataPlace { path: path.to_owned(), line: Some(1), column: Some(wanted.to_owned()) })
                    .help("give each column of the header its own name"),
            ),
            None => {
                let error = Diagnostic::error(codes::UNKNOWN_COLUMN, format!("`{path}` has no column `{wanted}`"))
                    .label(column.span, "not in the header")
                    .at(DataPlace { path: path.to_owned(), line: Some(1), column: None });
                let error = match nearest(wanted, header.iter().map(String::as_str)) {
                    Some(near) => error.fix(format!("did you mean `{near}`?"), column.span, written(near)),
                    None => error.help("name a column of the header"),
                };
                found.push(error.note(format!("its columns: {}", listed(header))));
            }
        }
        places.push(None);
    }
    (places, found)
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

fn empty(results: &Results, path: &str, why: &str) -> Diagnostic {
    Diagnostic::error(codes::EMPTY_TABLE, format!("the table `{path}` is empty: {why}"))
        .label(results.path.span, why)
        .at(DataPlace { path: path.to_owned(), line: None, column: None })
        .help("a table has a line of column names and a line for each run")
}

//! Rows of cells from the bytes of a file, whatever its format, one after another in bounded memory.

mod cells;
mod json;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(test)]
mod tests;
mod unpack;
mod window;

use std::io::{self, ErrorKind, Read};

use super::codes;
use super::files::Format;
use crate::diagnostic::{Code, DataPlace, Diagnostic};
use crate::source::Span;

use cells::Cells;
use json::Json;
use unpack::unpack;
use window::Window;

/// The rows of a file below their header.
pub(super) trait Records {
    /// Names of the columns that are known so far. With [`Records::is_open`] later rows may add some at the end.
    fn header(&self) -> &[String];

    /// Whether rows may have columns that are not known yet, and lack others.
    fn is_open(&self) -> bool;

    /// Reads the next row; false where there is none.
    fn next(&mut self, record: &mut Record) -> Result<bool, Broken>;
}

/// Opens the table in `input`; `path` tells its format.
pub(super) fn open<'a>(path: &str, input: Box<dyn Read + 'a>) -> Result<Box<dyn Records + 'a>, Broken> {
    let Some(format) = Format::of(path) else { return Err(Broken::unknown_format()) };
    if format == Format::Parquet {
        #[cfg(feature = "parquet")]
        return Ok(Box::new(parquet::Parquet::new(unpack(path, input)?)?));
        #[cfg(not(feature = "parquet"))]
        return Err(Broken::new(
            codes::UNKNOWN_FORMAT,
            None,
            "is Parquet, which this build does not read",
            "build with `--features parquet`, or save the table as CSV",
        ));
    }
    let window = Window::new(unpack(path, input)?)?;
    Ok(match format {
        Format::Cells(delimiter) => Box::new(Cells::new(window, delimiter)?),
        Format::JsonLines => Box::new(Json::lines(window)),
        Format::Json | Format::Parquet => Box::new(Json::array(window)),
    })
}

/// One row.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// The line it begins on, from 1.
    pub(super) line: u64,
    /// The texts of all cells.
    text: String,
    /// Where each cell stands in the text.
    places: Vec<(u32, u32)>,
}

impl Record {
    /// A row of these cells.
    pub(super) fn of(line: u64, cells: &[String]) -> Self {
        let mut record = Self { line, ..Self::default() };
        for cell in cells {
            let start = record.text.len() as u32;
            record.text.push_str(cell);
            record.places.push((start, record.text.len() as u32));
        }
        record
    }

    /// The number of cells.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The text of a cell; empty where there is none.
    pub(super) fn cell(&self, column: usize) -> &str {
        let place = self.places.get(column).map(|&(start, end)| start as usize..end as usize);
        place.and_then(|place| self.text.get(place)).unwrap_or("")
    }

    /// Whether a cell goes on over lines.
    pub(super) fn has_lines(&self) -> bool {
        (0..self.len()).any(|column| self.cell(column).contains('\n'))
    }

    fn clear(&mut self, line: u64) {
        self.line = line;
        self.text.clear();
        self.places.clear();
    }
}

/// Why a file cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    code: Code,
    line: Option<u64>,
    /// What is said of the file, after its name.
    what: String,
    help: &'static str,
    is_worlds: bool,
}

impl Broken {
    fn new(code: Code, line: Option<u64>, what: impl Into<String>, help: &'static str) -> Self {
        Self { code, line, what: what.into(), help, is_worlds: false }
    }

    fn unknown_format() -> Self {
        let help = "tables end in `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.json`, and then perhaps in `.gz` or `.zst`";
        Self::new(codes::UNKNOWN_FORMAT, None, "has no name of a table", help)
    }

    fn not_utf8(line: u64) -> Self {
        let what = format!("is not UTF-8: line {line} holds bytes that are no text");
        Self::new(codes::NOT_UTF8, Some(line), what, "save the table as UTF-8 text")
    }

    fn unread(error: &io::Error) -> Self {
        let what = format!("cannot be read to its end: {error}");
        let is_worlds = error.kind() != ErrorKind::InvalidData;
        Self { is_worlds, ..Self::new(codes::BROKEN_FILE, None, what, "make the file anew") }
    }

    /// The finding, where `span` names the table and `path` is the file.
    pub(super) fn diagnostic(self, path: &str, span: Span) -> Diagnostic {
        let Self { code, line, what, help, is_worlds } = self;
        let error = Diagnostic::error(code, format!("`{path}` {what}"))
            .label(span, "in this table")
            .at(DataPlace { path: path.to_owned(), line, column: None })
            .help(help);
        if is_worlds { error.from_world() } else { error }
    }
}

//! Text with a name, places in it, and the one door to the outside.

mod pattern;
mod yaml;

use std::fmt;
use std::io::{Cursor, Read};
use std::sync::Arc;

pub use pattern::{Pattern, is_pattern};
pub use yaml::{BadYaml, yaml};

/// Which file of a [`Sources`] a [`Span`] lies in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A half-open range of bytes in one source.
///
/// Offsets are `u32`: a source is at most [`Source::LIMIT`] bytes long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes `start..end` of `source`.
    pub const fn new(source: SourceId, start: u32, end: u32) -> Self {
        Self { source, start, end }
    }

    /// The smallest span that holds both; `self` decides the source.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty span right after this one, where a missing token would stand.
    #[must_use]
    pub const fn after(self) -> Self {
        Self { source: self.source, start: self.end, end: self.end }
    }

    /// The range of bytes.
    pub const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value and where it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a value and its place together.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// One text: a plan, or a file it uses.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as the user wrote it, with `/`; shown in diagnostics, never absolute unless the user's was.
    pub name: String,
    /// The text.
    pub text: Arc<str>,
    /// Where lines begin, so that a place is found without reading what stands before it.
    lines: Arc<[u32]>,
}

impl Source {
    /// The largest text that is read, in bytes (16 MiB).
    pub const LIMIT: usize = 16 << 20;
}

/// Every text of one compilation, in the order they were opened.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Adds a text and returns its handle.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        let text: Arc<str> = text.into();
        let ends = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at as u32 + 1);
        let lines = std::iter::once(0).chain(ends).collect();
        self.list.push(Source { name: name.into(), text, lines });
        SourceId((self.list.len() - 1) as u32)
    }

    /// The text behind a handle made by this collection.
    pub fn get(&self, id: SourceId) -> &Source {
        &self.list[id.0 as usize]
    }

    /// The text of a span; empty where the span does not fit.
    pub fn slice(&self, span: Span) -> &str {
        self.list.get(span.source.0 as usize).and_then(|source| source.text.get(span.range())).unwrap_or("")
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub fn line_column(&self, id: SourceId, byte: u32) -> (usize, usize) {
        let Some(source) = self.list.get(id.0 as usize) else { return (1, 1) };
        let mut end = (byte as usize).min(source.text.len());
        while !source.text.is_char_boundary(end) {
            end -= 1;
        }
        let line = source.lines.partition_point(|&start| start as usize <= end);
        let start = source.lines.get(line.saturating_sub(1)).map_or(0, |&start| start as usize);
        (line, source.text.get(start..end).unwrap_or("").chars().count() + 1)
    }
}

/// Whether a character could steer a terminal or turn the direction of the text around it, or is none (U+FFFE, U+FFFF).
///
/// Names, paths and cells come from anyone: nobody's file may colour, hide or rearrange what is shown.
pub fn is_disturbing(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A JSON text whose strings hold no disturbing character unescaped; it reads back the same.
pub fn plain_json(text: String) -> String {
    let is_plain = |c: char| c == '\n' || !is_disturbing(c);
    if text.chars().all(is_plain) {
        return text;
    }
    // Such characters stand in strings only, and all of them take four hexadecimal digits.
    text.chars().map(|c| if is_plain(c) { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) }).collect()
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// No such file.
    NotFound,
    /// The file exists but may not be read.
    Denied,
    /// It is a folder.
    Folder,
    /// Anything else, in the words of the system.
    Other(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such file"),
            Self::Denied => f.write_str("permission denied"),
            Self::Folder => f.write_str("it is a folder"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// The compiler's only door to the outside.
///
/// Paths are relative to the plan's folder, written with `/`, or absolute if the plan says so.
pub trait World {
    /// Reads a whole file.
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError>;

    /// Reads a file piece by piece, whatever its size.
    fn open<'a>(&'a self, path: &str) -> Result<Box<dyn Read + 'a>, ReadError> {
        Ok(Box::new(Cursor::new(self.read(path)?)))
    }

    /// The files that a path names, sorted, as paths of this world: the file itself, else the files right in the folder
    /// of that name, else all that fit it as a [`Pattern`]. Hidden files are not listed; a folder may have no other and
    /// a pattern may fit none.
    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        Ok(vec![path.to_owned()])
    }
}

/// A world in memory, for tests and for callers that hold the text already.
#[derive(Clone, Debug, Default)]
pub struct MemoryWorld {
    files: std::collections::BTreeMap<String, Vec<u8>>,
}

impl MemoryWorld {
    /// Adds or replaces a file.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), bytes.into());
        self
    }
}

impl World for MemoryWorld {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.files.get(path).cloned().ok_or(ReadError::NotFound)
    }

    fn open<'a>(&'a self, path: &str) -> Result<Box<dyn Read + 'a>, ReadError> {
        self.files.get(path).map(|bytes| Box::new(bytes.as_slice()) as _).ok_or(ReadError::NotFound)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        if self.files.contains_key(path) {
            return Ok(vec![path.to_owned()]);
        }
        let fit = |pattern: &Pattern| self.files.keys().filter(|file| pattern.matches(file)).cloned().collect();
        let inside: Vec<String> = fit(&Pattern::new(&format!("{}/*", path.trim_end_matches('/'))));
        match inside.is_empty() {
            false => Ok(inside),
            true if is_pattern(path) => Ok(fit(&Pattern::new(path))),
            true => Err(ReadError::NotFound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_json_reads_back() {
        let name = "a\u{1b}[31m\u{9b}b\u{202e}c\u{7f}\n é😀";
        let text = plain_json(serde_json::to_string_pretty(&[name]).unwrap());
        assert!(!text.chars().any(|c| c != '\n' && is_disturbing(c)), "{text}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), [name]);
    }

    #[test]
    fn a_world_in_memory_lists_its_files() {
        let world = ["b.csv", "a.csv", "runs/1.csv", "runs/.hidden", "runs/deep/2.csv"]
            .iter()
            .fold(MemoryWorld::default(), |world, path| world.with(*path, ""));
        assert_eq!(world.list("a.csv").unwrap(), ["a.csv"]);
        assert_eq!(world.list("*.csv").unwrap(), ["a.csv", "b.csv"]);
        assert_eq!(world.list("runs/").unwrap(), ["runs/1.csv"]);
        assert_eq!(world.list("runs/**/*.csv").unwrap(), ["runs/1.csv", "runs/deep/2.csv"]);
        assert_eq!(world.list("*.tsv").unwrap(), [""; 0]);
        assert_eq!(world.list("none"), Err(ReadError::NotFound));
    }

    #[test]
    fn columns_count_characters() {
        let mut sources = Sources::default();
        let id = sources.add("a.sov", "ä = 1\nß = 2");
        assert_eq!(sources.line_column(id, 0), (1, 1));
        assert_eq!(sources.line_column(id, 3), (1, 3));
        assert_eq!(sources.line_column(id, 7), (2, 1));
        assert_eq!(sources.line_column(id, 999), (2, 6));
    }
}

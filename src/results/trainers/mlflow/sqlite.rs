//! SQLite databases: the rows of tables, in the order of their row numbers.
//!
//! Read by hand, for that is a page of code: the one crate that is well kept, `rusqlite`, compiles the whole engine
//! from C. The format is that of <https://www.sqlite.org/fileformat2.html>; indices, free pages and tables without row
//! numbers are left aside, and so are logs of changes beside the file.

use std::borrow::Cow;

/// A database, held whole.
pub(super) struct Database {
    bytes: Vec<u8>,
    page: usize,
    /// Bytes of a page that hold data.
    usable: usize,
    /// Whether changes may lie in a log beside the file.
    pub(super) has_log: bool,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Null,
    Whole(i64),
    Real(f64),
    Text(Cow<'a, str>),
    Blob,
}

/// A table: its first page, and the names of its columns.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    root: u64,
    columns: Vec<String>,
}

/// What is wrong with a database, said after its name.
pub(super) type Wrong = String;

/// First bytes of all databases.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes of the file's header, on its first page.
const HEADER: usize = 100;
/// Longest row.
const ROW: u64 = 1 << 20;
/// Deepest tree: each level has at least two children a page.
const DEPTH: usize = 32;

fn broken(page: u64) -> Wrong {
    format!("is a damaged database: page {page} cannot be read")
}

impl Database {
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self, Wrong> {
        let head = bytes.get(..HEADER).filter(|head| head.starts_with(MAGIC)).ok_or("is no SQLite database")?;
        let page = match u16::from_be_bytes([head[16], head[17]]) {
            1 => 1 << 16,
            page => usize::from(page),
        };
        let usable = page.saturating_sub(usize::from(head[20]));
        if !page.is_power_of_two() || page < 512 || usable < 480 {
            return Err("is a damaged database: its pages have no size".to_owned());
        }
        if head[56..60] != [0, 0, 0, 1] && head[56..60] != [0; 4] {
            return Err("is a database in UTF-16".to_owned());
        }
        let has_log = head[19] > 1;
        Ok(Self { bytes, page, usable, has_log })
    }

    /// The table of a name.
    pub(super) fn table(&self, wanted: &str) -> Result<Option<Table>, Wrong> {
        let schema =
            Table { root: 1, columns: ["type", "name", "tbl_name", "rootpage", "sql"].map(String::from).into() };
        let mut found = None;
        self.rows(&schema, ["type", "name", "rootpage", "sql"], |[kind, name, root, sql]| {
            if let (Cell::Text(kind), Cell::Text(name), Cell::Whole(root), Cell::Text(sql)) = (kind, name, root, sql)
                && kind == "table"
                && name == wanted
            {
                found = Some(Table { root: root as u64, columns: columns(&sql) });
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Calls for these columns of every row; one that the table lacks is null.
    pub(super) fn rows<'a, const N: usize>(
        &'a self,
        table: &Table,
        names: [&str; N],
        mut each: impl FnMut([Cell<'a>; N]) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        let places = names.map(|name| table.columns.iter().position(|known| known == name));
        // Every page is part of one tree, and every byte of one row: more visits are a circle.
        let (mut left, mut unread) = (self.bytes.len() / self.page + 1, self.bytes.len());
        let mut pages = vec![(table.root, 0)];
        while let Some((number, depth)) = pages.pop() {
            left = left.checked_sub(1).filter(|_| depth < DEPTH).ok_or_else(|| broken(number))?;
            let page = self.page_of((number, depth), &places, &mut pages, &mut unread, &mut each);
            page.ok_or_else(|| broken(number))??;
        }
        Ok(())
    }

    /// Takes one page of a tree: its rows, or the pages below it.
    fn page_of<'a, const N: usize>(
        &'a self,
        (number, depth): (u64, usize),
        places: &[Option<usize>; N],
        pages: &mut Vec<(u64, usize)>,
        unread: &mut usize,
        each: &mut impl FnMut([Cell<'a>; N]) -> Result<(), Wrong>,
    ) -> Option<Result<(), Wrong>> {
        let page = self.at(number)?;
        let head = page.get(if number == 1 { HEADER } else { 0 }..)?;
        let count = usize::from(u16::from_be_bytes(*head.get(3..)?.first_chunk()?));
        let pointers = |start: usize| head.get(start..start + 2 * count);
        match head.first()? {
            0x05 => {
                // The last is visited first: they are put on the stack from the right.
                pages.push((u64::from(u32::from_be_bytes(*head.get(8..)?.first_chunk()?)), depth + 1));
                for pointer in pointers(12)?.chunks_exact(2).rev() {
                    let at = usize::from(u16::from_be_bytes(*pointer.first_chunk()?));
                    pages.push((u64::from(u32::from_be_bytes(*page.get(at..)?.first_chunk()?)), depth + 1));
                }
            }
            0x0d => {
                for pointer in pointers(8)?.chunks_exact(2) {
                    let at = usize::from(u16::from_be_bytes(*pointer.first_chunk()?));
                    let row = self.row(page.get(at..)?)?;
                    *unread = unread.checked_sub(row.len())?;
                    if let Err(wrong) = each(cells(&row, places)?) {
                        return Some(Err(wrong));
                    }
                }
            }
            _ => return None,
        }
        Some(Ok(()))
    }

    fn at(&self, number: u64) -> Option<&[u8]> {
        let start = usize::try_from(number.checked_sub(1)?).ok()?.checked_mul(self.page)?;
        self.bytes.get(start..start.checked_add(self.usable)?)
    }

    /// The bytes of a row, where its cell begins on a page; a long one goes on over pages of its own.
    fn row<'a>(&'a self, mut cell: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let length = varint(&mut cell)?;
        varint(&mut cell)?;
        let length = usize::try_from(length).ok().filter(|&length| length as u64 <= ROW)?;
        let most = self.usable - 35;
        if length <= most {
            return cell.get(..length).map(Cow::Borrowed);
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let here = least + (length - least) % (self.usable - 4);
        let here = if here <= most { here } else { least };
        let mut row = cell.get(..here)?.to_vec();
        let mut next = u32::from_be_bytes(*cell.get(here..)?.first_chunk()?);
        while row.len() < length {
            let (number, data) = self.at(u64::from(next))?.split_first_chunk()?;
            row.extend_from_slice(data.get(..data.len().min(length - row.len()))?);
            next = u32::from_be_bytes(*number);
        }
        Some(Cow::Owned(row))
    }
}

/// The cells of a row at these places.
fn cells<'a, const N: usize>(row: &Cow<'a, [u8]>, places: &[Option<usize>; N]) -> Option<[Cell<'a>; N]> {
    let mut rest = row.as_ref();
    let length = usize::try_from(varint(&mut rest)?).ok()?;
    let head = row.get(row.len() - rest.len()..length)?;
    let mut found = [const { Cell::Null }; N];
    let (mut kinds, mut start, mut column) = (head, length, 0);
    while !kinds.is_empty() {
        let kind = varint(&mut kinds)?;
        let size = usize::try_from(match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            kind => kind.checked_sub(12)? / 2,
        });
        let end = start.checked_add(size.ok()?)?;
        let bytes = row.get(start..end)?;
        for (place, cell) in places.iter().zip(&mut found) {
            if *place == Some(column) {
                *cell = match kind {
                    0 => Cell::Null,
                    8 => Cell::Whole(0),
                    9 => Cell::Whole(1),
                    1..=6 => Cell::Whole(whole(bytes)),
                    7 => Cell::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
                    kind if kind % 2 == 0 => Cell::Blob,
                    _ => Cell::Text(match row {
                        Cow::Borrowed(row) => String::from_utf8_lossy(row.get(start..end)?),
                        Cow::Owned(_) => Cow::Owned(String::from_utf8_lossy(bytes).into_owned()),
                    }),
                };
            }
        }
        (start, column) = (end, column + 1);
    }
    Some(found)
}

/// A whole number of 1 to 8 bytes with its sign.
fn whole(bytes: &[u8]) -> i64 {
    let start = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(start, |number, &byte| number << 8 | i64::from(byte))
}

/// Seven bits a byte, the greatest first; a ninth byte is whole.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for index in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if index == 8 {
            return Some(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    Some(value)
}

/// The names of the columns of a `CREATE TABLE`.
fn columns(sql: &str) -> Vec<String> {
    let inside = sql.find('(').map_or("", |at| &sql[at + 1..]);
    let (mut depth, mut quote, mut start, mut parts) = (0_usize, None, 0, Vec::new());
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '"' | '`' | '\'') => quote = Some(c),
            (None, '[') => quote = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') if depth > 0 => depth -= 1,
            (None, ',' | ')') if depth == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
                if c == ')' {
                    break;
                }
            }
            _ => {}
        }
    }
    let names = parts.into_iter().filter_map(|part| {
        let part = part.trim();
        let quoted = ['"', '`', '['].iter().any(|mark| part.starts_with(*mark));
        let name = part.trim_start_matches(['"', '`', '[']);
        let end = name.find(|c: char| if quoted { matches!(c, '"' | '`' | ']') } else { c.is_whitespace() });
        let name = &name[..end.unwrap_or(name.len())];
        let is_rule = ["CONSTRAINT", "PRIMARY", "FOREIGN", "CHECK", "UNIQUE"]
            .iter()
            .any(|rule| !quoted && name.to_ascii_uppercase().starts_with(rule));
        (!is_rule).then(|| name.to_owned())
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file() -> Vec<u8> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/trackers/mlflow/mlflow.db");
        std::fs::read(path).unwrap()
    }

    fn all(bytes: Vec<u8>) -> Result<Vec<(String, usize)>, Wrong> {
        let database = Database::new(bytes)?;
        let mut rows = Vec::new();
        for name in ["params", "tags"] {
            let Some(table) = database.table(name)? else { continue };
            database.rows(&table, ["key", "value"], |[key, value]| {
                if let (Cell::Text(key), Cell::Text(value)) = (key, value) {
                    rows.push((key.into_owned(), value.len()));
                }
                Ok(())
            })?;
        }
        Ok(rows)
    }

    /// Trees of several levels, and rows that go on over pages.
    #[test]
    fn rows_are_read_whole() {
        let rows = all(file()).unwrap();
        assert_eq!(rows.iter().filter(|(key, _)| key == "width").count(), 5, "{rows:?}");
        assert!(rows.contains(&("note".to_owned(), 8000)), "{rows:?}");
    }

    #[test]
    fn columns_are_named_as_sql_does() {
        let sql = "CREATE TABLE \"metrics\" (\n\t\"key\" VARCHAR(250) NOT NULL, \n\tvalue FLOAT DEFAULT 'a,b', `is nan` INT,\n\t\
                   CONSTRAINT metric_pk PRIMARY KEY (\"key\", value), \n\tCHECK (value IN (0, 1))\n)";
        assert_eq!(columns(sql), ["key", "value", "is nan"]);
        assert_eq!(columns("CREATE TABLE a"), [""; 0]);
    }

    proptest! {
        #[test]
        fn no_damage_is_too_strange(places in prop::collection::vec((0..40_960_usize, any::<u8>()), 1..200), cut in 0..40_960_usize) {
            let mut bytes = file();
            for (place, byte) in places {
                let length = bytes.len();
                bytes[place % length] = byte;
            }
            let _ = all(bytes.clone());
            bytes.truncate(cut);
            let _ = all(bytes);
        }

        #[test]
        fn no_sql_is_too_strange(sql in ".{0,80}") {
            columns(&sql);
        }
    }
}

//! JSON lines and JSON arrays: a row is an object.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Broken, Record, Records, Window, codes};

/// The rows of JSON objects.
///
/// An object inside a row becomes columns `outer.inner`. Null is an empty cell, as is a column that a row lacks; an
/// array is a cell that is no number.
pub(super) struct Json<'a> {
    window: Window<'a>,
    columns: Columns,
    is_by_line: bool,
    /// What stood before, in an array.
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Inside,
    End,
    /// Not an array: objects one after another.
    Sequence,
}

/// Most columns of a table.
const COLUMNS: usize = 10_000;

impl<'a> Json<'a> {
    /// One object a line.
    pub(super) fn lines(window: Window<'a>) -> Self {
        Self { window, columns: Columns::default(), is_by_line: true, place: Place::Sequence }
    }

    /// An array of objects.
    pub(super) fn array(window: Window<'a>) -> Self {
        Self { is_by_line: false, place: Place::Start, ..Self::lines(window) }
    }

    /// The first byte of the next object, where there is one; marks between objects are taken.
    fn find(&mut self) -> Result<Option<u8>, Broken> {
        let first = self.window.skip(is_blank)?;
        let next = match (self.place, first) {
            (Place::Start, Some(b'[')) => {
                self.window.take(1);
                self.place = Place::Inside;
                match self.window.skip(is_blank)? {
                    Some(b']') => return self.end(),
                    next => next,
                }
            }
            (Place::Start, next) => {
                self.place = Place::Sequence;
                next
            }
            (Place::Inside, Some(b',')) => {
                self.window.take(1);
                self.window.skip(is_blank)?
            }
            (Place::Inside, Some(b']')) => return self.end(),
            (Place::Inside, Some(_)) => return Err(self.wrong("a comma or `]` must stand between its rows")),
            (Place::End, Some(_)) => return Err(self.wrong("something stands behind the array")),
            (_, next) => next,
        };
        match (self.place, next) {
            (Place::Inside, None) => Err(self.wrong("the array does not end")),
            (_, Some(byte)) if byte != b'{' => Err(self.wrong("a row must be an object, `{...}`")),
            (_, next) => Ok(next),
        }
    }

    fn end(&mut self) -> Result<Option<u8>, Broken> {
        self.window.take(1);
        self.place = Place::End;
        self.find()
    }

    /// The bytes of the object at the front.
    fn length(&mut self) -> Result<usize, Broken> {
        let mut seen = 0;
        if self.is_by_line {
            loop {
                let rest = self.window.rest();
                if let Some(end) = memchr::memchr(b'\n', rest.get(seen..).unwrap_or_default()) {
                    return Ok(seen + end);
                }
                seen = rest.len();
                if !self.window.more()? {
                    return Ok(seen);
                }
            }
        }
        let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
        loop {
            for (at, &byte) in self.window.rest().iter().enumerate().skip(seen) {
                match byte {
                    _ if is_escaped => is_escaped = false,
                    b'\\' if is_text => is_escaped = true,
                    b'"' => is_text = !is_text,
                    _ if is_text => {}
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => continue,
                }
                if depth == 0 && !is_text {
                    return Ok(at + 1);
                }
            }
            seen = self.window.rest().len();
            if !self.window.more()? {
                return Ok(seen);
            }
        }
    }

    fn wrong(&self, why: &str) -> Broken {
        Broken::bad_json(self.window.line(), why)
    }
}

impl Records for Json<'_> {
    fn header(&self) -> &[String] {
        &self.columns.names
    }

    fn is_open(&self) -> bool {
        true
    }

    fn next(&mut self, record: &mut Record) -> Result<bool, Broken> {
        if self.find()?.is_none() {
            return Ok(false);
        }
        let line = self.window.line();
        record.clear(line);
        record.places.resize(self.columns.names.len(), (0, 0));
        let length = self.length()?;
        let text = self.window.text(length)?;
        self.columns.row += 1;
        self.columns.next = 0;
        let mut json = serde_json::Deserializer::from_str(text);
        let object = Object { columns: &mut self.columns, record, name: &mut String::new() };
        if let Err(error) = object.deserialize(&mut json).and_then(|()| json.end()) {
            let why = error.to_string();
            let why = why.rsplit_once(" at line ").map_or(&*why, |(why, _)| why);
            let word = not_of_json(text, &error).map(|word| format!("`{word}` is no number of JSON"));
            return Err(Broken::bad_json(line + error.line().saturating_sub(1) as u64, word.as_deref().unwrap_or(why)));
        }
        self.window.take(length);
        Ok(true)
    }
}

impl Broken {
    fn bad_json(line: u64, why: &str) -> Self {
        let help = "write each row as a JSON object, and `null` where there is no number";
        Self::new(codes::BAD_JSON, Some(line), format!("is no JSON table: {why} in line {line}"), help)
    }
}

/// What Python writes for numbers that JSON has no word for, where the parser met it.
fn not_of_json(text: &str, error: &serde_json::Error) -> Option<&'static str> {
    let line = text.lines().nth(error.line().checked_sub(1)?)?;
    let rest = line.get(error.column().checked_sub(1)?..)?;
    ["NaN", "Infinity"].into_iter().find(|word| rest.starts_with(word))
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The columns that were seen, in the order of their first rows.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    places: BTreeMap<String, usize>,
    /// The last row that has each column.
    rows: Vec<u64>,
    row: u64,
    /// Where the next column stands, if this row is like the one before.
    next: usize,
}

impl Columns {
    /// The place of a column in the row that is read; new ones are put at the end.
    fn place<E: serde::de::Error>(&mut self, name: &str) -> Result<usize, E> {
        let place = match self.names.get(self.next) {
            Some(next) if next == name => self.next,
            _ => match self.places.get(name) {
                Some(&place) => place,
                None if self.names.len() == COLUMNS => {
                    return Err(E::custom(format!("a table has at most {COLUMNS} columns, and there are more")));
                }
                None => {
                    self.names.push(name.to_owned());
                    self.rows.push(0);
                    self.places.insert(name.to_owned(), self.names.len() - 1);
                    self.names.len() - 1
                }
            },
        };
        self.next = if place + 1 < self.names.len() { place + 1 } else { 0 };
        match self.rows.get_mut(place) {
            Some(row) if *row == self.row => Err(E::custom(format!("`{name}` is there twice"))),
            Some(row) => {
                *row = self.row;
                Ok(place)
            }
            None => Ok(place),
        }
    }
}

/// An object whose values become cells.
struct Object<'r> {
    columns: &'r mut Columns,
    record: &'r mut Record,
    /// The names of the objects around it, each with its dot.
    name: &'r mut String,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let outer = self.name.len();
        while map.next_key_seed(Key(self.name))?.is_some() {
            map.next_value_seed(Cell { columns: self.columns, record: self.record, name: self.name })?;
            self.name.truncate(outer);
        }
        Ok(())
    }
}

/// A key, put behind the names of the objects around it.
struct Key<'r>(&'r mut String);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        self.0.push_str(key);
        Ok(())
    }
}

/// A value: a cell, or an object of cells.
struct Cell<'r> {
    columns: &'r mut Columns,
    record: &'r mut Record,
    name: &'r mut String,
}

impl Cell<'_> {
    fn write<E: serde::de::Error>(self, text: fmt::Arguments<'_>) -> Result<(), E> {
        let place = self.columns.place(self.name)?;
        let start = self.record.text.len() as u32;
        fmt::write(&mut self.record.text, text).map_err(E::custom)?;
        if self.record.places.len() <= place {
            self.record.places.resize(place + 1, (0, 0));
        }
        if let Some(cell) = self.record.places.get_mut(place) {
            *cell = (start, self.record.text.len() as u32);
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.write(format_args!("{value}"))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.write(format_args!("{value}"))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.write(format_args!("{value}"))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.write(format_args!("{value:?}"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.write(format_args!("{value}"))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.write(format_args!(""))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.write(format_args!("[...]"))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.name.push('.');
        Object { columns: self.columns, record: self.record, name: self.name }.visit_map(map)
    }
}

//! CSV and TSV: cells with a mark between them.

use csv_core::ReadRecordResult;

use super::{Broken, Record, Records, Window};

/// The rows of a text whose cells are separated by one byte.
///
/// Lines end with `\n`, `\r\n` or `\r`; blank ones are skipped. A cell that begins with `"` ends at the next `"` that
/// is not doubled.
pub(super) struct Cells<'a> {
    window: Window<'a>,
    delimiter: u8,
    header: Vec<String>,
    quoted: csv_core::Reader,
    /// Cells of a row with quotes, one behind another, and their ends.
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Cells<'a> {
    /// Reads the header.
    pub(super) fn new(window: Window<'a>, delimiter: u8) -> Result<Self, Broken> {
        let quoted = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        let (text, ends) = (vec![0; 1 << 10], vec![0; 1 << 6]);
        let mut cells = Self { window, delimiter, header: Vec::new(), quoted, text, ends };
        let mut record = Record::default();
        cells.next(&mut record)?;
        cells.header = (0..record.len()).map(|column| record.cell(column).trim().to_owned()).collect();
        Ok(cells)
    }

    /// A row without quotes, of the first `length` bytes.
    fn plain(&mut self, length: usize, record: &mut Record) -> Result<(), Broken> {
        let line = self.window.text(length)?;
        record.text.push_str(line);
        let mut start = 0;
        for end in memchr::memchr_iter(self.delimiter, line.as_bytes()) {
            record.places.push((start, end as u32));
            start = end as u32 + 1;
        }
        record.places.push((start, length as u32));
        self.window.pass(length);
        Ok(())
    }

    /// A row with quotes.
    fn quoted(&mut self, record: &mut Record) -> Result<(), Broken> {
        self.quoted.reset();
        let (mut read, mut written, mut cells) = (0, 0, 0);
        loop {
            let input = self.window.rest().get(read..).unwrap_or_default();
            let is_last = input.is_empty();
            let (text, ends) = (&mut self.text[written..], &mut self.ends[cells..]);
            let (result, more_read, more_written, more_cells) = self.quoted.read_record(input, text, ends);
            read += more_read;
            written += more_written;
            cells += more_cells;
            match result {
                ReadRecordResult::InputEmpty if is_last => break,
                // At the end, no bytes tell the machine that there are no more.
                ReadRecordResult::InputEmpty => drop(self.window.more()?),
                ReadRecordResult::OutputFull => self.text.resize(2 * self.text.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        // Of text, whole cells are text again: what divides them is ASCII.
        self.window.text(read)?;
        record.text.push_str(&String::from_utf8_lossy(&self.text[..written]));
        let mut start = 0;
        for &end in &self.ends[..cells] {
            record.places.push((start, end as u32));
            start = end as u32;
        }
        self.window.take(read);
        Ok(())
    }
}

impl Records for Cells<'_> {
    fn header(&self) -> &[String] {
        &self.header
    }

    fn is_open(&self) -> bool {
        false
    }

    fn next(&mut self, record: &mut Record) -> Result<bool, Broken> {
        let first = self.window.skip(|byte| matches!(byte, b'\n' | b'\r'))?;
        record.clear(self.window.line());
        if first.is_none() {
            return Ok(false);
        }
        let mut seen = 0;
        loop {
            let rest = self.window.rest();
            match memchr::memchr3(b'\n', b'\r', b'"', rest.get(seen..).unwrap_or_default()) {
                Some(at) if rest.get(seen + at) == Some(&b'"') => self.quoted(record)?,
                Some(at) => self.plain(seen + at, record)?,
                None => {
                    seen = rest.len();
                    if self.window.more()? {
                        continue;
                    }
                    self.plain(seen, record)?;
                }
            }
            return Ok(true);
        }
    }
}

//! The part of a file that is looked at.

use std::io::{ErrorKind, Read};

use super::{Broken, codes};

/// A stretch of a stream: bytes that were read and not taken yet.
pub(super) struct Window<'a> {
    input: Box<dyn Read + 'a>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The line of its first byte, from 1.
    line: u64,
    is_done: bool,
}

/// The longest row, in bytes (1 MiB).
const LIMIT: usize = 1 << 20;
/// Bytes read at once.
const CHUNK: usize = 1 << 16;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl<'a> Window<'a> {
    /// A window at the beginning of a stream, behind its byte order mark.
    pub(super) fn new(input: Box<dyn Read + 'a>) -> Result<Self, Broken> {
        let mut window = Self { input, bytes: vec![0; 2 * CHUNK], start: 0, end: 0, line: 1, is_done: false };
        while window.rest().len() < BYTE_ORDER_MARK.len() && window.more()? {}
        if window.rest().starts_with(BYTE_ORDER_MARK) {
            window.take(BYTE_ORDER_MARK.len());
        }
        Ok(window)
    }

    /// What is in it.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The line of its first byte.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Reads more; false at the end of the stream.
    pub(super) fn more(&mut self) -> Result<bool, Broken> {
        if self.is_done {
            return Ok(false);
        }
        if self.bytes.len() - self.end < CHUNK {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.bytes.len() - self.end < CHUNK {
            if self.end > LIMIT {
                return Err(self.too_long());
            }
            self.bytes.resize(2 * self.bytes.len(), 0);
        }
        let free = self.bytes.get_mut(self.end..).unwrap_or_default();
        let read = loop {
            match self.input.read(free) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let read = read.map_err(|error| Broken::unread(&error))?;
        self.end += read;
        self.is_done = read == 0;
        Ok(read > 0)
    }

    /// Takes bytes from its front.
    pub(super) fn take(&mut self, bytes: usize) {
        self.line += memchr::memchr_iter(b'\n', self.rest().get(..bytes).unwrap_or_default()).count() as u64;
        self.pass(bytes);
    }

    /// Takes bytes among which no line ends.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.start = self.end.min(self.start + bytes);
    }

    /// Takes the blanks at its front that `is_blank` tells; the first byte after them, if there is one.
    pub(super) fn skip(&mut self, is_blank: impl Fn(u8) -> bool) -> Result<Option<u8>, Broken> {
        loop {
            let blank = self.rest().iter().take_while(|&&byte| is_blank(byte)).count();
            self.take(blank);
            if let Some(&byte) = self.rest().first() {
                return Ok(Some(byte));
            }
            if !self.more()? {
                return Ok(None);
            }
        }
    }

    /// The first bytes as text.
    pub(super) fn text(&self, bytes: usize) -> Result<&str, Broken> {
        let bytes = self.rest().get(..bytes).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|error| {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            Broken::not_utf8(self.line + memchr::memchr_iter(b'\n', valid).count() as u64)
        })
    }

    fn too_long(&self) -> Broken {
        let what = format!("has a row of more than {} MiB that begins in line {}", LIMIT >> 20, self.line);
        let help = "check that each row ends, and that quotes and brackets close";
        Broken::new(codes::LONG_ROW, Some(self.line), what, help)
    }
}

//! Files of TensorFlow's records: a length of 8 bytes, its checksum, as many bytes of data, and theirs.
//!
//! Checksums are CRC-32C, turned right by 15 bits and with a number added. A writer that crashed leaves a part of a
//! record at the end, which is no mistake.

use std::io::{self, ErrorKind, Read};

/// The records of a file, one after another.
pub(super) struct EventRecords<R> {
    input: R,
    /// Where the next record begins.
    pub(super) at: u64,
    /// Records so far.
    pub(super) count: u64,
    data: Vec<u8>,
}

/// Why a file cannot be read on.
#[derive(Debug)]
pub(super) enum Unread {
    /// A checksum is wrong.
    Damaged,
    /// What the world said.
    World(io::Error),
}

/// Most bytes of a record that is looked at; images and sounds are longer, and hold no number.
const LIMIT: u64 = 16 << 20;
const CHUNK: usize = 1 << 13;

impl<R: Read> EventRecords<R> {
    /// The records from the beginning of a stream.
    pub(super) const fn new(input: R) -> Self {
        Self { input, at: 0, count: 0, data: Vec::new() }
    }

    /// The data of the next whole record; of one beyond the limit, none of it.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Unread> {
        let mut head = [0; 12];
        if !self.fill(&mut head)? {
            return Ok(None);
        }
        let [length @ .., a, b, c, d] = head;
        if masked(!extend(!0, &length)) != u32::from_le_bytes([a, b, c, d]) {
            return Err(Unread::Damaged);
        }
        let length = u64::from_le_bytes(length);
        self.data.clear();
        let (mut left, mut sum) = (length, !0);
        let mut chunk = [0; CHUNK];
        while left > 0 {
            let part = &mut chunk[..left.min(CHUNK as u64) as usize];
            if !self.fill(part)? {
                return Ok(None);
            }
            sum = extend(sum, part);
            if length <= LIMIT {
                self.data.extend_from_slice(part);
            }
            left -= part.len() as u64;
        }
        let mut told = [0; 4];
        if !self.fill(&mut told)? {
            return Ok(None);
        }
        if masked(!sum) != u32::from_le_bytes(told) {
            return Err(Unread::Damaged);
        }
        self.at = self.at.saturating_add(length).saturating_add(16);
        self.count += 1;
        Ok(Some(&self.data))
    }

    /// Fills the bytes; false where the stream ends before.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool, Unread> {
        match self.input.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(Unread::World(error)),
        }
    }
}

/// The table of CRC-32C, the polynomial of Castagnoli, for one byte at a time.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

fn extend(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, &byte| TABLE[((sum ^ u32::from(byte)) & 0xff) as usize] ^ sum >> 8)
}

const fn masked(sum: u32) -> u32 {
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A record as writers frame it.
    pub(in super::super) fn framed(data: &[u8]) -> Vec<u8> {
        let length = (data.len() as u64).to_le_bytes();
        let sum = |bytes: &[u8]| masked(!extend(!0, bytes)).to_le_bytes();
        [&length[..], &sum(&length), data, &sum(data)].concat()
    }

    /// The check value of CRC-32C, as the catalogue of CRCs gives it.
    #[test]
    fn sums_are_those_of_castagnoli() {
        assert_eq!(!extend(!0, b"123456789"), 0xe306_9283);
    }

    #[test]
    fn whole_records_are_read_and_broken_ones_told() {
        let long = vec![7; 2 * LIMIT as usize];
        let file = [framed(b"one"), framed(&long), framed(b""), framed(b"four")].concat();
        let read = |bytes: &[u8]| {
            let mut records = EventRecords::new(bytes);
            let mut lengths = Vec::new();
            while let Some(data) = records.next()? {
                lengths.push(data.len());
            }
            Ok::<_, Unread>((lengths, records.at))
        };
        assert_eq!(read(&file).unwrap(), (vec![3, 0, 0, 4], file.len() as u64));
        for cut in [1, 4, 5, 19] {
            assert_eq!(read(&file[..file.len() - cut]).unwrap().0, [3, 0, 0], "{cut}");
        }
        for at in [0, 9, 13, 16] {
            let mut wrong = file.clone();
            wrong[at] ^= 1;
            assert!(matches!(read(&wrong), Err(Unread::Damaged)), "{at}");
        }
    }
}

//! Packed files, told by their first bytes.

use std::io::{self, Cursor, ErrorKind, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Broken, codes};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// The plain bytes of a file that may be packed.
pub(super) fn unpack<'a>(path: &str, mut input: Box<dyn Read + 'a>) -> Result<Box<dyn Read + 'a>, Broken> {
    let mut head = Vec::new();
    input.by_ref().take(ZSTD.len() as u64).read_to_end(&mut head).map_err(|error| Broken::unread(&error))?;
    let (is_gzip, is_zstd) = (head.starts_with(GZIP), head.starts_with(ZSTD));
    let name = path.to_ascii_lowercase();
    for (ending, kind, is_so) in [(".gz", "gzip", is_gzip), (".zst", "zstd", is_zstd)] {
        if name.ends_with(ending) && !is_so {
            let what = format!("is not packed by {kind}, and its name ends in `{ending}`");
            return Err(Broken::new(codes::BROKEN_FILE, None, what, "give the file the name of what it holds"));
        }
    }
    let whole = Box::new(Cursor::new(head).chain(input));
    Ok(match (is_gzip, is_zstd) {
        (true, _) => Box::new(Packed(MultiGzDecoder::new(whole))),
        (_, true) => Box::new(Packed(Frames { source: whole, decoder: FrameDecoder::new(), is_open: false })),
        _ => whole,
    })
}

/// A decoder whose failures are those of the data.
struct Packed<R>(R);

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes).map_err(|error| match error.kind() {
            ErrorKind::Interrupted => error,
            _ => io::Error::new(ErrorKind::InvalidData, "its packed bytes are damaged or break off"),
        })
    }
}

/// The frames of a zstd file, one after another.
struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    /// Whether a frame has begun.
    is_open: bool,
}

impl<R: Read> Frames<R> {
    /// Begins the next frame, behind those that hold no data; false where there is none.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            let mut head = Vec::new();
            self.source.by_ref().take(ZSTD.len() as u64).read_to_end(&mut head)?;
            if head.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(Cursor::new(head).chain(&mut self.source)) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut self.source.by_ref().take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.decoder.can_collect() > 0 || bytes.is_empty() {
                return self.decoder.read(bytes);
            }
            if !self.is_open {
                if !self.begin()? {
                    return Ok(0);
                }
                self.is_open = true;
            } else if self.decoder.is_finished() {
                let told = self.decoder.get_checksum_from_data();
                if told.is_some() && told != self.decoder.get_calculated_checksum() {
                    return Err(ErrorKind::InvalidData.into());
                }
                self.is_open = false;
            } else {
                let decoded = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1));
                decoded.map_err(io::Error::other)?;
            }
        }
    }
}

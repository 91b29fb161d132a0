//! Arguments of a launch, for whichever machine runs it.

use crate::vit::Half;

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// What the kernel only reads.
    Input(Vec<u8>),
    /// As many bytes, which the kernel fills.
    Output(usize),
    /// What the kernel reads and writes.
    Updated(Vec<u8>),
    /// The buffer of the argument with that number.
    Same(usize),
    /// A number.
    Scalar(u32),
}

impl Argument {
    /// An input of floats of 16 bits.
    pub fn halves(list: &[u16]) -> Self {
        Self::Input(bytes(list, u16::to_le_bytes))
    }

    /// An input of `float`.
    pub fn floats(list: &[f32]) -> Self {
        Self::Input(bytes(list, f32::to_le_bytes))
    }
}

impl Half {
    /// Each so many times as large.
    pub(super) fn scale(self, list: &mut [u16], by: f64) {
        for bits in list {
            *bits = self.narrow(by * f64::from(self.widen(*bits)));
        }
    }
}

/// The bytes of numbers, one after another.
pub fn bytes<T: Copy, const N: usize>(list: &[T], to: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    list.iter().flat_map(|&value| to(value)).collect()
}

/// The floats of 16 bits that an output holds.
pub fn halves(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// The `float` of its halves, as an output of floats of 16 bits holds them.
pub(super) fn float([low, high]: [u16; 2]) -> f32 {
    f32::from_bits(u32::from(low) | u32::from(high) << 16)
}

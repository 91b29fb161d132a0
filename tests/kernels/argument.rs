//! Arguments of a launch, for whichever machine runs it.
#![allow(dead_code, reason = "each test uses its own part")]

/// One argument.
#[derive(Clone)]
pub(crate) enum Argument {
    Input(Vec<u8>),
    /// As many bytes.
    Output(usize),
    Updated(Vec<u8>),
    /// The buffer of the argument with that number.
    Same(usize),
    Scalar(u32),
}

impl Argument {
    /// An input of bf16.
    pub(crate) fn halves(list: &[u16]) -> Self {
        Self::Input(bytes(list, u16::to_le_bytes))
    }

    /// An input of `float`.
    pub(crate) fn floats(list: &[f32]) -> Self {
        Self::Input(bytes(list, f32::to_le_bytes))
    }
}

pub(crate) fn bytes<T: Copy, const N: usize>(list: &[T], to: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    list.iter().flat_map(|&value| to(value)).collect()
}

/// The bf16 that an output holds.
pub(crate) fn halves(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

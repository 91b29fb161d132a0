//! What a plan says of hardware.

use std::sync::Arc;

use crate::hardware::{AttentionLibrary, Device};

/// `serving = { on = DEVICE, batch = ..., attention = ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Serving {
    /// The device.
    pub device: Arc<Device>,
    /// Images of one pass.
    pub batch: u64,
    /// The library whose attention runs.
    pub attention: AttentionLibrary,
}

//! What a plan says of hardware.

use std::sync::Arc;

use crate::hardware::{AttentionLibrary, Device};
use crate::syntax::ast::{Expr, Name};
use crate::units::Quantity;

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

/// What a device's time costs, and who says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// In $/gpu/s.
    pub rate: Quantity,
    /// Who asks it.
    pub source: String,
    /// The day when it was asked, as `YYYY-MM-DD`; a device's own `price` has none.
    pub date: Option<String>,
}

/// What a file of prices says, not yet checked.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceList {
    /// Who asks them.
    pub source: String,
    /// The day when they were asked, as `YYYY-MM-DD`.
    pub date: String,
    /// Devices and what they cost, placed in the file.
    pub prices: Vec<(Name, Expr)>,
}

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

/// `training = { on = DEVICE, mfu = ..., devices = ... }`: where a model is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// The device.
    pub device: Arc<Device>,
    /// The number format that training computes in, such as `bf16`.
    pub number_format: &'static str,
    /// The device's peak in it, in FLOP/s.
    pub peak: f64,
    /// The share of the peak that training makes use of; where absent, the time model predicts what a step takes.
    pub mfu: Option<Quantity>,
    /// How many devices train together, where that is said.
    pub devices: Option<u64>,
    /// What a device's time costs, where that is known.
    pub price: Option<Price>,
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

//! What a vision transformer is: its parts, its shape, what it costs.
//!
//! Ground: any stage may stand on it, and it knows no stage.

mod architecture;
mod batches;
mod blocks;
mod catalogue;
mod config;
mod contrastive;
mod cost;
mod image_format;
mod kernel_form;
mod memory;
mod packed;
mod shape;
mod tensor;
mod text;
mod variant;

pub use architecture::{Activation, Architecture, Pooling, Problem, Vit};
pub use batches::Batches;
pub use catalogue::{CATALOGUE, Named, named};
pub use config::{ConfigProblem, ReadConfig, read_config};
pub use contrastive::{Contrastive, ContrastiveCost, ContrastiveLoss, ContrastiveMemory};
pub use cost::{Components, Cost, FlopTerm};
pub use image_format::{ImageFormat, Layout, Pixels};
pub use kernel_form::{Half, Halves, KernelForm, LayerNorm};
pub use memory::{AttentionKind, Memory, NumberFormat, Optimizer, Step};
pub use packed::{Packed, PackedCost, Packing};
pub use shape::{Axis, PerAxis, Shape};
pub use text::{NamedText, TEXT_CATALOGUE, TextComponents, TextFamily, TextTower, named_text};
pub use variant::{BlockForm, Feature, Norm, Position, PositionRows, QkNorm, QkvBias, Variant};

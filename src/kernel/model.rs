//! Kernel plans as data; `emit` prints them, `nvrtc` compiles what was printed.

use serde::{Deserialize, Serialize};

use super::{Rows, Step, attention, tile};
use crate::vit::{Half, Halves, Vit};

/// Every kernel of one shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kernels {
    /// The kernels; those of a forward pass in the order it first needs them.
    pub list: Vec<KernelPlan>,
    /// The launches of a forward pass, in order; those of a block once.
    pub forward: Vec<Step>,
}

impl Kernels {
    /// The kernel of that name.
    pub fn named(&self, name: &str) -> Option<&KernelPlan> {
        self.list.iter().find(|kernel| kernel.name == name)
    }

    /// The error of a forward pass's result as a share of its size, both as root mean squares: each launch rounds its
    /// result once and its weights were, by half a unit of roundoff, and these errors are independent. An estimate, which
    /// holds for weights and images that cancel no more than those of a trained model do.
    pub fn error(&self, vit: &Vit) -> f64 {
        let square = |half: Half| (half.roundoff() / 2.0).powi(2);
        let of_launch = |step: &Step| {
            let plan = self.named(&step.kernel)?;
            let written = plan.arguments.iter().rfind(|argument| argument.access != Access::Read);
            let out = written.and_then(|argument| argument.dtype.half()).unwrap_or(plan.halves.dtype);
            let times = if step.each_block { vit.shape.depth } else { 1 };
            Some(times as f64 * (square(out) + square(plan.halves.dtype)))
        };
        self.forward.iter().filter_map(of_launch).sum::<f64>().sqrt()
    }

    /// What a kernel's rows are in a forward pass; tokens where it has no part in it.
    pub fn rows(&self, name: &str) -> Rows {
        self.step(name).map_or(Rows::Tokens, |step| step.rows)
    }

    /// The batches that launch the kernel of that name: the images of the smallest and of the largest, if there is one;
    /// all batches where it has no part in a forward pass.
    pub fn ranges(&self, name: &str) -> Vec<(u64, Option<u64>)> {
        let own = |step: &Step| {
            step.ranges().filter(|(kernel, ..)| *kernel == name).map(|(_, first, last)| (first, last)).collect()
        };
        self.step(name).map_or_else(|| vec![(1, None)], own)
    }

    /// The same in words, such as `1`, `2..4` or `5..`.
    pub fn batches(&self, name: &str) -> String {
        let shown = |(first, last): (u64, Option<u64>)| match last {
            Some(last) if last == first => format!("{first}"),
            Some(last) => format!("{first}..{last}"),
            None => format!("{first}.."),
        };
        self.ranges(name).into_iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    /// Whether a batch of so many images launches the kernel of that name.
    pub fn serves(&self, name: &str, images: u64) -> bool {
        self.ranges(name).iter().any(|&(first, last)| first <= images && last.is_none_or(|last| images <= last))
    }

    /// The first launch of a kernel.
    fn step(&self, name: &str) -> Option<&Step> {
        self.forward.iter().find(|step| step.ranges().any(|(kernel, ..)| kernel == name))
    }
}

/// One kernel, specialised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelPlan {
    /// What it does in the model, such as `fc1`; unique among the kernels of one shape.
    pub name: String,
    /// The template's stem, such as `gemm`.
    pub template: String,
    /// The entry point, such as `sovit_fc1_n4304_k1152`.
    pub entry: String,
    /// The kernel that larger batches launch, by name, where this one is for small ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// Its floats of 16 bits.
    #[serde(flatten)]
    pub halves: Halves,
    /// Compile-time constants by name, in the order the source prints them.
    pub constants: Vec<(String, u64)>,
    /// Those that are `float`.
    pub reals: Vec<(String, f64)>,
    /// What the template prints or leaves out, such as the activation, by name.
    pub choices: Vec<(String, String)>,
    /// How it is launched.
    pub launch: Launch,
    /// The entry point's arguments, in order.
    pub arguments: Vec<Argument>,
    /// FLOPs a row that are asked for: two per multiply-add of matrix products.
    pub flops_per_row: u64,
    /// FLOPs a row in `float` of a kernel without matrix products: one for each addition and multiplication of an element,
    /// but for those that add up parts of sums.
    #[serde(default)]
    pub scalar_flops_per_row: u64,
    /// Bytes a row that move to and from device memory, each once.
    pub bytes_per_row: u64,
    /// Bytes of the weights and tables, which all rows share.
    pub bytes_of_weights: u64,
}

impl KernelPlan {
    /// What it does in the model, whatever batch it is for.
    pub fn part(&self) -> &str {
        self.instead_of.as_deref().unwrap_or(&self.name)
    }

    /// A compile-time constant by name.
    pub fn constant(&self, name: &str) -> Option<u64> {
        self.constants.iter().find(|(n, _)| n == name).map(|&(_, value)| value)
    }

    /// How far its result may be off.
    pub fn tolerance(&self) -> Tolerance {
        Tolerance { rounding: 2.0, size: self.halves.dtype.roundoff(), rms: 1.25 }
    }

    /// Stages of its ring that a block goes through; none where there is no ring.
    pub fn stages(&self) -> Option<u64> {
        let of = |size: &str, step: &str| Some(self.constant(size)?.div_ceil(self.constant(step)?.max(1)));
        match self.template.as_str() {
            "gemm" => of("K", "BLOCK_K"),
            // All keys, then all values.
            "attention" if self.choice("softmax") == Some("whole") => Some(2 * of("TOKENS", "KEYS")?),
            "attention" => of("TOKENS", "KEYS"),
            _ => None,
        }
    }

    /// Clocks of a block, were it alone on an SM, in which it multiplies nothing, as the choice of tiles estimates them; 0
    /// where there is no ring.
    pub fn idle_clocks(&self) -> f64 {
        let Some(stages) = self.stages() else { return 0.0 };
        match self.choice("softmax") {
            None => tile::idle(stages),
            Some("whole") => attention::idle(stages, 1),
            Some(_) => attention::idle(stages, stages),
        }
    }

    /// A choice by name.
    pub fn choice(&self, name: &str) -> Option<&str> {
        self.choices.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// How far the result R' of a kernel may be from R, that of double precision with the same inputs, beside B, the same with
/// sums in `float` and the result rounded once: everywhere, and in every block of rows and of columns,
/// `max |R' - R| <= rounding max |B - R| + size max |R|`, and as a root mean square at most `rms` times B.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// Times the largest error of B.
    pub rounding: f64,
    /// Of the size of R: the unit roundoff of what is multiplied.
    pub size: f64,
    /// Times the error of B as a root mean square.
    pub rms: f64,
}

/// Grid, block and shared memory of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Threads of a block.
    pub threads: u64,
    /// Rows that a band of blocks handles.
    pub rows_per_block: u64,
    /// Blocks of a band; the grid, of one dimension, is `ceil(rows / rows_per_block) * blocks_per_band`.
    pub blocks_per_band: u64,
    /// The number of rows is a multiple of it: the tokens of an image where a kernel must tell images apart, else 1.
    pub rows_multiple: u64,
    /// Dynamic shared memory of a block, in bytes.
    pub shared_bytes: u64,
}

/// One argument of an entry point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// Its name in the source.
    pub name: String,
    /// What its elements are.
    pub dtype: Dtype,
    /// Its extents, row-major, and dense where `strides` does not say otherwise; none for a scalar.
    pub shape: Vec<Extent>,
    /// The extents that hold values, where `shape` is padded: the elements past them are zeros.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<Extent>,
    /// The arguments that say how far, in elements, one step along each of the first dimensions goes, where the buffer is
    /// not dense; the dimensions after these are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strides: Vec<String>,
    /// Bytes of which its address is a multiple, and each of its strides; none for a scalar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment: Option<u64>,
    /// What the kernel does with it.
    pub access: Access,
}

impl Argument {
    pub(super) fn new(name: &str, dtype: Dtype, shape: impl Into<Vec<Extent>>, access: Access) -> Self {
        let shape = shape.into();
        let alignment = (!shape.is_empty()).then_some(16);
        Self { name: name.to_owned(), dtype, shape, used: Vec::new(), strides: Vec::new(), alignment, access }
    }

    /// The number of rows, a scalar.
    pub(super) fn rows() -> Self {
        Self::new("rows", Dtype::U32, Vec::new(), Access::Read)
    }

    /// The same with zeros past `used`.
    pub(super) fn padded(mut self, used: impl IntoIterator<Item = Extent>) -> Self {
        self.used = used.into_iter().collect();
        if self.used == self.shape {
            self.used.clear();
        }
        self
    }

    /// Bytes of those that all rows of any launch share: weights and tables.
    pub(super) fn bytes_of_shared(arguments: &[Self]) -> u64 {
        let size = |extent: &Extent| if let Extent::Size(size) = extent { *size } else { 0 };
        let bytes = |one: &Self| one.shape.iter().map(size).fold(one.dtype.bytes(), u64::saturating_mul);
        arguments.iter().filter(|one| !one.shape.is_empty()).map(bytes).fold(0, u64::saturating_add)
    }

    /// Elements of the buffer for a launch.
    pub fn elements(&self, launch: &Launch, rows: u64) -> u64 {
        let extent = |extent: &Extent| match extent {
            Extent::Of(Count::Rows) => rows,
            Extent::Of(Count::Images) => rows / launch.rows_multiple.max(1),
            Extent::Size(size) => *size,
        };
        self.shape.iter().map(extent).product()
    }
}

/// An element's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// `unsigned char`.
    U8,
    /// The upper half of a `float`.
    Bf16,
    /// A float of IEEE 754 in 16 bits.
    Fp16,
    /// `float`.
    F32,
    /// `unsigned int`.
    U32,
}

impl Dtype {
    /// Bytes of one.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::U8 => 1,
            Self::Bf16 | Self::Fp16 => 2,
            Self::F32 | Self::U32 => 4,
        }
    }
}

/// What a kernel does with an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Reads it.
    Read,
    /// Writes all of it.
    Write,
    /// Reads some of it and writes that anew.
    Update,
}

/// How long a dimension is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Extent {
    /// By the launch.
    Of(Count),
    /// Always.
    Size(u64),
}

impl Extent {
    /// As many as the launch has rows.
    pub const ROWS: Self = Self::Of(Count::Rows);
    /// As many as the launch has images.
    pub const IMAGES: Self = Self::Of(Count::Images);
}

/// What a launch counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Count {
    /// The rows it is given.
    Rows,
    /// These rows by [`Launch::rows_multiple`].
    Images,
}

//! Matrix products with their epilogues: y = epilogue(x W^T), with what follows in a block fused into them.
//!
//! Rows of x and W are read in pieces of 16 bytes, hence both have a multiple of 8 columns; results are written in such
//! pieces too. Where a size of the model is no such multiple, the plan pads it with zeros and says so in the
//! arguments' `used`: columns of patches, of a hidden layer, of one head. Zero rows of W with zero biases make zeros in
//! every epilogue, which the next product's zero columns ignore.

use super::bands::Bands;
use super::gpu::GPUS;
use super::image::Images;
use super::layernorm::STATISTICS;
use super::tile::{BATCHES, Product, Tile, cheapest_tile};
use super::{Access, Argument, Dtype, Extent, KernelPlan, Launch, codes};
use crate::diagnostic::Diagnostic;
use crate::vit::{Activation, Halves};

/// Rows or columns that 16 bytes hold.
const PIECE: u64 = 8;
/// Most row tiles that go through all columns together.
const GROUP: u64 = 8;
/// Largest outputs and inputs: products of a size and a tile stay within 32 bits.
const LARGEST: u64 = 1 << 20;

/// A matrix product and what is done with its result.
#[derive(Clone, Debug, PartialEq)]
pub struct Gemm {
    /// What it does in the model, such as `fc1`.
    pub name: &'static str,
    /// Rows of one image, for the choice of tiles.
    pub rows_per_image: u64,
    /// Columns of x.
    pub inputs: u64,
    /// Groups of equal size that these are padded in, such as heads; 1 where there are none.
    pub input_groups: u64,
    /// Columns of the result. With heads, `parts * heads * head_dim`.
    pub outputs: u64,
    /// What follows.
    pub epilogue: Epilogue,
    /// Where x comes from.
    pub source: Source,
    /// What the result's elements are: bf16, or what [`KernelPlan::over`] says in its place, or `float` behind
    /// [`Epilogue::Bias`].
    pub out: Dtype,
}

/// Where the rows of x come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// A matrix.
    #[default]
    Rows,
    /// A matrix whose rows the product is to see layer-normed: the norm's gain is folded into W, and the mean and the
    /// deviation of each row come off the sums.
    Normed,
    /// A matrix for each of so many heads: each reads its own and makes its own columns of the result.
    Heads(u64),
    /// The patches of images, read where they lie.
    Images(Images),
}

/// What is fused into a product, always behind a bias; a model without one passes zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epilogue {
    /// Nothing more.
    Bias,
    /// The MLP's activation. With [`Activation::SwiGlu`], W holds the gate's rows above those that it gates.
    Activation(Activation),
    /// A residual is added, after a scale for each column (LayerScale) where there is one.
    Residual {
        /// Whether there is one.
        layer_scale: bool,
    },
    /// The result is laid out as parts (query, key, value) x images x heads x tokens x head, the head padded.
    Heads {
        /// 3, or fewer.
        parts: u64,
        /// Heads of a part.
        heads: u64,
        /// Size of a head.
        head_dim: u64,
        /// Tokens of an image.
        tokens: u64,
    },
    /// The position of a patch is added, if it has one, and the result is the token of the patch, behind the image's first
    /// tokens; these are written beside it.
    Tokens {
        /// Tokens before the patches'.
        prefix: u64,
        /// Whether patches have positions that are added.
        positions: bool,
    },
}

/// The size that is stored: the next multiple of 8 elements, 16 bytes.
pub(super) const fn stored(size: u64) -> u64 {
    size.next_multiple_of(PIECE)
}

impl Gemm {
    /// The product of a matrix, in bf16 until the plan is for other floats.
    pub const fn new(name: &'static str, rows_per_image: u64, [inputs, outputs]: [u64; 2], epilogue: Epilogue) -> Self {
        let source = Source::Rows;
        Self { name, rows_per_image, inputs, input_groups: 1, outputs, epilogue, source, out: Dtype::Bf16 }
    }

    /// The plan with the tile that costs least, or the size for which there is none.
    pub fn plan(&self) -> Result<KernelPlan, Diagnostic> {
        self.plan_at(&BATCHES)
    }

    /// The same where it is chosen for batches of so many images.
    pub(super) fn plan_at(&self, batches: &[u64]) -> Result<KernelPlan, Diagnostic> {
        self.check()?;
        let tile = cheapest_tile(&self.product(), batches).ok_or_else(|| self.no_kernel("the sizes"))?;
        Ok(self.with(&tile))
    }

    /// The plan with a tile of one's own, or why it is not legal.
    pub fn plan_with(&self, tile: &Tile) -> Result<KernelPlan, Diagnostic> {
        self.check()?;
        if !self.product().allows(tile) {
            return Err(self.no_kernel("such a tile"));
        }
        Ok(self.with(tile))
    }

    fn check(&self) -> Result<(), Diagnostic> {
        for (what, size) in [("inputs", self.inputs), ("outputs", self.outputs), ("rows", self.rows_per_image)] {
            if size == 0 || size > LARGEST {
                return Err(self.no_kernel(&format!("{size} {what}")));
            }
        }
        if self.input_groups == 0 || !self.inputs.is_multiple_of(self.input_groups) {
            return Err(self.no_kernel(&format!("{} groups of inputs", self.input_groups)));
        }
        if let Epilogue::Heads { parts, heads, head_dim, tokens } = self.epilogue {
            let product = [parts, heads, head_dim].into_iter().try_fold(1, u64::checked_mul);
            if product != Some(self.outputs) || tokens == 0 {
                return Err(self.no_kernel(&format!("{parts} x {heads} heads of {head_dim}")));
            }
        }
        let tokens = matches!(self.epilogue, Epilogue::Tokens { .. });
        let fits = match self.source {
            Source::Rows | Source::Normed => !tokens,
            Source::Heads(heads) => self.epilogue == Epilogue::Bias && heads > 0 && self.outputs.is_multiple_of(heads),
            Source::Images(images) => {
                tokens && self.inputs == images.numbers() && self.rows_per_image == images.patches()
            }
        };
        let grouped = self.input_groups > 1 && self.source != Source::Rows;
        let float = self.out != Dtype::Bf16 && self.epilogue != Epilogue::Bias;
        if !fits || grouped || float {
            return Err(self.no_kernel("such an epilogue behind such rows"));
        }
        Ok(())
    }

    fn no_kernel(&self, what: &str) -> Diagnostic {
        Diagnostic::error(codes::GEMM, format!("no matrix product `{}` is written for {what}", self.name))
            .help(format!("choose sizes from 1 to {LARGEST}"))
    }

    /// Columns of W, the padding included.
    const fn stored_inputs(&self) -> u64 {
        self.input_groups * stored(self.inputs / self.input_groups)
    }

    /// Rows of W, the padding included.
    fn stored_outputs(&self) -> u64 {
        match self.epilogue {
            Epilogue::Activation(Activation::SwiGlu) => 2 * stored(self.outputs),
            Epilogue::Heads { parts, heads, head_dim, .. } => parts * heads * stored(head_dim),
            _ => self.heads() * stored(self.outputs / self.heads()),
        }
    }

    /// Heads that have a matrix of their own; 1 where there is one matrix.
    const fn heads(&self) -> u64 {
        match self.source {
            Source::Heads(heads) => heads,
            _ => 1,
        }
    }

    fn product(&self) -> Product {
        let paired = self.epilogue == Epilogue::Activation(Activation::SwiGlu);
        Product {
            rows: self.rows_per_image,
            columns: self.stored_outputs() / self.heads(),
            depth: self.stored_inputs(),
            paired,
            moved: if matches!(self.epilogue, Epilogue::Residual { .. }) { 4 } else { self.out.bytes() },
            groups: self.heads(),
            bands: match self.source {
                Source::Images(images) => Some(Bands::of(&images)),
                _ => None,
            },
        }
    }

    fn with(&self, tile: &Tile) -> KernelPlan {
        let (n, k) = (self.stored_outputs(), self.stored_inputs());
        let product = self.product();
        let columns = product.columns.div_ceil(tile.columns()) * product.groups;
        let mut constants = vec![
            ("N", n),
            ("K", k),
            ("BLOCK_M", tile.rows()),
            ("BLOCK_N", tile.columns()),
            ("BLOCK_K", tile.depth),
            ("WARPS_M", tile.warps_m),
            ("WARPS_N", tile.warps_n),
            ("STAGES", tile.stages),
            ("RESIDENT", product.resident(tile)),
            ("COLUMN_TILES", columns),
            ("GROUP", group(&product, tile, columns, self.out.bytes())),
        ];
        let mut entry = format!("sovit_{}_n{n}_k{k}", self.name);
        let (mut rows_multiple, mut layout) = (1, "rows");
        let (mut residual, mut gamma) = ("none", "none");
        let (mut activation, mut position) = ("none", "none");
        match self.epilogue {
            Epilogue::Bias => {}
            Epilogue::Activation(kind) => {
                activation = kind.name();
                entry = format!("{entry}_{activation}");
            }
            Epilogue::Residual { layer_scale } => {
                residual = "added";
                if layer_scale {
                    gamma = "layer_scale";
                }
            }
            Epilogue::Heads { parts, heads, head_dim, tokens } => {
                constants.extend([("PARTS", parts), ("HEADS", heads), ("HEAD", stored(head_dim))]);
                constants.extend([("HEAD_DIM", head_dim), ("TOKENS", tokens)]);
                entry = format!("{entry}_h{heads}_t{tokens}");
                (layout, rows_multiple) = ("heads", tokens);
            }
            Epilogue::Tokens { prefix, positions } => {
                if positions {
                    position = "added";
                }
                constants.extend([("PREFIX", prefix), ("PATCHES", self.rows_per_image)]);
                (layout, rows_multiple) = ("tokens", self.rows_per_image);
            }
        }
        let mut x = "rows";
        let mut choices = Vec::new();
        let mut read = 2 * k;
        match self.source {
            Source::Rows => {}
            Source::Normed => {
                entry = format!("{entry}_normed");
                (x, read) = ("normed", 2 * k + STATISTICS);
            }
            Source::Heads(heads) => {
                constants.extend([("HEADS", heads), ("HEAD", n / heads), ("HEAD_TILES", columns / heads)]);
                entry = format!("{entry}_h{heads}");
                (x, read) = ("heads", 2 * k * heads);
            }
            Source::Images(images) => {
                let (pixels, order) = (images.pixels, images.layout);
                constants.extend(images.constants());
                constants.extend(Bands::of(&images).constants(tile));
                entry = format!("{entry}_p{}_{}_{}", images.patch, pixels.name(), order.name());
                choices.extend([("pixels", pixels.name()), ("order", order.name())]);
                (x, read) = ("image", pixels.bytes() * images.numbers());
            }
        }
        let out = if self.out == Dtype::F32 { "float" } else { "bf16" };
        choices.extend([("activation", activation), ("residual", residual), ("gamma", gamma), ("layout", layout)]);
        choices.extend([("position", position), ("x", x), ("out", out)]);
        let owned = |(name, value): (&str, u64)| (name.to_owned(), value);
        let outputs = if product.paired { n / 2 } else { n };
        let residuals = if residual == "none" { 0 } else { 2 * outputs };
        let arguments = self.arguments();
        let bytes_of_weights = Argument::bytes_of_shared(&arguments);
        KernelPlan {
            name: self.name.to_owned(),
            template: "gemm".to_owned(),
            entry,
            instead_of: None,
            halves: Halves::default(),
            constants: constants.into_iter().map(owned).collect(),
            reals: Vec::new(),
            choices: choices.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            launch: Launch {
                threads: tile.threads(),
                rows_per_block: tile.rows(),
                blocks_per_band: columns,
                rows_multiple,
                shared_bytes: product.shared_bytes(tile),
            },
            arguments,
            flops_per_row: 2 * n * k,
            scalar_flops_per_row: 0,
            bytes_per_row: read + self.out.bytes() * outputs + residuals,
            bytes_of_weights,
        }
    }

    fn arguments(&self) -> Vec<Argument> {
        let size = Extent::Size;
        // The columns of x and W, then the rows of W and the columns of the result: as they are stored and used.
        let group = self.inputs / self.input_groups;
        let columns = |group| {
            let groups = (self.input_groups > 1).then_some(size(self.input_groups));
            groups.into_iter().chain([size(group)]).collect::<Vec<Extent>>()
        };
        let heads = self.heads();
        let apart = move |outputs: u64| {
            let heads = (heads > 1).then_some(size(heads));
            heads.into_iter().chain([size(outputs)]).collect::<Vec<Extent>>()
        };
        let own = self.outputs / heads;
        let (rows, used): (Vec<Extent>, Vec<Extent>) = match self.epilogue {
            Epilogue::Activation(Activation::SwiGlu) => {
                (vec![size(2), size(stored(self.outputs))], vec![size(2), size(self.outputs)])
            }
            Epilogue::Heads { parts, heads, head_dim, .. } => {
                (vec![size(parts), size(heads), size(stored(head_dim))], vec![size(parts), size(heads), size(head_dim)])
            }
            _ => (apart(stored(own)), apart(own)),
        };
        let table = |name: &str| Argument::new(name, Dtype::F32, rows.clone(), Access::Read);
        let behind = |first: &[Extent], last: Vec<Extent>| [first, &last].concat();
        let matrix = |name: &str, access| {
            let dtype = if access == Access::Write { self.out } else { Dtype::Bf16 };
            let (shape, used) = (apart(stored(own)), apart(own));
            Argument::new(name, dtype, behind(&[Extent::ROWS], shape), access).padded(behind(&[Extent::ROWS], used))
        };
        let wide = |name: &str, rows: &[Extent], used: &[Extent]| {
            let shape = behind(rows, columns(stored(group)));
            Argument::new(name, Dtype::Bf16, shape, Access::Read).padded(behind(used, columns(group)))
        };
        let of_head = if heads > 1 { vec![Extent::ROWS, size(heads)] } else { vec![Extent::ROWS] };
        let mut arguments = match self.source {
            Source::Images(images) => vec![images.argument()],
            _ => vec![wide("x", &of_head, &of_head)],
        };
        if self.source == Source::Normed {
            arguments.push(Argument::statistics(Access::Read));
        }
        arguments.push(wide("weight", &rows, &used));
        if self.source == Source::Normed {
            arguments.push(table("sums").padded(used.clone()));
        }
        arguments.push(table("bias").padded(used.clone()));
        match self.epilogue {
            Epilogue::Residual { layer_scale } => {
                if layer_scale {
                    arguments.push(table("gamma").padded(used.clone()));
                }
                arguments.push(matrix("residual", Access::Read));
            }
            Epilogue::Tokens { prefix, positions } => {
                let tokens = |name: &str, count: u64| {
                    let shape = behind(&[size(count)], rows.clone());
                    Argument::new(name, Dtype::F32, shape, Access::Read).padded(behind(&[size(count)], used.clone()))
                };
                if positions {
                    arguments.push(tokens("position", self.rows_per_image));
                }
                if prefix > 0 {
                    arguments.push(tokens("prefix", prefix));
                }
            }
            _ => {}
        }
        arguments.push(match self.epilogue {
            Epilogue::Heads { parts, heads, head_dim, tokens } => {
                let extents = |head| [size(parts), Extent::IMAGES, size(heads), size(tokens), size(head)];
                Argument::new("out", Dtype::Bf16, extents(stored(head_dim)), Access::Write).padded(extents(head_dim))
            }
            Epilogue::Tokens { prefix, .. } => {
                let tokens = self.rows_per_image.saturating_add(prefix);
                let extents = |columns| [Extent::IMAGES, size(tokens), size(columns)];
                let out = Argument::new("out", Dtype::Bf16, extents(stored(self.outputs)), Access::Write);
                out.padded(extents(self.outputs))
            }
            _ => matrix("out", Access::Write),
        });
        if let Source::Images(images) = self.source {
            arguments
                .extend(images.strides().iter().map(|name| Argument::new(name, Dtype::U32, Vec::new(), Access::Read)));
        }
        arguments.push(Argument::rows());
        arguments
    }
}

/// Row tiles that go through all columns together: the most with which the L2 cache of every GPU holds what the blocks that
/// run at a time read and write, so that W stays from one such wave to the next; [`GROUP`] where it holds that with none.
fn group(product: &Product, tile: &Tile, columns: u64, out: u64) -> u64 {
    let x = 2 * tile.rows() * product.depth * product.groups;
    let w = 2 * product.columns * product.depth * product.groups;
    // Residuals lie where the results go.
    let out = out * tile.rows() * tile.columns();
    let fits = |group: &u64| {
        GPUS.iter().all(|gpu| {
            let blocks = gpu.sms * product.resident_on(tile, gpu);
            // A wave may begin and end amid groups.
            let row_tiles = group * (blocks.div_ceil(group * columns) + 1);
            row_tiles * x + w + blocks * out <= gpu.cache
        })
    };
    [GROUP, GROUP / 2, GROUP / 4, 1].into_iter().find(fits).unwrap_or(GROUP)
}

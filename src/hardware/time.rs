//! How long operations take: a roofline with the quantisation of tiles and waves, and what a library pads.
//!
//! A product is cut into tiles, tiles are dealt to the units in waves, and a wave costs its main loop and a constant.
//! Libraries choose the tile and may share the last wave out evenly (stream-K), so the least of both is taken.
//! Attention works on tiles of 128 queries and 128 keys of a padded head: the exponentials of a tile and its products
//! do not overlap, and a row of tiles costs one tile more.
//! Neither a byte nor a FLOP is faster than the device's data sheet: [`Timer::bound`].
//!
//! Passes that the device's users measured scale what comes out, fused operations of theirs included; a whole pass is
//! not faster than its FLOPs at the peak.

use serde::Serialize;

use super::{Constants, Device, Operation, Part, Pass};

/// A library's attention, by what it pads heads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttentionLibrary {
    /// FlashAttention 2, PyTorch's default: heads of 32, 64, 96, 128, 192 and 256.
    #[default]
    Flash,
    /// FlashAttention 3: heads of 64, 96, 128, 192 and 256.
    Flash3,
    /// cuDNN: heads of 64, 128, 192 and 256, as measured on an H200.
    #[serde(rename = "cudnn")]
    CuDnn,
    /// Triton kernels: powers of two.
    Triton,
}

impl AttentionLibrary {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 4] =
        [("flash", Self::Flash), ("flash3", Self::Flash3), ("cudnn", Self::CuDnn), ("triton", Self::Triton)];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flash => "flash",
            Self::Flash3 => "flash3",
            Self::CuDnn => "cudnn",
            Self::Triton => "triton",
        }
    }

    /// Whether it has kernels for a head size; measured of cuDNN in PyTorch, whose FlashAttention 2 copies odd heads
    /// into padded ones.
    pub const fn takes(self, head: u64) -> bool {
        match self {
            Self::Flash | Self::Triton => true,
            Self::Flash3 | Self::CuDnn => head.is_multiple_of(8),
        }
    }

    /// The head size that it computes with.
    pub fn padded(self, head: u64) -> u64 {
        let sizes: &[u64] = match self {
            Self::Flash => &[32, 64, 96, 128, 192, 256],
            Self::Flash3 => &[64, 96, 128, 192, 256],
            Self::CuDnn => &[64, 128, 192, 256],
            Self::Triton => &[16, 32, 64, 128, 256],
        };
        sizes.iter().copied().find(|&size| size >= head).unwrap_or_else(|| head.next_multiple_of(256))
    }
}

/// Who queues kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Launch {
    /// A CUDA graph, or a device that is always ahead: no kernel waits for the host.
    #[default]
    Graph,
    /// The host queues every kernel, which takes it a while.
    Eager,
}

/// Tells times on one device.
#[derive(Clone, Debug)]
pub struct Timer<'a> {
    device: &'a Device,
    constants: Constants,
    peak: f64,
    library: AttentionLibrary,
    launch: Launch,
    /// How many times the model's seconds work and overhead were measured to take.
    factors: (f64, f64),
    tiles: [Tile; TILES.len()],
}

/// A tile of a product.
#[derive(Clone, Copy, Debug)]
struct Tile {
    rows: u64,
    outputs: u64,
    /// Seconds of its main loop for each number that is summed over.
    seconds: f64,
}

/// A part with its time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TimedPart {
    /// The part.
    #[serde(flatten)]
    pub part: Part,
    /// Seconds of all its runs.
    pub seconds: f64,
    /// Seconds below which the data sheet lets none of it end.
    pub bound: f64,
}

/// A pass with its time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Seconds of the pass.
    pub seconds: f64,
    /// FLOPs asked for, over what the device could do in that time.
    pub utilisation: f64,
    /// Its parts.
    pub parts: Vec<TimedPart>,
}

/// Sides of a product's tiles that libraries have.
const TILES: [(u64, u64); 10] =
    [(256, 128), (128, 256), (128, 192), (192, 128), (128, 128), (128, 64), (64, 128), (64, 64), (64, 256), (256, 64)];
/// Harmonic side `1 / (1/m + 1/n)` of the largest tile, which sets how often operands are read.
const LARGEST: f64 = 128.0 * 256.0 / (128.0 + 256.0);
/// How a tile's rate falls with its harmonic side: chosen, and the constants of a device are fitted around it.
const TILE_EXPONENT: f64 = 0.2;
/// Numbers of a row that one step of the main loop takes.
const STEP: u64 = 64;
/// Queries and keys of a tile of attention.
const ATTENTION_TILE: u64 = 128;
/// Attention's backward pass over its forward one: chosen by the training rows of an H200 and an H100.
const ATTENTION_BACKWARD: f64 = 4.2;
/// Rows that are aligned to 4 bytes only, and to 2: how much longer a product takes, as measured on an H200.
const MISALIGNED: (f64, f64) = (3.9, 7.5);
/// Share of the bandwidth at which heads of odd sizes are copied into padded ones.
const PADDING: f64 = 0.3;

impl<'a> Timer<'a> {
    /// A timer of a pass on a device by its peak in `format`; none where it has no such rate.
    pub fn new(
        device: &'a Device,
        format: &str,
        library: AttentionLibrary,
        launch: Launch,
        pass: Pass,
    ) -> Option<Self> {
        let peak = device.rate(format)?;
        let constants = device.constants();
        let rate = peak / device.units as f64 * constants.product;
        let tiles = TILES.map(|(rows, outputs)| {
            let (m, n) = (rows as f64, outputs as f64);
            let slower = (m * n / (m + n) / LARGEST).powf(TILE_EXPONENT);
            Tile { rows, outputs, seconds: 2.0 * m * n / (rate * slower) }
        });
        let factors = device.own.get(pass).map_or((1.0, 1.0), |own| (own.work, own.overhead));
        Some(Self { device, constants, peak, library, launch, factors, tiles })
    }

    /// What a pass takes.
    pub fn predict(&self, parts: &[Part]) -> Prediction {
        let flops = flops(parts);
        let mut parts: Vec<TimedPart> = parts
            .iter()
            .map(|part| {
                let count = part.count as f64;
                let seconds = count * self.seconds(&part.operation);
                TimedPart { part: *part, seconds, bound: count * self.bound(&part.operation) }
            })
            .collect();
        let modelled: f64 = parts.iter().map(|part| part.seconds).sum();
        let seconds = modelled.max(flops / self.peak);
        for part in &mut parts {
            part.seconds *= seconds / modelled;
        }
        Prediction { seconds, utilisation: flops / (seconds * self.peak), parts }
    }

    /// Seconds that no pass of parts as large goes below: as predicted, were every size aligned. It grows with every
    /// size.
    pub fn least(&self, parts: &[Part]) -> f64 {
        let seconds: f64 = parts.iter().map(|part| part.count as f64 * self.time(&part.operation, false)).sum();
        seconds.max(self.peak_seconds(parts))
    }

    /// Seconds of a pass by the model alone: of the work of its kernels, and of what they take however small they are.
    pub fn modelled(&self, parts: &[Part]) -> (f64, f64) {
        parts.iter().fold((0.0, 0.0), |(work, overhead), part| {
            let count = part.count as f64;
            (work + count * self.work(&part.operation, true), overhead + count * self.constants.latency)
        })
    }

    /// Seconds that the FLOPs of a pass take at the peak.
    pub fn peak_seconds(&self, parts: &[Part]) -> f64 {
        flops(parts) / self.peak
    }

    /// Seconds of one operation.
    pub fn seconds(&self, operation: &Operation) -> f64 {
        self.time(operation, true)
    }

    fn time(&self, operation: &Operation, real: bool) -> f64 {
        let c = &self.constants;
        let (work, overhead) = self.factors;
        let device = work * self.work(operation, real) + overhead * c.latency;
        match self.launch {
            Launch::Graph => device,
            Launch::Eager => device.max(c.host),
        }
    }

    /// Seconds of an operation's work by the model alone.
    fn work(&self, operation: &Operation, real: bool) -> f64 {
        let c = &self.constants;
        let moved = |share: f64| operation.bytes() / (self.device.bandwidth * share);
        match *operation {
            Operation::Product { rows, outputs, inputs } => {
                self.product(rows, outputs, inputs, real).max(moved(c.product_bandwidth))
            }
            Operation::Attention { heads, tokens, head } => {
                self.attention(heads, tokens, head, real).max(moved(c.bandwidth))
            }
            Operation::AttentionBackward { heads, tokens, head } => {
                (ATTENTION_BACKWARD * self.attention(heads, tokens, head, real)).max(moved(c.bandwidth))
            }
            Operation::Norm { rows, .. } => moved(c.norm) + rows as f64 * c.norm_row,
            Operation::Activation { .. } => moved(c.activation),
            Operation::Sum { .. } => moved(c.bandwidth),
        }
    }

    /// Seconds below which the data sheet lets no operation end: its FLOPs at the peak, or its bytes at the bandwidth.
    /// It grows with every size.
    pub fn bound(&self, operation: &Operation) -> f64 {
        (operation.flops() / self.peak).max(operation.bytes() / self.device.bandwidth)
    }

    fn product(&self, rows: u64, outputs: u64, inputs: u64, real: bool) -> f64 {
        let units = self.device.units as f64;
        let depth = inputs.next_multiple_of(STEP) as f64;
        let best = self.tiles.iter().fold(f64::INFINITY, |best, tile| {
            let tiles = rows.div_ceil(tile.rows).saturating_mul(outputs.div_ceil(tile.outputs));
            let main = tile.seconds * depth;
            let (waves, tiles) = (tiles.div_ceil(self.device.units) as f64, tiles as f64);
            let whole = waves * (main + self.constants.wave);
            // The last wave shared out among all units, at the price of one more constant.
            let shared = tiles / units * main + (waves + 1.0) * self.constants.wave;
            best.min(whole).min(shared)
        });
        let aligned = |numbers: u64| (2 * numbers).is_multiple_of(self.device.alignment.min(16));
        let misaligned =
            match (!real || aligned(inputs) && aligned(outputs), inputs.is_multiple_of(2) && outputs.is_multiple_of(2))
            {
                (true, _) => 1.0,
                (false, true) => MISALIGNED.0,
                (false, false) => MISALIGNED.1,
            };
        best * misaligned
    }

    fn attention(&self, heads: u64, tokens: u64, head: u64, real: bool) -> f64 {
        let share = match self.library {
            AttentionLibrary::Flash | AttentionLibrary::Triton => self.constants.flash,
            AttentionLibrary::Flash3 | AttentionLibrary::CuDnn => self.constants.cudnn,
        };
        let units = self.device.units as f64;
        let scores = (ATTENTION_TILE * ATTENTION_TILE) as f64;
        let exponentials = match self.device.exponentials {
            0 => 0.0,
            per_clock => scores / (per_clock as f64 * self.device.clock),
        };
        let products = 4.0 * scores * self.library.padded(head) as f64 / (self.peak / units * share);
        let side = tokens.div_ceil(ATTENTION_TILE) as f64;
        let waves = (heads as f64 * side / units).ceil();
        let copied = if head.is_multiple_of(8) || !real {
            0.0
        } else {
            // Queries, keys, values and the output, read and written.
            2.0 * 4.0 * 2.0 * heads as f64 * tokens as f64 * head as f64 / (self.device.bandwidth * PADDING)
        };
        waves * (side + 1.0) * (exponentials + products) + copied
    }
}

/// FLOPs of a pass.
fn flops(parts: &[Part]) -> f64 {
    parts.iter().map(|part| part.operation.flops() * part.count as f64).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hardware::{Calibration, Calibrations, device, devices, forward};
    use crate::vit::{Architecture, Shape, named};

    fn timer(name: &str, library: AttentionLibrary) -> Timer<'static> {
        Timer::new(device(name).unwrap(), "bf16", library, Launch::Graph, Pass::Inference).unwrap()
    }

    #[test]
    fn libraries_pad_heads_as_they_are_built() {
        let padded = |head| AttentionLibrary::ALL.map(|(_, library)| library.padded(head));
        assert_eq!(padded(64), [64, 64, 64, 64]);
        assert_eq!(padded(72), [96, 96, 128, 128]);
        assert_eq!(padded(104), [128, 128, 128, 128]);
        assert_eq!(padded(300), [512; 4]);
    }

    /// A 257th token opens a row and a column of tiles.
    #[test]
    fn one_token_more_than_a_tile_costs_a_tile() {
        let timer = timer("h200", AttentionLibrary::CuDnn);
        let time = |tokens| timer.seconds(&Operation::Attention { heads: 1024, tokens, head: 64 });
        assert!(time(257) / time(256) > 1.8, "{}", time(257) / time(256));
        assert_eq!(time(257), time(384));
    }

    #[test]
    fn a_patch_row_of_588_values_is_misaligned() {
        let timer = timer("h200", AttentionLibrary::Flash);
        let time = |inputs| timer.seconds(&Operation::Product { rows: 16384, outputs: 1152, inputs });
        assert!(time(588) > 3.0 * time(592));
    }

    #[test]
    fn a_larger_batch_takes_longer_and_gives_more() {
        let vit = named("sovit_400m14").unwrap().vit();
        for device in devices() {
            let timer = Timer::new(device, "bf16", AttentionLibrary::Flash, Launch::Eager, Pass::Inference).unwrap();
            let time = |batch| timer.predict(&forward(&vit, batch)).seconds;
            let (one, many) = (time(1), time(64));
            assert!(one < many && many < 64.0 * one, "{}: {one} {many}", device.name);
        }
    }

    proptest! {
        /// What prunes a search: no larger shape is faster than this.
        #[test]
        fn the_least_time_grows_with_every_size(
            device in 0usize..14, library in 0usize..4, batch in 1u64..65, width in 1u64..200, depth in 1u64..40,
            mlp_dim in 1u64..9000, wider in 0u64..9, deeper in 0u64..3, more in 0u64..300,
            own in proptest::option::of((0.0..3.0f64, 0.0..9.0f64)),
        ) {
            let library = AttentionLibrary::ALL[library].1;
            let inference = own.map(|(work, overhead)| {
                Calibration { work, overhead, passes: 3, within: 0.1, device: "own".to_owned(), source: "s".to_owned() }
            });
            let device = (*devices()[device]).clone();
            let device = Device { own: Calibrations { inference, training: None }, ..device };
            let timer = Timer::new(&device, "bf16", library, Launch::Graph, Pass::Inference).unwrap();
            let architecture = Architecture { heads: 16, ..Architecture::default() };
            let vit = |width, depth, mlp_dim| architecture.with(Shape { width: 16 * width, depth, mlp_dim }).unwrap();
            let least = timer.least(&forward(&vit(width, depth, mlp_dim), batch));
            let larger = forward(&vit(width + wider, depth + deeper, mlp_dim + more), batch);
            prop_assert!(least <= timer.least(&larger) * (1.0 + 1e-12));
            prop_assert!(least <= timer.predict(&larger).seconds * (1.0 + 1e-12));
        }

        /// The data sheet's bound is one, whatever the model says of overheads.
        #[test]
        fn nothing_is_faster_than_the_data_sheet(
            index in 0usize..14, rows in 1u64..40_000, outputs in 1u64..9000, inputs in 1u64..9000, heads in 1u64..2000,
        ) {
            let device = &devices()[index];
            let timer = Timer::new(device, "bf16", AttentionLibrary::CuDnn, Launch::Graph, Pass::Inference).unwrap();
            for operation in [
                Operation::Product { rows, outputs, inputs },
                Operation::Attention { heads, tokens: inputs, head: 64 },
                Operation::AttentionBackward { heads, tokens: inputs, head: 72 },
                Operation::Norm { rows, width: inputs, arrays: 2 },
            ] {
                let (seconds, bound) = (timer.seconds(&operation), timer.bound(&operation));
                prop_assert!(seconds >= bound && seconds.is_finite(), "{operation:?}: {seconds} {bound}");
            }
        }
    }
}

//! Every operator at the sizes that kernels are held to, over every number of tokens and several batches: the tiles at the
//! corners and the ends of a launch, beside R, double precision, and B, the same with sums in `float` and each result
//! rounded. In every other case inputs have channels that are much larger than the rest.

use std::collections::BTreeSet;

use sovitc::emit::kernel_source;
use sovitc::kernel::{
    Attention, Epilogue, Gemm, Images, KernelPlan, Source, attention, layernorm, layernorm_residual, products,
};
use sovitc::verify::{Argument, Case as _, Embedding, Heads, Norm, ORDERS, Product, Program, halves};
use sovitc::vit::{Architecture, Half, ImageFormat, Shape, Vit};

use crate::held::{SHAPES, on_every_core};
use crate::{compiled, support};

/// Tokens of an image, the side of its grid of patches, and registers beside a class token, where it has one.
const TOKENS: [(u64, u64, Option<u64>); 9] = [
    (49, 7, None),
    (196, 14, None),
    (197, 14, Some(0)),
    (256, 16, None),
    (257, 16, Some(0)),
    (261, 16, Some(4)),
    (576, 24, None),
    (729, 27, None),
    (1024, 32, None),
];

/// Of all cases each so many is run, and of large ones where `tests/run --full` asks for all others.
const SAMPLED: [usize; 2] = [13, 5];

/// Elements of a launch's rows beyond which it is large.
const LARGE: u64 = 1 << 19;

/// Rows and columns of the blocks in which errors are looked at apart.
const BLOCK: usize = 16;

/// An operator of a model, and a batch.
struct Case {
    vit: Vit,
    operator: &'static str,
    images: usize,
    has_outliers: bool,
    /// What is put in the place of something in the source.
    fault: Option<(&'static str, &'static str)>,
}

fn model([width, depth, mlp_dim, heads]: [u64; 4], (tokens, side, prefix): (u64, u64, Option<u64>)) -> Vit {
    let mut base = Architecture { image: 14 * side, heads, class_token: prefix.is_some(), ..Architecture::default() };
    base.variant.registers = prefix.unwrap_or(0);
    let vit = base.with(Shape { width, depth, mlp_dim }).unwrap();
    assert_eq!(attention(&vit).tokens, tokens);
    vit
}

const OPERATORS: [&str; 8] =
    ["patch_embedding", "layernorm", "layernorm_residual", "qkv", "attention", "projection", "fc1", "fc2"];

fn cases() -> Vec<Case> {
    let mut list = Vec::new();
    for (shape, tokens, images) in SHAPES
        .into_iter()
        .flat_map(|shape| TOKENS.into_iter().flat_map(move |tokens| [1, 2, 3].map(|images| (shape, tokens, images))))
    {
        let vit = model(shape, tokens);
        for operator in OPERATORS {
            let has_outliers = list.len() % 2 == 1;
            list.push(Case { vit, operator, images, has_outliers, fault: None });
        }
    }
    list
}

/// A result at some places, beside its references.
#[derive(Default)]
struct Seen {
    /// Row, column, and K, B and R.
    list: Vec<(usize, usize, [f64; 3])>,
}

impl Seen {
    /// Holds what was seen to the tolerance of the kernel: all of it, and the rows and columns of each block.
    fn check(&self, plan: &KernelPlan) -> Result<(), String> {
        let tolerance = plan.tolerance();
        // Twice what rounding makes and half a step of the largest: the manifest says no more, whatever is changed.
        assert_eq!([tolerance.rounding, tolerance.size, tolerance.rms], [2.0, 2.0_f64.powi(-8), 1.25]);
        if let Some((row, column, [own, ..])) = self.list.iter().find(|(.., [own, ..])| !own.is_finite()) {
            return Err(format!("row {row}, column {column} is {own}"));
        }
        let mut parts: Vec<(String, Vec<[f64; 3]>)> = vec![("all".to_owned(), Vec::new())];
        let rows = self.list.iter().map(|seen| seen.0 / BLOCK).collect::<BTreeSet<_>>();
        let columns = self.list.iter().map(|seen| seen.1 / BLOCK).collect::<BTreeSet<_>>();
        let first_column = 1 + rows.len();
        parts.extend(rows.iter().map(|block| (format!("rows from {}", BLOCK * block), Vec::new())));
        parts.extend(columns.iter().map(|block| (format!("columns from {}", BLOCK * block), Vec::new())));
        let place = |set: &BTreeSet<usize>, block: usize| set.range(..block).count();
        let places = |set: &BTreeSet<usize>| set.iter().map(|&block| (block, place(set, block))).collect::<Vec<_>>();
        let (of_row, of_column) = (places(&rows), places(&columns));
        let find = |list: &[(usize, usize)], block: usize| list[list.partition_point(|own| own.0 < block)].1;
        for &(row, column, values) in &self.list {
            parts[0].1.push(values);
            parts[1 + find(&of_row, row / BLOCK)].1.push(values);
            parts[first_column + find(&of_column, column / BLOCK)].1.push(values);
        }
        for (what, values) in &parts {
            let most =
                |of: &dyn Fn(&[f64; 3]) -> f64| values.iter().map(of).fold(0.0, |most: f64, v| most.max(v.abs()));
            let (own, plain, size) = (most(&|v| v[0] - v[2]), most(&|v| v[1] - v[2]), most(&|v| v[2]));
            let limit = tolerance.rounding * plain + tolerance.size * size;
            if own > limit {
                return Err(format!("{what}: {own:.3e} off, not {limit:.3e}"));
            }
        }
        let rms = |at: usize| parts[0].1.iter().map(|v| (v[at] - v[2]).powi(2)).sum::<f64>().sqrt();
        let (own, plain) = (rms(0), rms(1));
        if own > tolerance.rms * plain {
            return Err(format!("the root mean square is {:.3} of that of rounding", own / plain));
        }
        Ok(())
    }
}

/// The halves of an argument.
fn list(argument: &Argument) -> Vec<u16> {
    let (Argument::Input(data) | Argument::Updated(data)) = argument else { panic!("it is no input") };
    halves(data)
}

fn floats(argument: &Argument) -> Vec<f32> {
    let Argument::Input(data) = argument else { panic!("it is no input") };
    data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// The same as floats.
fn widened(argument: &Argument) -> Vec<f32> {
    list(argument).iter().map(|&bits| Half::Bf16.widen(bits)).collect()
}

/// What a product of bytes of images multiplies: each less 128, by patch and the rows of its pixels, zeros behind them.
fn patches(images: &Images, count: usize, k: usize, plan: &KernelPlan, arguments: &[Argument]) -> Vec<f32> {
    let Argument::Input(bytes) = &arguments[0] else { panic!("images are an input") };
    let stride = |name: &str| {
        let at = plan.arguments.iter().position(|argument| argument.name == name).unwrap();
        let Argument::Scalar(stride) = arguments[at] else { panic!("a stride is a number") };
        stride as usize
    };
    let [of_image, of_row] = ["image_stride", "row_stride"].map(stride);
    let [grid, side, channels] = [images.grid, images.patch, images.channels].map(|size| size as usize);
    let mut x = vec![0.0; count * grid * grid * k];
    for (row, numbers) in x.chunks_mut(k).enumerate() {
        let (image, top, left) = (row / (grid * grid), row / grid % grid * side, row % grid * side);
        for (at, number) in numbers[..side * side * channels].iter_mut().enumerate() {
            let (y, within) = (at / (side * channels), at % (side * channels));
            let byte = bytes[image * of_image + (top + y) * of_row + left * channels + within];
            *number = f32::from(byte) - 128.0;
        }
    }
    x
}

/// Makes some columns of a matrix so many times as large.
fn enlarge(argument: &mut Argument, columns: usize, by: f32) {
    let half = Half::Bf16;
    let mut all = list(argument);
    for (at, bits) in all.iter_mut().enumerate() {
        if at % columns % 97 == 5 {
            *bits = half.narrow(f64::from(half.widen(*bits) * by));
        }
    }
    *argument = Argument::halves(&all);
}

/// GELU by its tangent.
fn gelu(v: f64) -> f64 {
    v / (1.0 + (-2.0 * (2.0 / std::f64::consts::PI).sqrt() * (v + 0.044715 * v.powi(3))).exp())
}

/// The first, one in the middle and the last.
fn ends(count: usize) -> BTreeSet<usize> {
    BTreeSet::from([0, count / 2, count - 1])
}

/// Blocks of the tiles at the corners of a product, at its edges and in its middle, with the row and the column of each.
fn corners(plan: &KernelPlan, blocks: u32, rows: usize) -> Vec<(u32, [usize; 2])> {
    let constant = |name: &str| plan.constant(name).unwrap() as usize;
    let (columns, group) = (constant("COLUMN_TILES"), constant("GROUP"));
    let row_tiles = rows.div_ceil(constant("BLOCK_M"));
    let (in_rows, in_columns) = (ends(row_tiles), ends(columns));
    let tile = |block: usize| {
        let first = block / (group * columns) * group;
        let (within, size) = (block % (group * columns), group.min(row_tiles - first));
        [first + within % size, within / size]
    };
    let all = (0..blocks).map(|block| (block, tile(block as usize)));
    let chosen: Vec<_> =
        all.filter(|(_, [row, column])| in_rows.contains(row) && in_columns.contains(column)).collect();
    assert_eq!(chosen.len(), in_rows.len() * in_columns.len());
    chosen
}

impl Case {
    fn rows(&self) -> usize {
        self.images * attention(&self.vit).tokens as usize
    }

    fn program(&self, plan: &KernelPlan) -> Program {
        let mut source = kernel_source(plan).unwrap();
        if let Some((right, wrong)) = self.fault {
            assert_eq!(source.matches(right).count(), 1, "`{right}` stands once in the source");
            source = source.replace(right, wrong);
        }
        compiled(plan, &source, &[])
    }

    fn check(&self) -> Result<(), String> {
        let (width, epsilon) = (self.vit.shape.width, self.vit.architecture.norm_epsilon);
        match self.operator {
            "layernorm" => self.norm(&layernorm(width, epsilon).unwrap(), false),
            "layernorm_residual" => self.norm(&layernorm_residual(width, epsilon).unwrap(), true),
            "attention" => self.attention(attention(&self.vit)),
            name => {
                let all = products(&self.vit, ImageFormat::default());
                self.product(all.iter().find(|gemm| gemm.name == name).unwrap())
            }
        }
    }

    fn product(&self, gemm: &Gemm) -> Result<(), String> {
        let plan = gemm.plan().unwrap();
        let [columns, k] = ["N", "K"].map(|name| plan.constant(name).unwrap() as usize);
        let images = if let Source::Images(images) = gemm.source { Some(images) } else { None };
        let rows = images.map_or_else(|| self.rows(), |images| self.images * images.patches() as usize);
        let mut arguments = match images {
            Some(images) => Embedding::new(images, &plan, self.images, 0).arguments(),
            None => Product::new(gemm, &plan, rows, 0).arguments(),
        };
        if self.has_outliers && images.is_none() {
            enlarge(&mut arguments[0], k, 32.0);
        }
        let program = self.program(&plan);
        let chosen = corners(&plan, program.blocks(rows as u32), rows);
        let blocks: Vec<u32> = chosen.iter().map(|(block, _)| *block).collect();
        let filled = program.run_blocks(rows as u32, ORDERS[0], &arguments, &blocks).map_err(|e| e.to_string())?;
        let (half, out) = (Half::Bf16, halves(&filled[0]));
        let number = |name: &str| plan.arguments.iter().position(|argument| argument.name == name);
        let [residual, position] = ["residual", "position"].map(|name| number(name).map(|at| &arguments[at]));
        let (residual, position) = (residual.map(list), position.map(floats));
        let (weight, bias) = (widened(&arguments[1]), floats(&arguments[2]));
        let x = match images {
            Some(images) => patches(&images, self.images, k, &plan, &arguments),
            None => widened(&arguments[0]),
        };
        let place = |row: usize, column: usize| match gemm.epilogue {
            Epilogue::Heads { heads, tokens, .. } => {
                let (heads, tokens) = (heads as usize, tokens as usize);
                let head = plan.constant("HEAD").unwrap() as usize;
                let of_part = (column / (heads * head) * self.images + row / tokens) * heads + column / head % heads;
                (of_part * tokens + row % tokens) * head + column % head
            }
            Epilogue::Tokens { prefix, .. } => {
                let of_image = rows / self.images;
                (row / of_image * (prefix as usize + of_image) + prefix as usize + row % of_image) * columns + column
            }
            _ => row * columns + column,
        };
        let mut seen = Seen::default();
        let sizes = ["BLOCK_M", "BLOCK_N"].map(|name| plan.constant(name).unwrap() as usize);
        let places = chosen.iter().flat_map(|(_, tile)| {
            let range = |at: usize, end: usize| tile[at] * sizes[at]..((tile[at] + 1) * sizes[at]).min(end);
            range(0, rows).flat_map(move |row| range(1, columns).map(move |column| (row, column)))
        });
        for (row, column) in places {
            let bits = out[place(row, column)];
            // All of the last row and column, and of the rest a third.
            if (row + column) % 3 != 0 && row != rows - 1 && column != columns - 1 && half.widen(bits).is_finite() {
                continue;
            }
            let pairs = || x[row * k..][..k].iter().zip(&weight[column * k..][..k]);
            let exact = pairs().map(|(&x, &w)| f64::from(x) * f64::from(w)).sum::<f64>() + f64::from(bias[column]);
            let plain = f64::from(pairs().map(|(x, w)| x * w).sum::<f32>() + bias[column]);
            let added = match (&residual, &position) {
                (Some(residual), _) => half.widen(residual[row * columns + column]),
                (_, Some(position)) => position[(row * columns + column) % position.len()],
                _ => 0.0,
            };
            let is_activated = matches!(gemm.epilogue, Epilogue::Activation(_));
            let after = |sum: f64| if is_activated { gelu(sum) } else { sum + f64::from(added) };
            seen.list.push((row, column, [half.widen(bits).into(), half.rounded(after(plain)), after(exact)]));
        }
        seen.check(&plan)
    }

    fn norm(&self, plan: &KernelPlan, is_added: bool) -> Result<(), String> {
        let (half, rows, width) = (Half::Bf16, self.rows(), self.vit.shape.width as usize);
        let epsilon = self.vit.architecture.norm_epsilon;
        let mut arguments = Norm::new(width, rows, is_added, epsilon, 0).arguments();
        if self.has_outliers {
            enlarge(&mut arguments[0], width, 64.0);
        }
        let program = self.program(plan);
        let blocks = program.blocks(rows as u32);
        let chosen: Vec<u32> = ends(blocks as usize).into_iter().map(|block| block as u32).collect();
        let filled = program.run_blocks(rows as u32, ORDERS[0], &arguments, &chosen).map_err(|e| e.to_string())?;
        let out = halves(filled.last().unwrap());
        let tables = if is_added { [2, 3] } else { [1, 2] };
        let [gamma, beta] = tables.map(|at| floats(&arguments[at]));
        let x = list(&arguments[0]);
        let residual = is_added.then(|| list(&arguments[1]));
        let value = |at: usize| {
            let own = half.widen(x[at]);
            residual.as_ref().map_or(own, |other| half.rounded(f64::from(own + half.widen(other[at]))) as f32)
        };
        let mut seen = Seen::default();
        let of_block = plan.launch.rows_per_block as usize;
        for row in chosen.iter().flat_map(|&block| (0..of_block).map(move |own| block as usize * of_block + own)) {
            if row >= rows {
                continue;
            }
            let values: Vec<f32> = (0..width).map(|column| value(row * width + column)).collect();
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / width as f64;
            let square = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / width as f64;
            let plain_mean = values.iter().sum::<f32>() / width as f32;
            let plain_square = values.iter().map(|v| (v - plain_mean).powi(2)).sum::<f32>() / width as f32;
            for column in 0..width {
                let (g, b) = (f64::from(gamma[column]), f64::from(beta[column]));
                let exact = (f64::from(values[column]) - mean) / (square + epsilon).sqrt() * g + b;
                let scale = 1.0 / (plain_square + epsilon as f32).sqrt();
                let plain = (values[column] - plain_mean) * scale * gamma[column] + beta[column];
                let own = half.widen(out[row * width + column]);
                seen.list.push((row, column, [own.into(), half.rounded(plain.into()), exact]));
            }
        }
        seen.check(plan)
    }

    /// Weights are the result of an operator of their own, hence rounded in B.
    fn attention(&self, what: Attention) -> Result<(), String> {
        let (half, plan) = (Half::Bf16, what.plan().unwrap());
        let mut arguments = Heads::new(what, self.images, 0).arguments();
        let head = plan.constant("HEAD").unwrap() as usize;
        if self.has_outliers {
            enlarge(&mut arguments[0], head, 8.0);
        }
        let program = self.program(&plan);
        let (rows, blocks) = (self.rows(), program.blocks(self.rows() as u32));
        // Some heads of some images, with the first queries and the last.
        let tiles = plan.constant("QUERY_TILES").unwrap() as usize;
        let pairs = ends(blocks as usize / tiles);
        let ends_of = |pair: &usize| BTreeSet::from([pair * tiles, pair * tiles + tiles - 1]);
        let chosen: Vec<u32> = pairs.iter().flat_map(ends_of).map(|block| block as u32).collect();
        let filled =
            program.run_blocks(rows as u32, ORDERS[0], &arguments, &chosen).map_err(|error| error.to_string())?;
        let out = halves(&filled[0]);
        let qkv = widened(&arguments[0]);
        let (tokens, heads) = (what.tokens as usize, what.heads as usize);
        let part = qkv.len() / 3;
        let mut seen = Seen::default();
        let queries = ["WARPS", "PRODUCTS_M"].iter().map(|name| plan.constant(name).unwrap_or(1)).product::<u64>();
        let queries = 16 * queries as usize;
        for (pair, token) in chosen.iter().flat_map(|&block| {
            let (pair, first) = (block as usize / tiles, block as usize % tiles * queries);
            (first..tokens.min(first + queries)).map(move |token| (pair, token))
        }) {
            let at = pair * tokens + token;
            let result = &out[((pair / heads * tokens + token) * heads + pair % heads) * head..][..head];
            if token % 5 != 0 && token != tokens - 1 && result.iter().all(|&bits| half.widen(bits).is_finite()) {
                continue;
            }
            let row = |of: usize, token: usize| &qkv[of * part + (pair * tokens + token) * head..][..head];
            let scale = (what.head_dim as f64).sqrt();
            let exact = |key: usize| {
                row(0, token).iter().zip(row(1, key)).map(|(&q, &k)| f64::from(q) * f64::from(k)).sum::<f64>() / scale
            };
            let plain =
                |key: usize| row(0, token).iter().zip(row(1, key)).map(|(q, k)| q * k).sum::<f32>() / scale as f32;
            let exact: Vec<f64> = (0..tokens).map(exact).collect();
            let plain: Vec<f32> = (0..tokens).map(plain).collect();
            let largest = exact.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let top = plain.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exact: Vec<f64> = exact.into_iter().map(|score| (score - largest).exp()).collect();
            let plain: Vec<f32> = plain.into_iter().map(|score| (score - top).exp()).collect();
            let (total, sum) = (exact.iter().sum::<f64>(), plain.iter().sum::<f32>());
            for (d, &own) in result[..what.head_dim as usize].iter().enumerate() {
                let value = |token: usize| row(2, token)[d];
                let r: f64 = exact.iter().enumerate().map(|(key, w)| w / total * f64::from(value(key))).sum();
                let b: f32 = (plain.iter().enumerate())
                    .map(|(key, w)| half.rounded(f64::from(w / sum)) as f32 * value(key))
                    .sum();
                seen.list.push((at, d, [half.widen(own).into(), half.rounded(b.into()), r]));
            }
        }
        seen.check(&plan)
    }
}

/// On every core.
#[test]
fn every_operator_agrees_at_every_size() {
    need_compiler!("matrix::every_operator_agrees_at_every_size");
    let all = cases();
    assert_eq!(all.len(), 6 * 9 * 3 * OPERATORS.len());
    let is_small = |case: &Case| case.rows() as u64 * case.vit.shape.width <= LARGE;
    let is_run = |number: usize, case: &Case| {
        let is_full = support::is_full();
        number.is_multiple_of(SAMPLED[usize::from(is_full)]) || is_full && is_small(case)
    };
    let jobs: Vec<&Case> =
        all.iter().enumerate().filter(|(number, case)| is_run(*number, case)).map(|(_, case)| case).collect();
    for operator in OPERATORS {
        assert!(jobs.iter().filter(|case| case.operator == operator).count() >= 10, "{operator}");
    }
    on_every_core(&jobs, |case| {
        case.check().map_err(|why| {
            let Case { operator, images, has_outliers, .. } = case;
            let Shape { width, mlp_dim, .. } = case.vit.shape;
            let tokens = attention(&case.vit).tokens;
            format!("{operator} of {width}, {mlp_dim}: {images} x {tokens} tokens, outliers {has_outliers}: {why}")
        })
    });
}

/// What is wrong by a little everywhere, at the end of a launch or of its sums, or in one column.
#[test]
fn planted_faults_are_caught() {
    need_compiler!("matrix::planted_faults_are_caught");
    // Cut off instead of rounded.
    let cut = ("? sovit_host::to_bf16(value)", "? (unsigned short)(__builtin_bit_cast(unsigned, value) >> 16)");
    let rms = "the root mean square";
    let mut wrong = Vec::new();
    for (operator, fault, finding) in [
        ("layernorm", cut, rms),
        ("qkv", cut, rms),
        ("attention", cut, rms),
        ("fc1", cut, rms),
        ("patch_embedding", cut, rms),
        (
            "patch_embedding",
            ("const unsigned int patch = r % PATCHES;", "const unsigned int patch = r % (PATCHES - 1);"),
            "NaN",
        ),
        ("layernorm", ("squares + EPSILON", "squares + 1e-2f"), "off, not"),
        ("fc2", ("BLOCK_K + 15) / 16", "BLOCK_K) / 16"), "off, not"),
        ("fc2", ("if (r >= rows || c >= N)", "if (r >= rows - 1 || c >= N)"), "row 56, column"),
        ("qkv", ("if (r >= rows || c >= N)", "if (r >= rows || c >= N - 8)"), "is NaN"),
        ("fc2", ("value[j] += table[j];", "value[j] += j == 3 && c + 8 == N ? 0.0f : table[j];"), "off, not"),
        ("attention", ("i % 2 >= TOKENS % 8", "i % 2 > TOKENS % 8"), "off, not"),
    ] {
        let vit = model([220, 1, 310, 4], (57, 7, Some(7)));
        let case = Case { vit, operator, images: 1, has_outliers: false, fault: Some(fault) };
        match case.check() {
            Err(text) if text.contains(finding) => {}
            other => wrong.push(format!("`{}` in {operator} was found as: {other:?}", fault.1)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! Matrix products with their epilogues, held to double precision.

use sovitc::emit::kernel_source;
use sovitc::kernel::{Access, Argument as Planned, Dtype, Epilogue, Extent, Gemm, KernelPlan, Tile, products};
use sovitc::vit::{Activation, Architecture, Shape, Vit, named};

use crate::host::{self, Argument, ORDERS, Order, Program, SCHEDULES};
use crate::reference::{Noise, narrow, widen};
use crate::{bytes, halves};

/// Inputs of one launch, and what must come out.
struct Case {
    gemm: Gemm,
    plan: KernelPlan,
    rows: usize,
    x: Vec<u16>,
    weight: Vec<u16>,
    bias: Vec<f32>,
    gamma: Vec<f32>,
    residual: Vec<u16>,
}

/// Values for an argument, zeros where it is padded.
fn filled(planned: &Planned, plan: &KernelPlan, rows: usize, mut value: impl FnMut() -> f64) -> Vec<f64> {
    let size = |extent: &Extent| {
        let alone = Planned { shape: vec![*extent], ..planned.clone() };
        alone.elements(&plan.launch, rows as u64) as usize
    };
    let shape: Vec<usize> = planned.shape.iter().map(size).collect();
    let used: Vec<usize> =
        if planned.used.is_empty() { shape.clone() } else { planned.used.iter().map(size).collect() };
    let mut list = Vec::new();
    for at in 0..shape.iter().product() {
        let mut rest: usize = at;
        let mut inside = true;
        for (extent, used) in shape.iter().zip(&used).rev() {
            inside &= rest % extent < *used;
            rest /= extent;
        }
        list.push(if inside { value() } else { 0.0 });
    }
    list
}

impl Case {
    fn new(gemm: &Gemm, plan: &KernelPlan, rows: usize) -> Self {
        let mut noise = Noise((gemm.inputs * 100 + gemm.outputs + rows as u64) ^ 0x9e37);
        let mut input = |name: &str, scale: f64, mean: f64| {
            let planned = plan.arguments.iter().find(|argument| argument.name == name);
            planned.map_or_else(Vec::new, |planned| filled(planned, plan, rows, || mean + scale * noise.normal()))
        };
        let rounded = |list: Vec<f64>| -> Vec<u16> { list.into_iter().map(narrow).collect() };
        let floats = |list: Vec<f64>| -> Vec<f32> { list.into_iter().map(|v| v as f32).collect() };
        Self {
            gemm: gemm.clone(),
            plan: plan.clone(),
            rows,
            x: rounded(input("x", 1.0, 0.1)),
            weight: rounded(input("weight", (gemm.inputs as f64).powf(-0.5), 0.0)),
            bias: floats(input("bias", 0.5, 0.0)),
            gamma: floats(input("gamma", 0.3, 1.0)),
            residual: rounded(input("residual", 2.0, 0.0)),
        }
    }

    fn run(&self, program: &Program, order: Order) -> Result<(), String> {
        self.run_into(program, order, false)
    }

    /// Writes the result over the residual where `replacing`.
    fn run_into(&self, program: &Program, order: Order, replacing: bool) -> Result<(), String> {
        let rows = (self.rows as u32).to_le_bytes();
        let arguments: Vec<Argument> = (self.plan.arguments.iter())
            .map(|planned| match (planned.name.as_str(), planned.dtype, planned.access) {
                ("x", ..) => Argument::Input(bytes(&self.x, u16::to_le_bytes)),
                ("weight", ..) => Argument::Input(bytes(&self.weight, u16::to_le_bytes)),
                ("bias", ..) => Argument::Input(bytes(&self.bias, f32::to_le_bytes)),
                ("gamma", ..) => Argument::Input(bytes(&self.gamma, f32::to_le_bytes)),
                ("residual", ..) if replacing => Argument::Updated(bytes(&self.residual, u16::to_le_bytes)),
                ("out", ..) if replacing => Argument::Same(3),
                ("residual", ..) => Argument::Input(bytes(&self.residual, u16::to_le_bytes)),
                (_, Dtype::Bf16, Access::Write) => {
                    Argument::Output(2 * planned.elements(&self.plan.launch, self.rows as u64) as usize)
                }
                _ => Argument::Scalar(&rows),
            })
            .collect();
        let filled = program.run(self.rows as u32, order, &arguments)?;
        self.check(&halves(&filled[0]))
    }

    /// Whether the output is right: finite everywhere; and, at the elements that are computed again in double precision
    /// (all of a small product, a sample of a large one), within a step of bf16 and the rounding of a long sum in
    /// `float`, and the nearest bf16 in all but a few of a hundred.
    fn check(&self, out: &[u16]) -> Result<(), String> {
        if let Some(at) = out.iter().position(|&bits| !widen(bits).is_finite()) {
            return Err(format!("element {at} of {} is {}", out.len(), widen(out[at])));
        }
        let k = self.plan.constant("K").unwrap() as usize;
        let columns = out.len() / self.rows;
        let step = (self.rows * columns * k / 40_000_000).max(1) | 1;
        let (mut off, mut seen) = (0, 0);
        for at in (0..self.rows * columns).step_by(step) {
            let (row, column) = (at / columns, at % columns);
            let (exact, slack) = self.exact(row, column, k);
            let bits = out[self.place(row, column, columns)];
            let (got, nearest) = (f64::from(widen(bits)), narrow(exact));
            if (got - exact).abs() > exact.abs() / 128.0 + slack {
                return Err(format!("row {row}, column {column} is {got}, not {exact:.6}"));
            }
            off += usize::from(bits != nearest && (got - exact).abs() > slack);
            seen += 1;
        }
        if off * 50 > seen + 50 { Err(format!("{off} of {seen} are not nearest")) } else { Ok(()) }
    }

    /// Where an element of the product lies in the output.
    fn place(&self, row: usize, column: usize, columns: usize) -> usize {
        let Epilogue::Heads { heads, tokens, .. } = self.gemm.epilogue else { return row * columns + column };
        let [heads, tokens] = [heads, tokens].map(|n| n as usize);
        let head = self.plan.constant("HEAD").unwrap() as usize;
        let (images, part) = (self.rows / tokens, column / (heads * head));
        let [image, token, own] = [row / tokens, row % tokens, column / head % heads];
        (((part * images + image) * heads + own) * tokens + token) * head + column % head
    }

    /// One element, and how far sums in `float` may be off.
    fn exact(&self, row: usize, column: usize, k: usize) -> (f64, f64) {
        let dot = |w_row: usize| {
            let pairs = self.x[row * k..][..k].iter().zip(&self.weight[w_row * k..][..k]);
            let (sum, size) = pairs.fold((f64::from(self.bias[w_row]), 0.0), |(sum, size), (&x, &w)| {
                let product = f64::from(widen(x)) * f64::from(widen(w));
                (sum + product, size + product.abs())
            });
            (sum, size * 1e-6)
        };
        let (sum, slack) = dot(column);
        let value = match self.gemm.epilogue {
            Epilogue::Activation(Activation::SwiGlu) => {
                let (up, _) = dot(self.weight.len() / k / 2 + column);
                sum / (1.0 + (-sum).exp()) * up
            }
            Epilogue::Activation(Activation::Gelu) => sum * normal_below(sum),
            Epilogue::Activation(Activation::GeluTanh) => {
                let u = (2.0 / std::f64::consts::PI).sqrt() * (sum + 0.044715 * sum.powi(3));
                sum / (1.0 + (-2.0 * u).exp())
            }
            Epilogue::Activation(_) => sum / (1.0 + (-1.702 * sum).exp()),
            _ => sum,
        };
        let value = self.gamma.get(column).map_or(value, |&gamma| value * f64::from(gamma));
        let columns = self.residual.len() / self.rows;
        let value = value + self.residual.get(row * columns + column).map_or(0.0, |&bits| f64::from(widen(bits)));
        (value, 4.0 * slack)
    }
}

/// The normal distribution's share below `x`: Simpson's rule from 0, in steps of about 0.01.
fn normal_below(x: f64) -> f64 {
    let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let end = x.abs().min(9.0);
    let pieces = 2 * (end / 0.02).ceil().max(1.0) as usize;
    let h = end / pieces as f64;
    let weight = |i: usize| if i == 0 || i == pieces { 1.0 } else { 2.0 + 2.0 * (i % 2) as f64 };
    let area: f64 = (0..=pieces).map(|i| weight(i) * density(i as f64 * h)).sum::<f64>() * h / 3.0;
    0.5 + area.copysign(x)
}

const fn tile(warps: [u64; 2], products: [u64; 2], depth: u64, stages: u64) -> Tile {
    let ([warps_m, warps_n], [products_m, products_n]) = (warps, products);
    Tile { warps_m, warps_n, products_m, products_n, depth, stages }
}

fn small(inputs: u64, outputs: u64, epilogue: Epilogue) -> Gemm {
    Gemm { name: "product", rows_per_image: 16, inputs, input_groups: 1, outputs, epilogue }
}

fn compiled(plan: &KernelPlan, source: &str) -> Program {
    host::compile(plan, source, &[])
}

/// Every schedule of the executor, for some numbers of rows.
fn agrees(gemm: &Gemm, plan: &KernelPlan, rows: &[usize], orders: &[Order]) {
    let program = compiled(plan, &kernel_source(plan).unwrap());
    for &rows in rows {
        let case = Case::new(gemm, plan, rows);
        for &order in orders {
            case.run(&program, order).unwrap_or_else(|e| panic!("{}, {rows} rows, {order:?}: {e}", plan.entry));
        }
    }
}

#[test]
fn every_epilogue_agrees() {
    need_compiler!("gemm::every_epilogue_agrees");
    let heads = |head_dim, tokens| Epilogue::Heads { parts: 3, heads: 2, head_dim, tokens };
    for (inputs, outputs, epilogue, tile, rows) in [
        (200, 88, Epilogue::Bias, tile([2, 2], [1, 3], 32, 3), [1, 3, 37]),
        (96, 90, Epilogue::Activation(Activation::Gelu), tile([4, 1], [1, 5], 64, 3), [1, 70, 37]),
        (588, 48, Epilogue::Activation(Activation::GeluTanh), tile([1, 4], [2, 2], 64, 4), [1, 3, 37]),
        (64, 40, Epilogue::Activation(Activation::QuickGelu), tile([2, 2], [1, 1], 64, 5), [1, 3, 37]),
        (72, 90, Epilogue::Activation(Activation::SwiGlu), tile([2, 2], [2, 2], 32, 4), [1, 3, 70]),
        (72, 88, Epilogue::Residual { layer_scale: false }, tile([2, 4], [1, 2], 32, 3), [1, 3, 70]),
        (40, 88, Epilogue::Residual { layer_scale: true }, tile([4, 2], [1, 7], 32, 3), [1, 3, 200]),
        (72, 330, heads(55, 37), tile([2, 2], [1, 4], 32, 3), [37, 74, 111]),
        (72, 144, heads(24, 5), tile([2, 2], [2, 9], 32, 3), [5, 10, 40]),
    ] {
        let gemm = small(inputs, outputs, epilogue);
        let plan = gemm.plan_with(&tile).unwrap();
        agrees(&gemm, &plan, &rows, &SCHEDULES);
    }
}

#[test]
fn the_result_may_replace_the_residual() {
    need_compiler!("gemm::the_result_may_replace_the_residual");
    let gemm = small(200, 88, Epilogue::Residual { layer_scale: false });
    let plan = gemm.plan_with(&tile([2, 2], [2, 3], 32, 3)).unwrap();
    let program = compiled(&plan, &kernel_source(&plan).unwrap());
    for order in ORDERS {
        Case::new(&gemm, &plan, 70).run_into(&program, order, true).unwrap();
    }
}

/// The products of a model with few tokens, as planned; the wide ones on a sample of columns.
fn model_agrees(name: &str, shape: Shape, rows: usize) {
    let architecture = Architecture { image: 84, ..named(name).unwrap().vit().architecture };
    let vit = Vit { architecture, shape };
    for gemm in products(&vit) {
        let plan = gemm.plan().unwrap();
        let multiple = plan.launch.rows_multiple as usize;
        agrees(&gemm, &plan, &[rows.next_multiple_of(multiple)], &ORDERS[..1]);
    }
}

#[test]
fn the_products_of_sovit_400m_agree() {
    need_compiler!("gemm::the_products_of_sovit_400m_agree");
    model_agrees("sovit_400m14", Shape { width: 1152, depth: 1, mlp_dim: 4304 }, 37);
}

/// Heads of 55 are stored as 56.
#[test]
fn the_products_of_sovit_150m_agree() {
    need_compiler!("gemm::the_products_of_sovit_150m_agree");
    model_agrees("sovit_150m14", Shape { width: 880, depth: 1, mlp_dim: 2320 }, 3);
}

/// Puts a fault into a small product's source and expects it to be found, in words that hold `finding`.
fn caught((right, wrong): (&str, &str), finding: &str) {
    let gemm = small(200, 88, Epilogue::Residual { layer_scale: false });
    let plan = gemm.plan_with(&tile([2, 2], [2, 3], 32, 3)).unwrap();
    let source = kernel_source(&plan).unwrap();
    assert_eq!(source.matches(right).count(), 1, "`{right}` stands once in the source");
    let program = compiled(&plan, &source.replace(right, wrong));
    let case = Case::new(&gemm, &plan, 70);
    let found: Vec<_> = SCHEDULES.iter().filter_map(|&order| case.run(&program, order).err()).collect();
    let text = found.join("; ");
    assert!(text.contains(finding), "`{wrong}` was found as: {text}");
}

#[test]
fn planted_faults_of_the_ring_are_caught() {
    need_compiler!("gemm::planted_faults_of_the_ring_are_caught");
    caught(("wait_copies<STAGES - 2>();\n        barrier();", "wait_copies<STAGES - 2>();"), "NaN");
    caught(("        wait_copies<STAGES - 2>();\n", ""), "copies in flight");
    caught(("wait_copies<STAGES - 2>()", "wait_copies<STAGES - 1>()"), "copies in flight");
    let wait = "wait_copies<STAGES - 2>();\n        barrier();";
    caught((wait, "barrier();\n        wait_copies<STAGES - 2>();"), "NaN");
    let refill = "if (tile + STAGES - 1 < K_TILES) copy_stage(written, tile + STAGES - 1);";
    let (late, early) = (format!("barrier();\n        {refill}"), format!("{refill}\n        barrier();"));
    caught((&late, &early), "row ");
    caught(("copy_stage(written, tile", "copy_stage(tile % 2 ? read : written, tile"), "row ");
    caught(("    barrier();\n\n    // Sums", "    // Sums"), "element ");
    caught(("tile + STAGES - 1 < K_TILES) copy", "tile + STAGES - 2 < K_TILES) copy"), "copies in flight");
    caught(("        if (m > 0) warp_barrier();\n", ""), "row ");
}

#[test]
fn planted_faults_of_tiles_are_caught() {
    need_compiler!("gemm::planted_faults_of_tiles_are_caught");
    caught(("weight + (unsigned long long)(column", "weight + 4 + (unsigned long long)(column"), "misaligned copy");
    caught(("copy_async(to + place(row, chunk)", "copy_async(to + row * ROW_BYTES + chunk * 16"), "row ");
    caught(("row / 2 % 4)) * 16", "row / 2 % 8)) * 16"), "of shared memory");
    caught(("row / 2 % 4)) * 16", "row % 4)) * 16"), "share a bank");
    caught(("tile * BLOCK_K + 8 * chunk < K", "tile * BLOCK_K + 8 * chunk <= K"), "of argument 0");
    caught(("tile * BLOCK_K + 8 * chunk < K", "tile * BLOCK_K + 8 * chunk + 8 < K"), "row ");
    caught(("inside && source < count", "inside && source <= count"), "of argument 0");
    caught(("tile < K_TILES; ++tile) {\n        wait", "tile < K_TILES - 1; ++tile) {\n        wait"), "row ");
    caught(("if (r >= rows || c >= N)", "if (r > rows || c >= N)"), "of argument");
    caught(("if (r >= rows || c >= N)", "if (r >= rows || c > N)"), "of argument 2");
    caught(("const int w_count = N -", "const int w_count = N + 1 -"), "of argument 1");
    caught(("within / group_size * BLOCK_N", "(within / group_size + 1) * BLOCK_N"), "element 0 ");
    caught(("BLOCK_K + 15) / 16", "BLOCK_K) / 16"), "row ");
}

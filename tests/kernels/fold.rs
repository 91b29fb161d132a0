//! A layer norm folded into the product behind it: its kernels, and the whole of it from a checkpoint's weights on, held
//! to the norm and the product in double precision; also where a row's mean is many of its deviations.

use std::collections::BTreeMap;

use sovitc::emit::kernel_source;
use sovitc::kernel::{
    Dtype, Epilogue, Gemm, KernelPlan, Kernels, Normalisation, Numbers, Operand, Pack, Source, Tile,
    layernorm_statistics, plan_for, weights,
};
use sovitc::verify::{Argument, Noise, Norm, ORDERS, Product, SCHEDULES, halves};
use sovitc::vit::{Activation, Architecture, Half, Halves, KernelForm, LayerNorm, Shape, Vit};

use crate::block::{Rows, norm};
use crate::gemm::agrees;
use crate::{compiled, finds, run};

const fn tile(warps: [u64; 2], products: [u64; 2], depth: u64, stages: u64) -> Tile {
    let ([warps_m, warps_n], [products_m, products_n]) = (warps, products);
    Tile { warps_m, warps_n, products_m, products_n, depth, stages }
}

fn small(inputs: u64, outputs: u64, epilogue: Epilogue) -> Gemm {
    Gemm { source: Source::Normed, ..Gemm::new("product", 16, [inputs, outputs], epilogue) }
}

/// A product, and a plan whose warps share columns.
fn gated() -> (Gemm, KernelPlan) {
    let gemm = small(72, 90, Epilogue::Activation(Activation::SwiGlu));
    let plan = gemm.plan_with(&tile([2, 2], [2, 2], 32, 4)).unwrap();
    (gemm, plan)
}

#[test]
fn every_epilogue_norms_its_rows() {
    need_compiler!("fold::every_epilogue_norms_its_rows");
    let heads = |head_dim, tokens| Epilogue::Heads { parts: 3, heads: 2, head_dim, tokens };
    for (inputs, outputs, epilogue, tile, rows) in [
        (200, 88, Epilogue::Bias, tile([2, 2], [1, 3], 32, 3), [1, 3, 37]),
        (96, 90, Epilogue::Activation(Activation::Gelu), tile([4, 1], [1, 5], 64, 3), [1, 70, 37]),
        (72, 88, Epilogue::Residual { layer_scale: true }, tile([2, 4], [1, 2], 32, 3), [1, 3, 70]),
        (72, 330, heads(55, 37), tile([2, 2], [1, 4], 32, 3), [37, 74, 111]),
    ] {
        let gemm = small(inputs, outputs, epilogue);
        agrees(&gemm, &gemm.plan_with(&tile).unwrap(), &rows, &SCHEDULES);
    }
    let (gemm, plan) = gated();
    agrees(&gemm, &plan, &[1, 3, 70], &SCHEDULES);
    let gemm = Gemm { out: Dtype::F32, ..small(72, 90, Epilogue::Bias) };
    agrees(&gemm, &gemm.plan().unwrap(), &[1, 37], &SCHEDULES);
    let (gemm, plan) = gated();
    agrees(&gemm, &plan.over(Halves::of(Half::Fp16)), &[70], &ORDERS);
    // The rows of images are no tokens, and those of heads have their own norms.
    assert!(small(588, 64, Epilogue::Tokens { prefix: 0, positions: true }).plan().is_err());
    assert!(Gemm { input_groups: 2, ..small(72, 64, Epilogue::Bias) }.plan().is_err());
}

#[test]
fn rows_of_any_width_are_measured() {
    need_compiler!("fold::rows_of_any_width_are_measured");
    let widths = [1, 55, 192, 880, 896, 897, 1152, 1408, 2304, 4097].map(|width| (width, Halves::default()));
    let fp16 = [55, 897, 1152, 2304].map(|width| (width, Halves::of(Half::Fp16)));
    for (width, halves) in widths.into_iter().chain(fp16) {
        let plan = layernorm_statistics(width, 1e-6).unwrap().over(halves);
        let program = compiled(&plan, &kernel_source(&plan).unwrap(), &[]);
        for rows in [1, 3, 37, 200] {
            let case = Norm::over(halves, width as usize, rows, false, 1e-6, 0).measured();
            for order in ORDERS {
                run(&program, &case, order).unwrap_or_else(|e| panic!("width {width}, {rows} rows, {order:?}: {e}"));
            }
        }
    }
}

#[test]
fn planted_faults_of_measuring_are_caught() {
    need_compiler!("fold::planted_faults_of_measuring_are_caught");
    let caught = |width: u64, fault, finding| {
        let plan = layernorm_statistics(width, 1e-6).unwrap();
        finds(&plan, &Norm::new(width as usize, 14, false, 1e-6, 0).measured(), &ORDERS, fault, finding);
    };
    caught(896, ("near_mean + missed", "near_mean"), "the mean is");
    caught(1152, ("0.0f) + EPSILON)", "0.0f))"), "the reciprocal deviation is");
    caught(1152, ("if (thread == 0) store", "if (thread == 1 && row) store"), "NaN");
    caught(
        384,
        ("statistics + 2 * (unsigned long long)row", "statistics + 2 * (unsigned long long)row + 1"),
        "misaligned",
    );
    caught(384, ("if (row >= rows) return;", "if (row > rows) return;"), "of argument 0");
    // Squares around a mean that a long sum has rounded: rows with one element that is a step from the others, whose mean
    // is so many deviations that one rounding of it tells.
    for (half, width, value) in [(Half::Fp16, 8160, 2048.0), (Half::Bf16, 32760, 1024.0)] {
        let halves = Halves::of(half);
        let plan = layernorm_statistics(width, 1e-6).unwrap().over(halves);
        let case = Norm::over(halves, width as usize, 1, false, 1e-6, 0).measured();
        let case = case.of(|_, column| if column == 7 { value * (1.0 + 2.0 * half.roundoff()) } else { value });
        run(&compiled(&plan, &kernel_source(&plan).unwrap(), &[]), &case, ORDERS[0]).unwrap();
        let fault = ("squares - missed * missed", "squares");
        finds(&plan, &case, &ORDERS, fault, "the reciprocal deviation is");
    }
}

#[test]
fn planted_faults_of_the_epilogue_are_caught() {
    need_compiler!("fold::planted_faults_of_the_epilogue_are_caught");
    let (gemm, plan) = gated();
    let caught = |fault, finding| finds(&plan, &Product::new(&gemm, &plan, 70, 0), &SCHEDULES, fault, finding);
    caught(("moments, sums + N / 2 + c", "moments, sums + c"), "row ");
    caught(("statistics + 2 * (unsigned long long)r)", "statistics + 2 * (unsigned long long)row)"), "row ");
    caught(("statistics + 2 * (unsigned long long)r)", "statistics + 2 * (unsigned long long)r + 2)"), "argument 1");
    caught(("            normalise(gate, moments, sums + c);\n", ""), "row ");
    caught(("* moments[1];", "* moments[0];"), "row ");
}

/// `qkv` of a model as wide as SoViT-400m, and a checkpoint's unrounded weights by name.
struct Folded {
    half: Half,
    vit: Vit,
    kernels: Kernels,
    weights: BTreeMap<String, Vec<f32>>,
}

/// The first buffer that a kernel fills.
fn filled(plan: &KernelPlan, source: &str, rows: usize, arguments: &[Argument]) -> Vec<u8> {
    let program = compiled(plan, source, &[]);
    let filled = program.run(rows as u32, ORDERS[0], arguments);
    filled.unwrap_or_else(|error| panic!("{}: {error}", plan.entry)).swap_remove(0)
}

impl Folded {
    fn new(half: Half) -> Self {
        let architecture = Architecture { image: 56, heads: 16, ..Architecture::default() };
        let vit = architecture.with(Shape { width: 1152, depth: 1, mlp_dim: 64 }).unwrap();
        let mut noise = Noise(1152);
        let mut given = BTreeMap::new();
        for weight in weights(&vit) {
            let (mean, scale) = match weight.shape[..] {
                [_] if weight.name.ends_with("norm1.weight") => (1.0, 0.3),
                [_] => (0.0, 0.3),
                [.., inputs] => (0.0, (inputs as f64).powf(-0.5)),
                [] => unreachable!("every weight has a shape"),
            };
            let size: u64 = weight.shape.iter().product();
            let values = (0..size).map(|_| (mean + scale * noise.normal()) as f32).collect();
            given.insert(weight.name.replace('*', "0"), values);
        }
        Self { half, vit, kernels: plan_for(&vit, form(half)).unwrap(), weights: given }
    }

    /// One image of rows whose mean is so many of their deviations; some channels are thirty times larger than others.
    fn rows(&self, ratio: f64) -> Vec<u16> {
        const DEVIATION: f64 = 4.0;
        let (width, count) = (self.vit.shape.width as usize, self.vit.architecture.patches() as usize);
        let mut noise = Noise(ratio.to_bits());
        let mut list = Vec::new();
        for _ in 0..count {
            let z: Vec<f64> =
                (0..width).map(|column| noise.normal() * if column % 97 == 3 { 30.0 } else { 1.0 }).collect();
            let mean = z.iter().sum::<f64>() / width as f64;
            let deviation = (z.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / width as f64).sqrt();
            list.extend(z.iter().map(|v| self.half.narrow(DEVIATION * ((v - mean) / deviation + ratio))));
        }
        list
    }

    fn list(&self, name: &str) -> Vec<f64> {
        self.weights[&format!("blocks.0.{name}")].iter().map(|&v| f64::from(v)).collect()
    }

    fn widen(&self, bits: u16) -> f64 {
        f64::from(self.half.widen(bits))
    }

    /// The norm and the product, with what `rounded` makes of the weights and the normalised rows.
    fn plain(&self, x: &[u16], rounded: impl Fn(f64) -> f64) -> Rows {
        let rows: Rows = x.chunks(1152).map(|row| row.iter().map(|&bits| self.widen(bits)).collect()).collect();
        let mut normed = norm(&rows, &self.list("norm1.weight"), &self.list("norm1.bias"));
        normed.iter_mut().flatten().for_each(|v| *v = rounded(*v));
        let mut out = vec![Vec::new(); rows.len()];
        for part in ["q", "k", "v"] {
            let weight: Vec<f64> = self.list(&format!("{part}.weight")).into_iter().map(&rounded).collect();
            let bias = self.list(&format!("{part}.bias"));
            for (x, out) in normed.iter().zip(&mut out) {
                let dot = |w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
                out.extend(weight.chunks(1152).zip(&bias).map(|(w, b)| rounded(dot(w) + b)));
            }
        }
        out
    }

    /// The same by the kernels, whose source and sums may be replaced.
    fn by_kernels(&self, x: &[u16], source: &str, sums: Option<f32>) -> Rows {
        let count = x.len() / 1152;
        let plan = self.kernels.named("layernorm_statistics").unwrap();
        let given = [Argument::halves(x), Argument::Output(8 * count), Argument::Scalar(count as u32)];
        let statistics = filled(plan, &kernel_source(plan).unwrap(), count, &given);
        let plan = self.kernels.named("qkv").unwrap();
        let step = self.kernels.forward.iter().find(|step| step.kernel == "qkv").unwrap();
        let normalisation = Normalisation::of(1.0, &[0.0; 3], &[1.0; 3]);
        let form = form(self.half);
        let pack = Pack { vit: &self.vit, form: &form, normalisation: &normalisation };
        let packed = |name: &str| {
            let argument = plan.arguments.iter().find(|argument| argument.name == name).unwrap();
            let bound = step.arguments.iter().find(|bound| bound.argument == name).unwrap();
            let Operand::Weights(packing) = &bound.operand else { panic!("{name} holds no weights") };
            let packed = pack.buffer(argument, packing, 0, &|name| self.weights.get(name).map(Vec::as_slice));
            match packed.unwrap().numbers {
                Numbers::Halves(list) => Argument::halves(&list),
                Numbers::Floats(list) if name == "sums" => {
                    Argument::floats(&sums.map_or(list, |sum| vec![sum; 3 * 1152]))
                }
                Numbers::Floats(list) => Argument::floats(&list),
            }
        };
        let arguments: Vec<Argument> = (plan.arguments.iter())
            .map(|argument| match argument.name.as_str() {
                "x" => Argument::halves(x),
                "statistics" => Argument::Input(statistics.clone()),
                "out" => Argument::Output(2 * 3 * x.len()),
                "rows" => Argument::Scalar(count as u32),
                name => packed(name),
            })
            .collect();
        let out = halves(&filled(plan, source, count, &arguments));
        // By part, head, token and element of a head, which is 72 and has no padding.
        let at = |token: usize, column: usize| (column / 72 * count + token) * 72 + column % 72;
        (0..count).map(|token| (0..3 * 1152).map(|c| self.widen(out[at(token, c)])).collect()).collect()
    }

    fn source(&self) -> String {
        kernel_source(self.kernels.named("qkv").unwrap()).unwrap()
    }
}

fn form(half: Half) -> KernelForm {
    KernelForm { halves: Halves::of(half), layernorm: LayerNorm::Folded, ..KernelForm::default() }
}

/// The largest error of a row's results, over that of the norm and the product in such floats, twice, and a rounding.
fn worst(half: Half, kernel: &Rows, rounded: &Rows, exact: &Rows) -> f64 {
    let gap = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let limit =
        |b: &[f64], r: &[f64]| 2.0 * gap(b, r) + r.iter().fold(0.0, |m: f64, v| m.max(v.abs())) * half.roundoff();
    let rows = kernel.iter().zip(rounded).zip(exact);
    rows.map(|((k, b), r)| gap(k, r) / limit(b, r)).fold(0.0, f64::max)
}

/// The root mean square of all errors.
fn error(a: &Rows, exact: &Rows) -> f64 {
    let squares = a.iter().flatten().zip(exact.iter().flatten()).map(|(a, b)| (a - b).powi(2));
    (squares.sum::<f64>() / (exact.len() * exact[0].len()) as f64).sqrt()
}

#[test]
fn a_folded_norm_is_as_exact_as_one_apart() {
    need_compiler!("fold::a_folded_norm_is_as_exact_as_one_apart");
    for (half, ratios) in [(Half::Bf16, &[0.0, 3.0, 10.0, 30.0, 100.0][..]), (Half::Fp16, &[0.0, 3.0, 10.0, 30.0])] {
        let folded = Folded::new(half);
        for &ratio in ratios {
            let x = folded.rows(ratio);
            let (exact, rounded) = (folded.plain(&x, |v| v), folded.plain(&x, |v| half.rounded(v)));
            let kernel = folded.by_kernels(&x, &folded.source(), None);
            let share = worst(half, &kernel, &rounded, &exact);
            assert!(share <= 1.0, "{half:?}, mean {ratio} deviations: {share} of the limit");
            // Of two roundings, of normalised rows and of weights, the latter is left.
            let (own, theirs) = (error(&kernel, &exact), error(&rounded, &exact));
            assert!(own <= theirs, "{half:?}, mean {ratio} deviations: {own:e}, apart {theirs:e}");
        }
    }
}

#[test]
fn planted_faults_of_the_fold_are_caught() {
    need_compiler!("fold::planted_faults_of_the_fold_are_caught");
    let half = Half::Bf16;
    let (folded, source) = (Folded::new(half), Folded::new(half).source());
    let x = folded.rows(30.0);
    let (exact, rounded) = (folded.plain(&x, |v| v), folded.plain(&x, |v| half.rounded(v)));
    let share = |source: &str, sums| worst(half, &folded.by_kernels(&x, source, sums), &rounded, &exact);
    for (right, wrong) in [
        // The mean is left where it is.
        ("value[j] - moments[0] * sum[j]", "value[j]"),
        // Biases are divided by the deviation, too.
        ("value[j] += table[j];", "value[j] += table[j] * moments[1];"),
    ] {
        assert_eq!(source.matches(right).count(), 1, "`{right}` stands once in the source");
        let share = share(&source.replace(right, wrong), None);
        assert!(share > 1.0, "`{wrong}` passes with {share}");
    }
    // The rows of G before they are rounded sum to nothing.
    let share = share(&source, Some(0.0));
    assert!(share > 1.0, "sums of unrounded rows pass with {share}");
}

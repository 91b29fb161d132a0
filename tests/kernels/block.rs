//! A whole encoder block by its kernels, each reading what the one before it wrote, held to double precision.

use sovitc::emit::kernel_source;
use sovitc::kernel::{Access, Dtype, Extent, KernelPlan, Kernels, plan_for};
use sovitc::verify::{Argument, Noise, ORDERS, halves};
use sovitc::vit::{Activation, Architecture, Half, Halves, KernelForm, Shape, Variant, Vit};

use crate::{OTHERS, compiled};

/// Rows of a matrix without padding.
pub(crate) type Rows = Vec<Vec<f64>>;

/// A linear layer as a checkpoint holds it.
struct Linear {
    weight: Rows,
    bias: Vec<f64>,
}

impl Linear {
    fn new(half: Half, noise: &mut Noise, inputs: usize, outputs: usize) -> Self {
        let scale = (inputs as f64).powf(-0.5);
        let mut row = || (0..inputs).map(|_| half.rounded(scale * noise.normal())).collect();
        let weight = (0..outputs).map(|_| row()).collect();
        Self { weight, bias: (0..outputs).map(|_| f64::from((0.2 * noise.normal()) as f32)).collect() }
    }

    fn of(&self, x: &Rows) -> Rows {
        let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
        let one = |x: &Vec<f64>| self.weight.iter().zip(&self.bias).map(|(w, b)| dot(x, w) + b).collect();
        x.iter().map(one).collect()
    }
}

/// Values in the order of an argument's unpadded extents, spread over its padded ones.
fn padded(plan: &KernelPlan, name: &str, rows: usize, values: &[f64]) -> Vec<f64> {
    let argument = plan.arguments.iter().find(|argument| argument.name == name).unwrap();
    let size = |extent: &Extent| match extent {
        Extent::Size(size) => *size as usize,
        Extent::Of(_) => rows,
    };
    let shape: Vec<usize> = argument.shape.iter().map(size).collect();
    let used: Vec<usize> =
        if argument.used.is_empty() { shape.clone() } else { argument.used.iter().map(size).collect() };
    assert_eq!(used.iter().product::<usize>(), values.len(), "{} {name}", plan.entry);
    let mut list = vec![0.0; shape.iter().product()];
    for (mut from, &value) in values.iter().enumerate() {
        let (mut to, mut stride) = (0, 1);
        for (extent, used) in shape.iter().zip(&used).rev() {
            to += from % used * stride;
            from /= used;
            stride *= extent;
        }
        list[to] = value;
    }
    list
}

/// What a kernel reads beside the rows that another wrote.
enum Given {
    Buffer(Vec<u16>),
    /// Unpadded, in the checkpoint's order.
    Values(Vec<f64>),
}

/// Runs a kernel of the block; its first output.
fn run(kernels: &Kernels, name: &str, rows: usize, given: &[(&str, Given)]) -> Vec<u16> {
    let plan = kernels.named(name).unwrap();
    let program = compiled(plan, &kernel_source(plan).unwrap(), &[]);
    let arguments: Vec<Argument> = (plan.arguments.iter())
        .map(|argument| {
            let own = given.iter().find(|(given, _)| *given == argument.name).map(|(_, given)| given);
            match (own, argument.dtype.half(), argument.access) {
                (Some(Given::Buffer(list)), ..) => {
                    assert_eq!(list.len() as u64, argument.elements(&plan.launch, rows as u64), "{name}");
                    Argument::halves(list)
                }
                (Some(Given::Values(list)), Some(half), _) => {
                    let list = padded(plan, &argument.name, rows, list);
                    Argument::halves(&list.into_iter().map(|v| half.narrow(v)).collect::<Vec<u16>>())
                }
                (Some(Given::Values(list)), ..) => {
                    let list: Vec<f32> = padded(plan, &argument.name, rows, list).iter().map(|&v| v as f32).collect();
                    Argument::floats(&list)
                }
                (None, ..) if argument.dtype == Dtype::U32 => Argument::Scalar(rows as u32),
                (None, _, access) => {
                    assert_eq!(access, Access::Write, "{name} lacks {}", argument.name);
                    Argument::Output(2 * argument.elements(&plan.launch, rows as u64) as usize)
                }
            }
        })
        .collect();
    halves(&program.run(rows as u32, ORDERS[0], &arguments).unwrap_or_else(|e| panic!("{name}: {e}"))[0])
}

pub(crate) fn norm(x: &Rows, gamma: &[f64], beta: &[f64]) -> Rows {
    let one = |row: &Vec<f64>| {
        let n = row.len() as f64;
        let mean = row.iter().sum::<f64>() / n;
        let deviation = (row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n + 1e-6).sqrt();
        row.iter().zip(gamma.iter().zip(beta)).map(|(v, (g, b))| (v - mean) / deviation * g + b).collect()
    };
    x.iter().map(one).collect()
}

/// Attention of one image after another: `qkv` has 3 width columns.
pub(crate) fn attend(qkv: &Rows, tokens: usize, heads: usize) -> Rows {
    let width = qkv[0].len() / 3;
    let head = width / heads;
    let mut out = vec![vec![0.0; width]; qkv.len()];
    for (row, result) in out.iter_mut().enumerate() {
        let image = row / tokens * tokens;
        for h in 0..heads {
            let at = h * head;
            let score = |key: usize| {
                let (q, k) = (&qkv[row][at..][..head], &qkv[image + key][width + at..][..head]);
                (q.iter().zip(k).map(|(q, k)| q * k).sum::<f64>() / (head as f64).sqrt()).exp()
            };
            let weights: Vec<f64> = (0..tokens).map(score).collect();
            let total: f64 = weights.iter().sum();
            for (key, weight) in weights.iter().enumerate() {
                for d in 0..head {
                    result[at + d] += weight / total * qkv[image + key][2 * width + at + d];
                }
            }
        }
    }
    out
}

/// A block of so many images over such floats; every eighth channel of the stream is so many times as large.
fn check(vit: &Vit, images: usize, halves: Halves, massive: f64) {
    let Halves { dtype, residual: stream } = halves;
    let (width, mlp, heads) = (vit.shape.width as usize, vit.shape.mlp_dim as usize, vit.architecture.heads as usize);
    let tokens = (vit.architecture.patches() + vit.architecture.prefix()) as usize;
    let gated = vit.architecture.activation == Activation::SwiGlu;
    let rows = images * tokens;
    let mut noise = Noise(width as u64);
    let mut vector = |mean: f64, scale: f64| -> Vec<f64> {
        (0..width).map(|_| f64::from((mean + scale * noise.normal()) as f32)).collect()
    };
    let tables = [(1.0, 0.2), (0.0, 0.1), (1.0, 0.2), (0.0, 0.1)].map(|(mean, scale)| vector(mean, scale));
    let scaled = vit.architecture.variant.layer_scale.is_some();
    let scales = [0, 1].map(|_| if scaled { vector(0.5, 0.1) } else { vec![1.0; width] });
    let grown = |(at, v): (usize, f64)| stream.rounded(if at % 8 == 3 { massive * v } else { v });
    let x: Rows = (0..rows).map(|_| vector(0.1, 1.0).into_iter().enumerate().map(grown).collect()).collect();
    let qkv = Linear::new(dtype, &mut noise, width, 3 * width);
    let projection = Linear::new(dtype, &mut noise, width, width);
    let fc1 = Linear::new(dtype, &mut noise, width, if gated { 2 * mlp } else { mlp });
    let fc2 = Linear::new(dtype, &mut noise, mlp, width);

    // By the kernels.
    let kernels = plan_for(vit, KernelForm { halves, ..KernelForm::default() }).unwrap();
    let flat = |rows: &Rows| Given::Values(rows.concat());
    let values = |list: &[f64]| Given::Values(list.to_vec());
    let normed = |x: Vec<u16>, n: usize| {
        let given = [("x", Given::Buffer(x)), ("gamma", values(&tables[n])), ("beta", values(&tables[n + 1]))];
        run(&kernels, "layernorm", rows, &given)
    };
    let linear = |name: &str, layer: &Linear, x: Vec<u16>, more: Vec<(&str, Given)>| {
        let mut given = vec![("x", Given::Buffer(x)), ("weight", flat(&layer.weight)), ("bias", values(&layer.bias))];
        given.extend(more);
        run(&kernels, name, rows, &given)
    };
    let residual =
        |before: &[u16], n: usize| vec![("residual", Given::Buffer(before.to_vec())), ("gamma", values(&scales[n]))];
    let tokens_in: Vec<u16> = x.concat().into_iter().map(|v| stream.narrow(v)).collect();
    let heads_apart = linear("qkv", &qkv, normed(tokens_in.clone(), 0), Vec::new());
    let attended = run(&kernels, "attention", rows, &[("qkv", Given::Buffer(heads_apart))]);
    let middle = linear("projection", &projection, attended, residual(&tokens_in, 0));
    let hidden = linear("fc1", &fc1, normed(middle.clone(), 2), Vec::new());
    let got = linear("fc2", &fc2, hidden, residual(&middle, 1));

    // In double precision.
    let plus = |a: &Rows, b: &Rows, scale: &[f64]| -> Rows {
        let one = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).zip(scale).map(|((a, b), s)| a + s * b).collect();
        a.iter().zip(b).map(one).collect()
    };
    let activate = |v: f64| v / (1.0 + (-2.0 * (2.0 / std::f64::consts::PI).sqrt() * (v + 0.044715 * v.powi(3))).exp());
    let silu = |v: f64| v / (1.0 + (-v).exp());
    let attended = attend(&qkv.of(&norm(&x, &tables[0], &tables[1])), tokens, heads);
    let middle = plus(&x, &projection.of(&attended), &scales[0]);
    let mut hidden = fc1.of(&norm(&middle, &tables[2], &tables[3]));
    for row in &mut hidden {
        *row = if gated {
            row[..mlp].iter().zip(&row[mlp..]).map(|(&gate, up)| silu(gate) * up).collect()
        } else {
            row.iter().map(|&v| activate(v)).collect()
        };
    }
    let exact = plus(&middle, &fc2.of(&hidden), &scales[1]).concat();

    // Six roundings, in bf16 of 2^-9 each, in numbers of a size of about 1; with large ones only those of the stream show.
    let rms = |list: &mut dyn Iterator<Item = f64>| list.map(|v| v * v).sum::<f64>().sqrt();
    let error = rms(&mut got.iter().zip(&exact).map(|(&bits, v)| f64::from(stream.widen(bits)) - v));
    let size = rms(&mut exact.iter().copied());
    assert!(error < size * 1.28 * stream.roundoff(), "error {error:.2e} of {size:.2e}");
}

#[test]
fn a_block_of_odd_sizes_agrees() {
    need_compiler!("block::a_block_of_odd_sizes_agrees");
    // Heads of 20 are stored as 24, an MLP of 148 as 152; 9 patches and a class token.
    let architecture = Architecture { image: 42, heads: 4, class_token: true, ..Architecture::default() };
    let vit = architecture.with(Shape { width: 80, depth: 1, mlp_dim: 148 }).unwrap();
    for halves in [Halves::default()].into_iter().chain(OTHERS) {
        check(&vit, 3, halves, 1.0);
    }
}

#[test]
fn a_gated_block_with_layer_scale_agrees() {
    need_compiler!("block::a_gated_block_with_layer_scale_agrees");
    let variant = Variant { layer_scale: Some(1e-5), registers: 4, ..Variant::default() };
    let base = Architecture { image: 70, heads: 2, class_token: true, variant, ..Architecture::default() };
    let architecture = Architecture { activation: Activation::SwiGlu, ..base };
    check(&architecture.with(Shape { width: 144, depth: 1, mlp_dim: 100 }).unwrap(), 2, Halves::default(), 1.0);
}

/// What fp16 does not hold passes a block in bf16, beside products in fp16.
#[test]
fn massive_channels_of_the_stream_survive_a_block() {
    need_compiler!("block::massive_channels_of_the_stream_survive_a_block");
    let architecture = Architecture { image: 42, heads: 4, class_token: true, ..Architecture::default() };
    let vit = architecture.with(Shape { width: 80, depth: 1, mlp_dim: 148 }).unwrap();
    for massive in [3e4, 3e6] {
        check(&vit, 3, Halves::MIXED, massive);
    }
}

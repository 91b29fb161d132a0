//! A whole forward pass by its kernels, from the bytes of images to a vector and classes, held to double precision.

use std::collections::BTreeMap;

use sovitc::emit::kernel_source;
use sovitc::kernel::{Access, KernelPlan, Kernels, Normalisation, Numbers, Operand, Pack, Step, plan_for, weights};
use sovitc::verify::{Argument, Noise, ORDERS, bytes, halves};
use sovitc::vit::{
    Activation, Architecture, Batches, Half, Halves, ImageFormat, KernelForm, LayerNorm, Layout, Pixels, Pooling,
    Position, PositionRows, QkNorm, QkvBias, Shape, Variant, Vit,
};

use crate::block::{Rows, attend, norm};
use crate::compiled;

/// A checkpoint: unrounded weights by name.
type Weights = BTreeMap<String, Vec<f32>>;

fn checkpoint(vit: &Vit, noise: &mut Noise) -> Weights {
    let mut all = Weights::new();
    for weight in weights(vit) {
        let size: u64 = weight.shape.iter().product();
        let inputs: u64 = weight.shape[1..].iter().product();
        let (mean, scale) = match weight.name.rsplit('.').next().unwrap() {
            "weight" if weight.name.contains("norm") => (1.0, 0.2),
            "weight" => (0.0, (inputs as f64).powf(-0.5)),
            name if name.starts_with("scale") => (0.5, 0.1),
            "bias" => (0.0, 0.2),
            _ => (0.0, 1.0),
        };
        let blocks = if weight.name.contains('*') { vit.shape.depth } else { 1 };
        for block in 0..blocks {
            let values = (0..size).map(|_| (mean + scale * noise.normal()) as f32).collect();
            all.insert(weight.name.replace('*', &block.to_string()), values);
        }
    }
    all
}

/// Images as the model sees them, by image, channel, row and column.
struct Images {
    side: usize,
    channels: usize,
    count: usize,
    /// What a kernel reads, images x channels x rows x columns.
    pixels: Vec<u16>,
    kind: Pixels,
    normalisation: Normalisation,
}

impl Images {
    fn new(vit: &Vit, kind: Pixels, count: usize, noise: &mut Noise) -> Self {
        let (side, channels) = (vit.architecture.image as usize, vit.architecture.channels as usize);
        let pixel = |_| match kind.half() {
            None => (120.0 + 60.0 * noise.normal()).clamp(0.0, 255.0) as u16,
            Some(half) => half.narrow(0.4 + 0.3 * noise.normal()),
        };
        let pixels = (0..count * channels * side * side).map(pixel).collect();
        let rescale = if kind == Pixels::Uint8 { 1.0 / 255.0 } else { 1.0 };
        let normalisation = Normalisation::of(rescale, &[0.48, 0.46, 0.41], &[0.27, 0.26, 0.28]);
        Self { side, channels, count, pixels, kind, normalisation }
    }

    fn value(&self, image: usize, channel: usize, y: usize, x: usize) -> f64 {
        let pixel = self.pixels[((image * self.channels + channel) * self.side + y) * self.side + x];
        let value = self.kind.half().map_or(f64::from(pixel), |half| half.widen(pixel).into());
        value * self.normalisation.scale[channel] + self.normalisation.shift[channel]
    }

    /// The buffer in the order of its dimensions.
    fn buffer(&self, layout: Layout) -> Vec<u8> {
        let pixels: Vec<u16> = match layout {
            Layout::Nchw => self.pixels.clone(),
            Layout::Nhwc => (0..self.pixels.len())
                .map(|at| {
                    let (rest, channel) = (at / self.channels, at % self.channels);
                    let (image, place) = (rest / (self.side * self.side), rest % (self.side * self.side));
                    self.pixels[(image * self.channels + channel) * self.side * self.side + place]
                })
                .collect(),
        };
        if self.kind == Pixels::Uint8 { bytes(&pixels, |p| [p as u8]) } else { bytes(&pixels, u16::to_le_bytes) }
    }

    fn stride(&self, layout: Layout, name: &str) -> usize {
        let row = if layout == Layout::Nhwc { self.side * self.channels } else { self.side };
        match name {
            "row_stride" => row,
            "channel_stride" => row * self.side,
            "image_stride" => self.channels * self.side * self.side,
            _ => panic!("no stride is called {name}"),
        }
    }
}

/// Runs steps as the manifest tells, over buffers by name.
struct Machine<'a> {
    kernels: &'a Kernels,
    pack: Pack<'a>,
    weights: &'a Weights,
    images: &'a Images,
    buffers: BTreeMap<String, Vec<u8>>,
}

impl Machine<'_> {
    fn run(&mut self) {
        let mut steps = self.kernels.forward.as_slice();
        while let Some(first) = steps.first() {
            let together = steps.iter().take_while(|step| step.each_block == first.each_block).count();
            let (now, rest) = steps.split_at(together);
            let times = if first.each_block { self.pack.vit.shape.depth } else { 1 };
            for block in 0..times {
                for step in now {
                    self.launch(step, block);
                }
            }
            steps = rest;
        }
    }

    fn launch(&mut self, step: &Step, block: u64) {
        let plan = self.kernels.named(step.kernel_for(self.images.count as u64)).unwrap();
        let rows = self.images.count as u64 * step.rows.of(self.pack.vit);
        let arguments: Vec<Argument> =
            (0..plan.arguments.len()).map(|number| self.argument(plan, step, number, rows, block)).collect();
        let program = compiled(plan, &kernel_source(plan).unwrap(), &[]);
        let filled = program.run(rows as u32, ORDERS[0], &arguments);
        let mut filled = filled.unwrap_or_else(|error| panic!("{}: {error}", step.kernel)).into_iter();
        for (argument, planned) in arguments.iter().zip(&plan.arguments) {
            if matches!(argument, Argument::Output(_) | Argument::Updated(_)) {
                let Some(name) = buffer(step, &planned.name) else { panic!("{} has no buffer", planned.name) };
                self.buffers.insert(name.to_owned(), filled.next().unwrap());
            }
        }
    }

    fn argument(&self, plan: &KernelPlan, step: &Step, number: usize, rows: u64, block: u64) -> Argument {
        let planned = &plan.arguments[number];
        if planned.shape.is_empty() {
            let scalar = match planned.name.as_str() {
                "rows" => rows as usize,
                name => self.images.stride(self.pack.form.images.layout, name),
            };
            return Argument::Scalar(scalar as u32);
        }
        let size = (planned.elements(&plan.launch, rows) * planned.dtype.bytes()) as usize;
        let bound = step.arguments.iter().find(|bound| bound.argument == planned.name);
        match &bound.unwrap_or_else(|| panic!("{} lacks {}", step.kernel, planned.name)).operand {
            Operand::Weights(packing) => {
                let given = |name: &str| self.weights.get(name).map(Vec::as_slice);
                match self.pack.buffer(planned, packing, block, &given).unwrap().numbers {
                    Numbers::Halves(list) => Argument::halves(&list),
                    Numbers::Floats(list) => Argument::floats(&list),
                }
            }
            Operand::Buffer(name) => {
                let in_place = |access| {
                    plan.arguments.iter().position(|a| a.access == access && buffer(step, &a.name) == Some(name))
                };
                match planned.access {
                    Access::Read => {
                        let data = self.buffers[name].clone();
                        assert_eq!(data.len(), size, "{} reads {name}", step.kernel);
                        if in_place(Access::Write).is_some() { Argument::Updated(data) } else { Argument::Input(data) }
                    }
                    Access::Update => Argument::Updated(self.buffers[name].clone()),
                    Access::Write => in_place(Access::Read).map_or(Argument::Output(size), Argument::Same),
                }
            }
        }
    }
}

fn buffer<'a>(step: &'a Step, argument: &str) -> Option<&'a str> {
    step.arguments.iter().find(|bound| bound.argument == argument).and_then(|bound| match &bound.operand {
        Operand::Buffer(name) => Some(name.as_str()),
        Operand::Weights(_) => None,
    })
}

/// The model in double precision, as papers write it.
struct Plain<'a> {
    vit: &'a Vit,
    weights: &'a Weights,
}

impl Plain<'_> {
    fn of(&self, name: &str) -> Option<Vec<f64>> {
        self.weights.get(name).map(|list| list.iter().map(|&value| f64::from(value)).collect())
    }

    fn linear(&self, name: &str, x: &Rows) -> Rows {
        let weight = self.of(&format!("{name}.weight")).unwrap();
        let bias = self.of(&format!("{name}.bias"));
        let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
        let added = |at: usize| bias.as_ref().map_or(0.0, |bias| bias[at]);
        let one = |x: &Vec<f64>| weight.chunks(x.len()).enumerate().map(|(at, w)| dot(x, w) + added(at)).collect();
        x.iter().map(one).collect()
    }

    fn norm(&self, name: &str, x: &Rows) -> Rows {
        norm(x, &self.of(&format!("{name}.weight")).unwrap(), &self.of(&format!("{name}.bias")).unwrap())
    }

    fn add(&self, x: &Rows, y: &Rows, scale: &str) -> Rows {
        let scale = self.of(scale).unwrap_or_else(|| vec![1.0; x[0].len()]);
        let one = |(x, y): (&Vec<f64>, &Vec<f64>)| x.iter().zip(y).zip(&scale).map(|((x, y), s)| x + y * s).collect();
        x.iter().zip(y).map(one).collect()
    }

    fn mlp(&self, name: &str, x: &Rows, activation: Activation) -> Rows {
        let mut hidden = self.linear(&format!("{name}fc1"), x);
        let tanh = |v: f64| v / (1.0 + (-2.0 * (2.0 / std::f64::consts::PI).sqrt() * (v + 0.044715 * v.powi(3))).exp());
        if activation == Activation::SwiGlu {
            let gate = self.linear(&format!("{name}gate"), x);
            for (h, g) in hidden.iter_mut().flatten().zip(gate.iter().flatten()) {
                *h *= g / (1.0 + (-g).exp());
            }
        } else {
            hidden.iter_mut().flatten().for_each(|h| *h = tanh(*h));
        }
        self.linear(&format!("{name}fc2"), &hidden)
    }

    fn embed(&self, images: &Images) -> Rows {
        let a = &self.vit.architecture;
        let (side, width) = (a.patch as usize, self.vit.shape.width as usize);
        let (grid, prefix) = (images.side / side, a.prefix() as usize);
        let weight = self.of("patch.weight").unwrap();
        let position = self.of("position").unwrap_or_else(|| vec![0.0; grid * grid * width]);
        let bias = self.of("patch.bias").unwrap_or_else(|| vec![0.0; width]);
        let first = position.len() / width - grid * grid;
        let before: Vec<f64> = ["class", "registers"].iter().filter_map(|name| self.of(name)).flatten().collect();
        let mut rows = Rows::new();
        for image in 0..images.count {
            for token in 0..prefix {
                let place = |at: usize| if token < first { position[at] } else { 0.0 };
                rows.push((token * width..(token + 1) * width).map(|at| before[at] + place(at)).collect());
            }
            for patch in 0..grid * grid {
                let (top, left) = (patch / grid * side, patch % grid * side);
                let mut row = Vec::new();
                for output in 0..width {
                    let mut sum = bias[output] + position[(first + patch) * width + output];
                    for (at, w) in weight[output * images.channels * side * side..]
                        .iter()
                        .enumerate()
                        .take(images.channels * side * side)
                    {
                        let (channel, y, x) = (at / side / side, at / side % side, at % side);
                        sum += w * images.value(image, channel, top + y, left + x);
                    }
                    row.push(sum);
                }
                rows.push(row);
            }
        }
        rows
    }

    /// The vector of each image.
    fn forward(&self, images: &Images) -> Rows {
        let a = &self.vit.architecture;
        let (heads, prefix) = (a.heads as usize, a.prefix() as usize);
        let tokens = prefix + a.patches() as usize;
        let mut x = self.embed(images);
        if a.variant.pre_norm {
            x = self.norm("pre_norm", &x);
        }
        for block in 0..self.vit.shape.depth {
            let name = |part: &str| format!("blocks.{block}.{part}");
            let normed = self.norm(&name("norm1"), &x);
            let parts = ["q", "k", "v"].map(|part| {
                let made = self.linear(&name(part), &normed);
                if part == "v" { made } else { self.turned(&name(&format!("{part}_norm")), made, tokens) }
            });
            let qkv = (0..x.len()).map(|row| parts.each_ref().map(|part| part[row].clone()).concat()).collect();
            let attended = self.linear(&name("projection"), &attend(&qkv, tokens, heads));
            x = self.add(&x, &attended, &name("scale1"));
            let hidden = self.mlp(&name(""), &self.norm(&name("norm2"), &x), a.activation);
            x = self.add(&x, &hidden, &name("scale2"));
        }
        let x = self.norm("norm", &x);
        match a.pooling {
            Pooling::Class => x.chunks(tokens).map(|image| image[0].clone()).collect(),
            Pooling::Map => {
                let pooled: Rows = x.chunks(tokens).map(|image| self.pooled(image)).collect();
                let y = self.linear("map.projection", &pooled);
                let hidden = self.mlp("map.", &self.norm("map.norm", &y), Activation::GeluTanh);
                self.add(&y, &hidden, "")
            }
            _ => (x.chunks(tokens))
                .map(|image| {
                    let column = |c: usize| image[prefix..].iter().map(|row| row[c]).sum::<f64>();
                    (0..image[0].len()).map(|c| column(c) / (tokens - prefix) as f64).collect()
                })
                .collect(),
        }
    }

    /// Queries or keys as attention sees them: each head normed, and turned where a patch stands.
    fn turned(&self, name: &str, x: Rows, tokens: usize) -> Rows {
        let a = &self.vit.architecture;
        let (head, grid) = (self.vit.head_dim() as usize, (a.image / a.patch) as usize);
        let split = |row: Vec<f64>| row.chunks(head).map(<[f64]>::to_vec).collect::<Rows>();
        let one = |(row, x): (usize, Vec<f64>)| {
            let heads = match a.variant.qk_norm {
                QkNorm::None => split(x),
                QkNorm::Layer => self.norm(name, &split(x)),
                _ => {
                    let weight = self.of(&format!("{name}.weight")).unwrap();
                    let root = |x: &[f64]| (x.iter().map(|v| v * v).sum::<f64>() / head as f64 + 1e-6).sqrt();
                    let normed = |x: Vec<f64>| x.iter().zip(&weight).map(|(v, w)| v / root(&x) * w).collect();
                    split(x).into_iter().map(normed).collect()
                }
            };
            match (row % tokens).checked_sub(a.prefix() as usize) {
                Some(patch) if a.variant.position == Position::Rope => {
                    let at = [patch / grid, patch % grid].map(|at| (at as f64 + 0.5) / grid as f64 * 2.0 - 1.0);
                    heads.iter().flat_map(|x| rotate(x, at)).collect()
                }
                _ => heads.concat(),
            }
        };
        x.into_iter().enumerate().map(one).collect()
    }

    /// What the probe's heads see of one image.
    fn pooled(&self, image: &[Vec<f64>]) -> Vec<f64> {
        let (image, heads) = (image.to_vec(), self.vit.architecture.heads as usize);
        let query = self.linear("map.q", &vec![self.of("map.probe").unwrap()]).remove(0);
        let (keys, values) = (self.linear("map.k", &image), self.linear("map.v", &image));
        let head = query.len() / heads;
        let mut out = vec![0.0; query.len()];
        for h in (0..heads).map(|h| h * head..(h + 1) * head) {
            let score = |key: &Vec<f64>| query[h.clone()].iter().zip(&key[h.clone()]).map(|(q, k)| q * k).sum::<f64>();
            let weights: Vec<f64> = keys.iter().map(|key| (score(key) / (head as f64).sqrt()).exp()).collect();
            let total: f64 = weights.iter().sum();
            for (weight, value) in weights.iter().zip(&values) {
                h.clone().for_each(|at| out[at] += weight / total * value[at]);
            }
        }
        out
    }
}

/// A head turned by a place of the image, as complex numbers: element i of the first half is the real part, that of the
/// second the imaginary. A quarter of the head turns by the height, the next by the width.
fn rotate(x: &[f64], place: [f64; 2]) -> Vec<f64> {
    let half = x.len() / 2;
    let mut out = vec![0.0; x.len()];
    for i in 0..half {
        let frequency = 100_f64.powf(-4.0 * (i % (half / 2)) as f64 / x.len() as f64);
        let (sine, cosine) = (2.0 * std::f64::consts::PI * place[i / (half / 2)] * frequency).sin_cos();
        out[i] = x[i] * cosine - x[half + i] * sine;
        out[half + i] = x[i] * sine + x[half + i] * cosine;
    }
    out
}

/// The distance of two lists as a share of the second.
fn distance(got: &[f64], exact: &[f64]) -> f64 {
    assert_eq!(got.len(), exact.len());
    let rms = |list: &mut dyn Iterator<Item = f64>| list.map(|v| v * v).sum::<f64>().sqrt();
    rms(&mut got.iter().zip(exact).map(|(a, b)| a - b)) / rms(&mut exact.iter().copied())
}

fn check(architecture: Architecture, form: impl Into<KernelForm>) {
    check_batch(architecture, &form.into(), 2);
}

/// A forward pass of so many images, by the kernels that they launch; returns these by name.
fn check_batch(architecture: Architecture, form: &KernelForm, count: usize) -> Vec<String> {
    let format = form.images;
    let vit = architecture.with(Shape { width: 144, depth: 2, mlp_dim: 272 }).unwrap();
    let mut noise = Noise(architecture.prefix() + 17);
    let weights = checkpoint(&vit, &mut noise);
    let images = Images::new(&vit, format.pixels, count, &mut noise);
    let kernels = plan_for(&vit, form.clone()).unwrap();
    let pack = Pack { vit: &vit, form, normalisation: &images.normalisation };
    let buffers = BTreeMap::from([("image".to_owned(), images.buffer(format.layout))]);
    let mut machine = Machine { kernels: &kernels, pack, weights: &weights, images: &images, buffers };
    machine.run();

    let plain = Plain { vit: &vit, weights: &weights };
    let exact = plain.forward(&images);
    let dtype = form.halves.dtype;
    let got: Vec<f64> = halves(&machine.buffers["vector"]).into_iter().map(|bits| dtype.widen(bits).into()).collect();
    let limit = kernels.error(&vit);
    let off = distance(&got, &exact.concat());
    assert!(off < limit && off > 0.0, "the vectors are {off:.2e} of their size off, not {limit:.2e}");
    if architecture.classes > 0 {
        let exact = plain.linear("classifier", &exact);
        let stored = architecture.classes.next_multiple_of(8) as usize;
        let floats = machine.buffers["classes"].chunks_exact(4);
        let floats: Vec<f64> = floats.map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect();
        let rows = floats.chunks(stored).flat_map(|row| &row[..architecture.classes as usize]);
        let off = distance(&rows.copied().collect::<Vec<_>>(), &exact.concat());
        assert!(off < limit, "the classes are {off:.2e} of their size off");
    }
    kernels.forward.iter().map(|step| step.kernel_for(count as u64).to_owned()).collect()
}

#[test]
fn batches_on_both_sides_of_a_bucket() {
    need_compiler!("forward::batches_on_both_sides_of_a_bucket");
    let architecture = Architecture { image: 56, heads: 2, classes: 10, ..Architecture::default() };
    let inputs = KernelForm { batches: Batches::new(&[1, 4096]).unwrap(), ..KernelForm::default() };
    let [small, large] = [1, 2].map(|images| check_batch(architecture, &inputs, images));
    let differ = small.iter().zip(&large).filter(|(small, large)| **small == format!("{large}_b1")).count();
    assert!(differ >= 2, "{small:?} and {large:?}");
    assert!(small.iter().zip(&large).all(|(small, large)| small == large || small.ends_with("_b1")));
}

#[test]
fn bytes_to_the_vector_of_a_probe() {
    need_compiler!("forward::bytes_to_the_vector_of_a_probe");
    let architecture = Architecture { image: 56, heads: 2, classes: 10, ..Architecture::default() };
    check(architecture, ImageFormat::default());
}

#[test]
fn class_token_and_registers_to_the_mean_of_patches() {
    need_compiler!("forward::class_token_and_registers_to_the_mean_of_patches");
    let variant = Variant {
        registers: 4,
        position_rows: PositionRows::All,
        layer_scale: Some(1e-5),
        qkv_bias: QkvBias::NoKey,
        pre_norm: true,
        ..Variant::default()
    };
    let base =
        Architecture { image: 56, heads: 2, class_token: true, pooling: Pooling::Average, ..Architecture::default() };
    let architecture = Architecture { activation: Activation::SwiGlu, variant, ..base };
    check(architecture, ImageFormat { pixels: Pixels::Bf16, layout: Layout::Nchw });
}

#[test]
fn fixed_positions_to_the_class_token() {
    need_compiler!("forward::fixed_positions_to_the_class_token");
    let variant = Variant { registers: 1, position: Position::SinCos2d, patch_bias: false, ..Variant::default() };
    let base = Architecture { image: 56, heads: 2, class_token: true, variant, ..Architecture::default() };
    check(
        Architecture { pooling: Pooling::Class, classes: 5, ..base },
        ImageFormat { pixels: Pixels::Uint8, layout: Layout::Nchw },
    );
}

#[test]
fn rotary_positions_to_the_class_token() {
    need_compiler!("forward::rotary_positions_to_the_class_token");
    let variant = Variant {
        registers: 4,
        position: Position::Rope,
        layer_scale: Some(1e-5),
        qkv_bias: QkvBias::NoKey,
        mask_token: true,
        ..Variant::default()
    };
    let base = Architecture { image: 56, heads: 2, class_token: true, variant, ..Architecture::default() };
    let architecture = Architecture { pooling: Pooling::Class, activation: Activation::SwiGlu, ..base };
    check(architecture, ImageFormat::default());
}

#[test]
fn normed_queries_and_keys_to_the_mean_of_patches() {
    need_compiler!("forward::normed_queries_and_keys_to_the_mean_of_patches");
    for (qk_norm, position) in [(QkNorm::Layer, Position::Learned), (QkNorm::Rms, Position::Rope)] {
        let variant = Variant { qk_norm, position, ..Variant::default() };
        let base = Architecture { image: 56, heads: 4, variant, ..Architecture::default() };
        let architecture = Architecture { pooling: Pooling::Average, ..base };
        check(architecture, ImageFormat::default());
    }
}

/// Products in fp16 over both kinds of stream, from every kind of image; norms of the embedding, of blocks, of the probe
/// and of the class token.
#[test]
fn fp16_to_every_kind_of_vector() {
    need_compiler!("forward::fp16_to_every_kind_of_vector");
    let base = Architecture { image: 56, heads: 2, classes: 10, ..Architecture::default() };
    let variant = Variant { registers: 4, layer_scale: Some(1e-5), pre_norm: true, ..Variant::default() };
    let gated = Architecture { activation: Activation::SwiGlu, class_token: true, variant, ..base };
    let fp16 = Halves::of(Half::Fp16);
    let form = |halves, pixels| KernelForm {
        halves,
        images: ImageFormat { pixels, layout: Layout::Nhwc },
        ..KernelForm::default()
    };
    check(base, form(Halves::MIXED, Pixels::Uint8));
    check(base, form(fp16, Pixels::Fp16));
    check(gated, form(Halves::MIXED, Pixels::Fp16));
    check(Architecture { pooling: Pooling::Average, ..gated }, form(Halves::MIXED, Pixels::Bf16));
    check(Architecture { pooling: Pooling::Class, ..gated }, form(fp16, Pixels::Uint8));
    check(base, KernelForm { layernorm: LayerNorm::Folded, ..form(fp16, Pixels::Uint8) });
}

/// With norms that stay kernels: of the embedding, the last and the probe's.
#[test]
fn folded_norms_to_every_kind_of_vector() {
    need_compiler!("forward::folded_norms_to_every_kind_of_vector");
    let form = KernelForm { layernorm: LayerNorm::Folded, ..KernelForm::default() };
    let variant = Variant { registers: 4, layer_scale: Some(1e-5), pre_norm: true, ..Variant::default() };
    let base = Architecture { image: 56, heads: 2, ..Architecture::default() };
    check(Architecture { classes: 10, ..base }, form.clone());
    let gated = Architecture { activation: Activation::SwiGlu, class_token: true, variant, ..base };
    let variant = Variant { qkv_bias: QkvBias::NoKey, ..variant };
    check(Architecture { pooling: Pooling::Average, variant, ..gated }, form.clone());
    // Without a norm of the embedding no layer norm writes rows but the class token's.
    let variant = Variant { qkv_bias: QkvBias::None, qk_norm: QkNorm::Layer, ..Variant::default() };
    check(Architecture { pooling: Pooling::Class, class_token: true, variant, ..base }, form);
}

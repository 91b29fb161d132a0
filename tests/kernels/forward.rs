//! A whole forward pass by its kernels, from the bytes of images to a vector and classes, held to double precision.

use std::collections::BTreeMap;

use serde_json::{Value, from_value};
use sovitc::emit::render;
use sovitc::kernel::{Access, KernelPlan, Normalisation, Numbers, Operand, Pack, Rows, Step, weights};
use sovitc::plan::Target;
use sovitc::verify::{Argument, Noise, ORDERS, bytes, halves};
use sovitc::vit::{
    Activation, Architecture, Batches, Half, Halves, ImageFormat, KernelForm, LayerNorm, Layout, Pixels, Pooling,
    Position, PositionRows, QkNorm, QkvBias, Shape, Variant, Vit,
};

use crate::plain::Plain;
use crate::{compiled, so400m};

/// A checkpoint: unrounded weights by name.
pub(crate) type Weights = BTreeMap<String, Vec<f32>>;

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
pub(crate) struct Images {
    pub(crate) side: usize,
    pub(crate) channels: usize,
    pub(crate) count: usize,
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

    pub(crate) fn value(&self, image: usize, channel: usize, y: usize, x: usize) -> f64 {
        let pixel = self.pixels[((image * self.channels + channel) * self.side + y) * self.side + x];
        let value = self.kind.half().map_or(f64::from(pixel), |half| half.widen(pixel).into());
        value * self.normalisation.scale[channel] + self.normalisation.shift[channel]
    }

    /// What the model sees, images x channels x rows x columns.
    pub(crate) fn seen(&self) -> Vec<f64> {
        let [rows, columns] = [self.side; 2];
        let of_image = |image| (0..self.channels).map(move |channel| (image, channel));
        let planes = (0..self.count).flat_map(of_image);
        let places = planes.flat_map(|plane| (0..rows * columns).map(move |at| (plane, at / columns, at % columns)));
        places.map(|((image, channel), y, x)| self.value(image, channel, y, x)).collect()
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

/// An emitted folder of kernels, of which nothing else is known.
struct Folder {
    manifest: Value,
    forward: Vec<Step>,
    files: BTreeMap<String, String>,
}

impl Folder {
    fn emitted(vit: &Vit, form: &KernelForm) -> Self {
        let mut case = so400m::case();
        case.answers[0].vit.shape = vit.shape;
        let mut case = case.with(vit.architecture).emitting(&[(Target::Kernels, "kernels/")]);
        case.plan.emits[0].options.form = form.clone();
        let artefacts = render(&case.request()).unwrap().into_iter();
        let own = |path: &str| path.strip_prefix("flagship/kernels/").map(str::to_owned);
        let files: BTreeMap<_, _> = artefacts.filter_map(|file| Some((own(&file.path)?, file.text))).collect();
        let manifest: Value = serde_json::from_str(&files["manifest.json"]).unwrap();
        let forward = from_value(manifest["forward"].clone()).unwrap();
        Self { manifest, forward, files }
    }

    fn rows(&self, rows: Rows) -> u64 {
        let name = serde_json::to_value(rows).unwrap();
        self.manifest["rows_per_image"][name.as_str().unwrap()].as_u64().unwrap()
    }

    /// What a launch must know of a kernel, and its source, whose hash is right.
    fn kernel(&self, name: &str) -> (KernelPlan, &str) {
        let listed = self.manifest["kernels"].as_array().unwrap().iter().find(|kernel| kernel["name"] == name).unwrap();
        let source = &self.files[listed["file"].as_str().unwrap()];
        assert_eq!(listed["blake3"], blake3::hash(source.as_bytes()).to_hex().as_str());
        let plan = KernelPlan {
            name: name.to_owned(),
            template: String::new(),
            entry: listed["entry"].as_str().unwrap().to_owned(),
            instead_of: None,
            halves: Halves::default(),
            constants: Vec::new(),
            reals: Vec::new(),
            choices: Vec::new(),
            launch: from_value(listed["launch"].clone()).unwrap(),
            arguments: from_value(listed["arguments"].clone()).unwrap(),
            flops_per_row: 0,
            scalar_flops_per_row: 0,
            bytes_per_row: 0,
            bytes_of_weights: 0,
        };
        (plan, source)
    }
}

/// Runs steps as the manifest tells, over buffers by name.
struct Machine<'a> {
    folder: &'a Folder,
    pack: Pack<'a>,
    weights: &'a Weights,
    images: &'a Images,
    buffers: BTreeMap<String, Vec<u8>>,
}

impl Machine<'_> {
    fn run(&mut self) {
        let mut steps = self.folder.forward.as_slice();
        while let Some(first) = steps.first() {
            let together = steps.iter().take_while(|step| step.each_block == first.each_block).count();
            let (now, rest) = steps.split_at(together);
            let times = if first.each_block { self.folder.manifest["depth"].as_u64().unwrap() } else { 1 };
            for block in 0..times {
                for step in now {
                    self.launch(step, block);
                }
            }
            steps = rest;
        }
    }

    fn launch(&mut self, step: &Step, block: u64) {
        let (plan, source) = self.folder.kernel(step.kernel_for(self.images.count as u64));
        let rows = self.images.count as u64 * self.folder.rows(step.rows);
        let arguments: Vec<Argument> =
            (0..plan.arguments.len()).map(|number| self.argument(&plan, step, number, rows, block)).collect();
        let program = compiled(&plan, source, &[]);
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
            assert_eq!(planned.alignment, None);
            return Argument::Scalar(scalar as u32);
        }
        let is_aligned = planned.alignment == Some(16) || planned.name == "image" && planned.alignment <= Some(2);
        assert!(is_aligned, "{planned:?}");
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

/// The distance of two lists as a share of the second.
fn distance(got: &[f64], exact: &[f64]) -> f64 {
    assert_eq!(got.len(), exact.len());
    let rms = |list: &mut dyn Iterator<Item = f64>| list.map(|v| v * v).sum::<f64>().sqrt();
    rms(&mut got.iter().zip(exact).map(|(a, b)| a - b)) / rms(&mut exact.iter().copied())
}

fn check(architecture: Architecture, form: impl Into<KernelForm>) {
    check_batch(architecture, &form.into(), 2);
}

/// A model, a checkpoint of it, and images, all random.
pub(crate) struct Trial {
    pub(crate) vit: Vit,
    pub(crate) weights: Weights,
    pub(crate) images: Images,
}

/// What a forward pass makes of the images: a vector of each, and its classes where there are any.
pub(crate) struct Made {
    vectors: Vec<f64>,
    classes: Vec<f64>,
    /// How far both may be off, as a share of their size.
    limit: f64,
    /// The kernels that were launched, by name.
    launched: Vec<String>,
}

impl Trial {
    pub(crate) fn new(architecture: Architecture, pixels: Pixels, count: usize) -> Self {
        let vit = architecture.with(Shape { width: 144, depth: 2, mlp_dim: 272 }).unwrap();
        let mut noise = Noise(architecture.prefix() + 17);
        let weights = checkpoint(&vit, &mut noise);
        let images = Images::new(&vit, pixels, count, &mut noise);
        Self { vit, weights, images }
    }

    /// By kernels of that form.
    pub(crate) fn by_kernels(&self, form: &KernelForm) -> Made {
        let Self { vit, weights, images } = self;
        let folder = Folder::emitted(vit, form);
        let pack = Pack { vit, form, normalisation: &images.normalisation };
        let buffers = BTreeMap::from([("image".to_owned(), images.buffer(form.images.layout))]);
        let mut machine = Machine { folder: &folder, pack, weights, images, buffers };
        machine.run();
        let (dtype, classes) = (form.halves.dtype, vit.architecture.classes as usize);
        let vectors = halves(&machine.buffers["vector"]).into_iter().map(|bits| dtype.widen(bits).into()).collect();
        let floats = machine.buffers.get("classes").into_iter().flat_map(|buffer| buffer.as_chunks::<4>().0);
        let floats: Vec<f64> = floats.map(|&bytes| f64::from(f32::from_le_bytes(bytes))).collect();
        let rows = floats.chunks(classes.next_multiple_of(8).max(1));
        let launched = folder.forward.iter().map(|step| step.kernel_for(images.count as u64).to_owned()).collect();
        let classes = rows.flat_map(|row| &row[..classes]).copied().collect();
        Made { vectors, classes, limit: folder.manifest["error"].as_f64().unwrap(), launched }
    }
}

/// A forward pass of so many images, by the kernels that they launch; returns these by name.
fn check_batch(architecture: Architecture, form: &KernelForm, count: usize) -> Vec<String> {
    let trial = Trial::new(architecture, form.images.pixels, count);
    let made = trial.by_kernels(form);
    let plain = Plain { vit: &trial.vit, weights: &trial.weights };
    let exact = plain.forward(&trial.images);
    made.agrees(&exact.concat(), &plain.classes(&exact).concat());
    made.launched
}

impl Made {
    /// Holds vectors and classes to those of another way.
    pub(crate) fn agrees(&self, vectors: &[f64], classes: &[f64]) {
        let limit = self.limit;
        let off = distance(&self.vectors, vectors);
        assert!(off < limit && off > 0.0, "the vectors are {off:.2e} of their size off, not {limit:.2e}");
        assert_eq!(self.classes.len(), classes.len());
        if !classes.is_empty() {
            let off = distance(&self.classes, classes);
            assert!(off < limit, "the classes are {off:.2e} of their size off");
        }
    }
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

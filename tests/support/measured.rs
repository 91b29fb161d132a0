//! Measured times of operations, blocks and encoders, as the time model predicts them.

use std::path::Path;

use sovitc::hardware::{
    AttentionLibrary, Beside, Calibration, Calibrations, Constants, Device, Launch, Operation, Part, Pass, Timer,
    block, device, forward, training,
};
use sovitc::vit::{Activation, Architecture, Pooling, Shape, Variant, Vit};

/// A device and what was measured on it.
pub(crate) struct Measured {
    pub(crate) device: Device,
    /// Where the rows stand, from the repository's root.
    pub(crate) path: String,
    pub(crate) rows: Vec<Row>,
}

/// One measured time.
pub(crate) struct Row {
    /// What it is a time of, for tables.
    pub(crate) kind: String,
    /// Whether constants may be fitted to it.
    pub(crate) fitted: bool,
    pub(crate) seconds: f64,
    parts: Vec<Part>,
    library: AttentionLibrary,
    launch: Launch,
    pass: Pass,
}

impl Measured {
    /// The device with other constants.
    pub(crate) fn with(&self, constants: &Constants) -> Device {
        Device { measured: Some(constants.clone()), ..self.device.clone() }
    }

    /// The device as if nobody had measured its operations.
    pub(crate) fn guessed(&self) -> Device {
        Device { measured: None, ..self.device.clone() }
    }

    /// The device as if three passes of a kind were all that was measured of it.
    pub(crate) fn corrected(&self, kind: &str) -> Device {
        let rows: Vec<&Row> = self.rows.iter().filter(|row| row.kind == kind).collect();
        let guessed = self.guessed();
        let few = [1, 3, 5].map(|sixth| rows[rows.len() * sixth / 6]);
        let found = Calibration::of(&few.map(|row| row.beside(&guessed)), "own", "three rows");
        let mut own = Calibrations::default();
        match few[0].pass {
            Pass::Inference => own.inference = found,
            Pass::Training => own.training = found,
        }
        Device { own, ..guessed }
    }

    /// Median of the relative errors of a kind's rows for which `counts`, by a device.
    pub(crate) fn median_error(&self, kind: &str, device: &Device, counts: impl Fn(&Row) -> bool) -> f64 {
        let rows = self.rows.iter().filter(|row| row.kind == kind && counts(row));
        let mut errors: Vec<f64> = rows.map(|row| (row.predict(device) / row.seconds - 1.0).abs()).collect();
        assert!(errors.len() >= 60, "{kind}: {}", errors.len());
        errors.sort_by(f64::total_cmp);
        errors[errors.len() / 2]
    }
}

impl Row {
    /// Whether the host queued every kernel.
    pub(crate) fn is_queued(&self) -> bool {
        self.launch == Launch::Eager
    }

    /// What it took beside what the model says of a device that nobody measured.
    fn beside(&self, guessed: &Device) -> Beside {
        let timer = Timer::new(guessed, "bf16", self.library, self.launch, self.pass).unwrap();
        let (work, overhead) = timer.modelled(&self.parts);
        Beside { seconds: self.seconds, work, overhead }
    }

    /// Seconds that the model predicts.
    pub(crate) fn predict(&self, device: &Device) -> f64 {
        Timer::new(device, "bf16", self.library, self.launch, self.pass).unwrap().predict(&self.parts).seconds
    }
}

/// Everything that is in the repository.
pub(crate) fn tables() -> Vec<Measured> {
    vec![
        blocks("h200", "benches/results/blocks-h200.csv"),
        blocks("h100", "benches/results/blocks-h100.csv"),
        encoders("rtx_pro_6000_maxq", "tests/data/timm-benchmark/infer-amp-pro6000maxq.csv"),
    ]
}

fn reader(path: &str) -> csv::Reader<std::fs::File> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path).unwrap()
}

/// Operations are fitted to; whole blocks are not.
fn blocks(name: &str, path: &str) -> Measured {
    let mut reader = reader(path);
    let headers = reader.headers().unwrap().clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.unwrap();
        let text = |name: &str| &record[headers.iter().position(|header| header == name).unwrap()];
        let number = |name: &str| text(name).parse::<u64>().unwrap_or(0);
        let one = |operation| vec![Part { name: "", operation, count: 1 }];
        let library = if text("library") == "cudnn" { AttentionLibrary::CuDnn } else { AttentionLibrary::Flash };
        let (count, width) = (number("rows"), number("width"));
        let numbers = count * width;
        let is_training = text("mode") == "train";
        let (parts, fitted) = match text("part") {
            "gemm" => {
                let (rows, outputs, inputs) = (number("rows"), number("out"), number("in"));
                (one(Operation::Product { rows, outputs, inputs }), true)
            }
            "attention" => {
                let heads = number("batch") * number("heads");
                (one(Operation::Attention { heads, tokens: number("tokens"), head: number("head") }), true)
            }
            "layernorm" => (one(Operation::Norm { rows: count, width, arrays: 2 }), true),
            "gelu" => (one(Operation::Activation { numbers, arrays: 2 }), true),
            "add" => (one(Operation::Sum { numbers, arrays: 3 }), true),
            "block" => (block(&vit(&number), number("batch")), text("mode") == "eager"),
            other => panic!("no such part: {other}"),
        };
        rows.push(Row {
            kind: format!("{} {} {}", text("part"), text("library"), text("mode")),
            fitted,
            seconds: text("seconds").parse().unwrap(),
            parts: if is_training { training(&parts) } else { parts },
            library,
            launch: if text("mode") == "eager" { Launch::Eager } else { Launch::Graph },
            pass: if is_training { Pass::Training } else { Pass::Inference },
        });
    }
    Measured { device: (**device(name).unwrap()).clone(), path: path.to_owned(), rows }
}

/// A block's encoder, whose image has as many patches of one pixel as the block has tokens.
fn vit(number: &dyn Fn(&str) -> u64) -> Vit {
    let (tokens, heads) = (number("tokens"), number("heads"));
    let side = tokens.isqrt();
    let architecture = Architecture {
        image: side,
        patch: 1,
        heads,
        variant: Variant { registers: tokens - side * side, ..Variant::default() },
        ..Architecture::default()
    };
    architecture.with(Shape { width: number("width"), depth: 1, mlp_dim: number("mlp") }).unwrap()
}

/// Every other encoder is fitted to.
fn encoders(name: &str, path: &str) -> Measured {
    let mut reader = reader(path);
    let headers = reader.headers().unwrap().clone();
    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.unwrap();
        let text = |name: &str| &record[headers.iter().position(|header| header == name).unwrap()];
        let number = |name: &str| text(name).parse::<u64>().unwrap();
        let pooling = Pooling::ALL.iter().find(|(name, _)| *name == text("pool")).unwrap().1;
        let architecture = Architecture {
            image: number("image"),
            patch: number("patch"),
            heads: number("heads"),
            pooling,
            class_token: pooling == Pooling::Class,
            activation: if text("swiglu") == "true" { Activation::SwiGlu } else { Activation::Gelu },
            variant: Variant { registers: number("registers"), ..Variant::default() },
            ..Architecture::default()
        };
        let shape = Shape { width: number("width"), depth: number("depth"), mlp_dim: number("mlp") };
        rows.push(Row {
            kind: "encoder, mixed precision".to_owned(),
            fitted: index % 2 == 0,
            seconds: text("step_ms").parse::<f64>().unwrap() / 1e3,
            parts: forward(&architecture.with(shape).unwrap(), number("batch")),
            library: AttentionLibrary::Flash,
            launch: Launch::Graph,
            pass: Pass::Inference,
        });
    }
    Measured { device: (**device(name).unwrap()).clone(), path: path.to_owned(), rows }
}

//! `measured = [{ ... }, ...]` of a device: passes that its users timed.

use crate::diagnostic::Diagnostic;
use crate::hardware::{AttentionLibrary, Beside, Calibration, Calibrations, Device, MeasuredPass, Pass};
use crate::plan::check::Checker;
use crate::plan::codes;
use crate::plan::schema::{Field, Fields, Schema};
use crate::plan::values::optional;
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind};
use crate::units::{Base, Dimension, human};
use crate::vit::{Architecture, NumberFormat, Shape, Step, Vit};

const SCHEMA: Schema = Schema::of(&[
    "model",
    "width",
    "depth",
    "mlp",
    "heads",
    "image",
    "pass",
    "batch",
    "time",
    "throughput",
    "attention",
    "compute",
    "optimizer",
    "weights",
    "checkpoint",
    "shards",
]);

/// Fields that say how a step is trained.
const OF_TRAINING: [&str; 4] = ["optimizer", "weights", "checkpoint", "shards"];

/// How far a pass may be from what the others say before that is told, as a ratio.
const APART: f64 = 1.5;

impl Checker<'_> {
    /// What the passes of a list say of the times of a device; `source` is who measured them.
    pub(super) fn calibrations(&mut self, field: Field<'_>, device: &Device, source: &str) -> Option<Calibrations> {
        let list = self.list(field)?;
        if list.is_empty() {
            let error = Diagnostic::error(codes::MISSING_FIELD, "nothing was measured")
                .label(field.value.span, "an empty list")
                .help("list passes, such as `{ model = vit_b16, pass = inference, batch = 64, time = 7.1 ms }`");
            self.report(error);
            return None;
        }
        let passes: Vec<_> = list.iter().map(|element| self.measured_pass(element, field, device)).collect();
        let passes: Vec<(Span, Pass, Beside)> = passes.into_iter().collect::<Option<_>>()?;
        let of = |pass: Pass| {
            let passes: Vec<Beside> =
                passes.iter().filter(|(_, of, _)| *of == pass).map(|(.., times)| *times).collect();
            Calibration::of(&passes, &device.name, source)
        };
        let found = Calibrations { inference: of(Pass::Inference), training: of(Pass::Training) };
        for (name, pass) in Pass::ALL {
            self.passes_agree(name, field, found.get(pass), passes.iter().filter(|(_, of, _)| *of == pass));
        }
        Some(found)
    }

    /// A pass, and what it took beside what the model says.
    fn measured_pass(&mut self, element: &Expr, list: Field<'_>, device: &Device) -> Option<(Span, Pass, Beside)> {
        let ExprKind::Record(block) = &element.kind else {
            self.of_type(element, "records", list.owner());
            return None;
        };
        let fields = self.fields("the measured pass".to_owned(), element.span, block, SCHEMA);
        let pass = self.required(&fields, "pass", "pass = inference");
        let pass = pass.and_then(|field| self.word(field, &Pass::ALL));
        let batch = self.required(&fields, "batch", "batch = 64");
        let count = (1, Architecture::LIMIT);
        let batch = batch.and_then(|field| self.count(field.value, Dimension::NONE, count, field.owner()));
        let vit = self.measured_model(&fields);
        let attention = fields
            .get("attention")
            .map_or(Some(AttentionLibrary::default()), |field| self.word(field, &AttentionLibrary::ALL));
        let step = self.trained_as(&fields, pass);
        let seconds = self.seconds(&fields, batch);
        let (pass, step) = (pass?, Step { batch: batch?, ..step? });
        let number_format = NumberFormat::ALL.iter().find(|(_, known)| *known == step.compute)?.0;
        let place = fields.get("compute").map_or(element.span, |field| field.value.span);
        self.rate_of(device, number_format, place)?;
        let (said, seconds) = seconds?;
        let measured = MeasuredPass { vit: vit?, pass, step, number_format, attention: attention?, seconds };
        let (times, bound) = (measured.beside(device)?, measured.peak_seconds(device)?);
        if seconds < bound || !times.ratio().is_finite() {
            self.faster_than_the_device(said, seconds, bound, device);
            return None;
        }
        Some((element.span, pass, times))
    }

    /// A model that has a shape, with sizes of the pass's own over its own.
    fn measured_model(&mut self, fields: &Fields<'_>) -> Option<Vit> {
        let model = self.required(fields, "model", "model = vit_b16");
        let name = model.and_then(|field| self.name(field));
        let Vit { architecture, shape } = name.and_then(|name| self.shaped_model(name))?;
        let mut sizes = [
            ("width", shape.width, Dimension::NONE),
            ("depth", shape.depth, Dimension::NONE),
            ("mlp", shape.mlp_dim, Dimension::NONE),
            ("heads", architecture.heads, Dimension::NONE),
            ("image", architecture.image, Dimension::PX),
        ];
        let mut is_whole = true;
        for (name, size, dimension) in &mut sizes {
            let Some(field) = fields.get(name) else { continue };
            match self.count(field.value, *dimension, (1, Architecture::LIMIT), field.owner()) {
                Some(found) => *size = found,
                None => is_whole = false,
            }
        }
        let [width, depth, mlp_dim, heads, image] = sizes.map(|(_, size, _)| size);
        let architecture = Architecture { image, heads, ..architecture };
        let built = architecture.with(Shape { width, depth, mlp_dim }).ok().filter(|_| is_whole);
        if built.is_none() && is_whole {
            let shape = Shape { width, depth, mlp_dim };
            let message = format!("no model can be built at {shape} with {heads} heads and an image of {image} px");
            let error = Diagnostic::error(codes::UNBUILDABLE, message)
                .label(fields.at, "this pass")
                .help("heads must divide the width, and the patch the image");
            self.report(error);
        }
        built
    }

    /// How a step is trained; reports fields of it where none is.
    fn trained_as(&mut self, fields: &Fields<'_>, pass: Option<Pass>) -> Option<Step> {
        let said = OF_TRAINING.iter().find_map(|name| fields.get(name));
        if let (Some(Pass::Inference), Some(field)) = (pass, said) {
            let name = &field.name.value;
            let error = Diagnostic::error(codes::UNKNOWN_FIELD, format!("inference has no `{name}`"))
                .label(field.name.span, "is of training")
                .help("remove it, or write `pass = training`");
            self.report(error);
            return None;
        }
        self.step(fields)
    }

    /// `time`, or `throughput` of the batch, and where it is said.
    fn seconds(&mut self, fields: &Fields<'_>, batch: Option<u64>) -> Option<(Span, f64)> {
        let second = Dimension::of(Base::Second);
        let time = fields.get("time").map(|field| self.positive_figure(field, second));
        let rate = fields.get("throughput").map(|field| self.positive_figure(field, Dimension::RATE));
        match (fields.get("time"), fields.get("throughput")) {
            (Some(time), Some(rate)) => {
                let error = Diagnostic::error(codes::EXCLUSIVE, "a pass has a `time` or a `throughput`, not both")
                    .label(time.name.span, "says how long it takes")
                    .label(rate.name.span, "says it again")
                    .help("keep one of them");
                self.report(error);
                return None;
            }
            (None, None) => self.missing(fields, "time", "time = 7.1 ms"),
            _ => {}
        }
        let (time, rate) = (optional(time)?, optional(rate)?);
        time.or(rate.zip(batch).map(|((place, rate), batch)| (place, batch as f64 / rate)))
    }

    fn positive_figure(&mut self, field: Field<'_>, dimension: Dimension) -> Option<(Span, f64)> {
        let quantity = self.exact(field.value, dimension, field.owner())?;
        Some((field.value.span, self.positive(&quantity, field.value, field.owner())?))
    }

    fn faster_than_the_device(&mut self, place: Span, seconds: f64, bound: f64, device: &Device) {
        let second = Dimension::of(Base::Second);
        let [seconds, bound] = [seconds, bound].map(|value| human(value, second));
        let message = format!("a pass of {seconds} is faster than `{}` can be", device.name);
        let error = Diagnostic::error(codes::TOO_FAST, message)
            .label(place, format!("its FLOPs alone take {bound} at the peak of the data sheet"))
            .help("the time is that of the whole batch on one device; check the unit, the batch and the model");
        self.report(error);
    }

    /// Tells that the passes of a kind are far apart.
    fn passes_agree<'p>(
        &mut self,
        name: &str,
        list: Field<'_>,
        found: Option<&Calibration>,
        passes: impl Iterator<Item = &'p (Span, Pass, Beside)>,
    ) {
        let Some(found) = found.filter(|found| found.within + 1.0 > APART) else { return };
        let off = |times: &Beside| times.seconds / (found.work * times.work + found.overhead * times.overhead);
        let mut passes: Vec<(Span, f64)> = passes.map(|(place, _, times)| (*place, off(times))).collect();
        passes.sort_by(|a, b| a.1.total_cmp(&b.1));
        let ([(first, least), ..], [.., (last, most)]) = (passes.as_slice(), passes.as_slice()) else { return };
        let message = format!("measured passes of {name} are {:.1} times apart", most / least);
        let warning = Diagnostic::warning(codes::PASSES_APART, message)
            .label(*first, format!("takes {least:.2} times what the others make of it"))
            .label(*last, format!("takes {most:.2} times"))
            .label(list.name.span, "no correction of the time model brings them together")
            .help("leave out passes that waited for data or for the host, or say their `attention` and `compute`");
        self.report(warning);
    }
}

//! `device NAME { ... }`

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::hardware::{Calibrations, Device};
use crate::plan::check::{Checker, Owner};
use crate::plan::schema::{Fields, Schema};
use crate::plan::{Price, codes};
use crate::source::Span;
use crate::syntax::ast::{Block, Expr, Item, ItemKind};
use crate::units::{Base, ComputeKind, Dimension, Quantile, Quantity};

const SCHEMA: Schema = Schema::of(&[
    "title",
    "bf16",
    "fp16",
    "fp32",
    "tf32",
    "fp8",
    "fp4",
    "int8",
    "memory",
    "bandwidth",
    "units",
    "shared",
    "l2",
    "clock",
    "exponentials",
    "alignment",
    "price",
    "source",
    "measured",
]);

/// Number formats that have a rate.
const FORMATS: [&str; 7] = ["bf16", "fp16", "fp32", "tf32", "fp8", "fp4", "int8"];

/// The most units, and bytes or exponentials of one.
const LIMIT: u64 = 1 << 40;

/// Bytes to which rows must be aligned where nothing is said: the widest load of a GPU's thread.
const ALIGNMENT: u64 = 16;

impl<'a> Checker<'a> {
    /// Checks a device; its price, where it has one, comes with its place.
    ///
    /// Where absent, the device it begins as has its word; else no other formats than are given, 16 B of alignment, no
    /// cache that is known and no bound by exponentials. What was measured of that device holds as long as nothing it depends on is changed, and
    /// passes that this one's users measured correct it.
    pub(in crate::plan) fn device(&mut self, item: &'a Item) -> Option<(Device, Option<(Span, Price)>)> {
        let ItemKind::Device { name, from, body } = &item.kind else { return None };
        let name = name.as_ref()?;
        let base = match from {
            None => None,
            Some(from) => Some(self.device_named(from)?),
        };
        let nothing = Block { span: name.span.after(), entries: Vec::new() };
        let body = match (body, &base) {
            (Some(body), _) => body,
            (None, Some(_)) => &nothing,
            (None, None) => return None,
        };
        let fields = self.fields(format!("device `{}`", name.value), name.span, body, SCHEMA);
        let base = base.as_deref();

        let rates = self.rates(&fields, base);
        let byte = Dimension::of(Base::Byte);
        let memory = self.above_zero(&fields, "memory", byte, base.map(|base| base.memory).ok_or("memory = 141 GB"));
        let bandwidth = base.map(|base| base.bandwidth).ok_or("bandwidth = 4.8 TB/s");
        let bandwidth = self.above_zero(&fields, "bandwidth", Dimension::BANDWIDTH, bandwidth);
        let clock = base.map(|base| base.clock).ok_or("clock = 1.83 GHz");
        let clock = self.above_zero(&fields, "clock", Dimension::FREQUENCY, clock);
        let units =
            self.whole(&fields, "units", (Dimension::NONE, 1), base.map(|base| base.units).ok_or("units = 132"));
        let shared = self.whole(&fields, "shared", (byte, 1), base.map(|base| base.shared).ok_or("shared = 228 KiB"));
        let l2 = self.whole(&fields, "l2", (byte, 0), Ok(base.map_or(0, |base| base.l2)));
        let alignment = self.whole(&fields, "alignment", (byte, 1), Ok(base.map_or(ALIGNMENT, |base| base.alignment)));
        let exponentials = Ok(base.map_or(0, |base| base.exponentials));
        let exponentials = self.whole(&fields, "exponentials", (Dimension::NONE, 0), exponentials);
        let title = fields.get("title").map_or_else(
            || Some(base.map_or_else(|| name.value.clone(), |base| base.title.clone())),
            |field| self.text(field),
        );
        let source = self.source(&fields, base);
        let price = fields.get("price").map(|field| (field.name.span, self.price(field.value, field.owner())));

        let source = source?;
        let stated = source.clone();
        let price = match price {
            None => None,
            Some((place, rate)) => Some((place, Price { rate: rate?, source: source.clone(), date: None })),
        };
        let device = Device {
            name: name.value.clone(),
            title: title?,
            arch: base.and_then(|base| base.arch.clone()),
            rates: rates?,
            memory: memory?,
            bandwidth: bandwidth?,
            units: units?,
            shared: shared?,
            l2: l2?,
            clock: clock?,
            exponentials: exponentials?,
            alignment: alignment?,
            power: base.map_or(0.0, |base| base.power),
            source: match base {
                Some(base) if source != base.source => format!("{source}; the rest: {}", base.source),
                _ => source,
            },
            measured: None,
            own: Calibrations::default(),
        };
        let alike = base.filter(|base| runs_alike(base, &device));
        let measured = alike.and_then(|base| base.measured.clone());
        let device = Device { measured, ..device };
        let own = match fields.get("measured") {
            Some(field) => self.calibrations(field, &device, &stated)?,
            None => alike.map(|base| base.own.clone()).unwrap_or_default(),
        };
        Some((Device { own, ..device }, price))
    }

    /// Rates by number format, in FLOP/s of one device.
    fn rates(&mut self, fields: &Fields<'_>, base: Option<&Device>) -> Option<BTreeMap<String, f64>> {
        let mut rates = base.map(|base| base.rates.clone()).unwrap_or_default();
        let mut is_whole = true;
        for format in FORMATS {
            let Some(field) = fields.get(format) else { continue };
            match self.rate(field.value, field.owner()) {
                Some(rate) => drop(rates.insert(format.to_owned(), rate)),
                None => is_whole = false,
            }
        }
        if is_whole && !rates.contains_key("bf16") {
            self.missing(fields, "bf16", "bf16 = 989 TFLOP/s/gpu");
            is_whole = false;
        }
        is_whole.then_some(rates)
    }

    /// What a device executes in a second.
    fn rate(&mut self, value: &Expr, owner: Owner<'_>) -> Option<f64> {
        let rate = self.exact(value, Dimension::DEVICE_RATE, owner)?;
        if let Some(kind @ (ComputeKind::Forward | ComputeKind::Training)) = rate.measure.kind {
            let message = format!("a device's rate is what it executes, and this is {} compute", kind.name());
            let error = Diagnostic::error(codes::COMPUTE_KIND, message)
                .label(value.span, format!("counts {}", kind.name()))
                .label(owner.span, "is a rate")
                .help("write the peak of the data sheet, such as `989 TFLOP/s/gpu`");
            self.report(error);
            return None;
        }
        self.positive(&rate, value, owner)
    }

    pub(super) fn positive(&mut self, quantity: &Quantity, value: &Expr, owner: Owner<'_>) -> Option<f64> {
        let low = quantity.at(Quantile::LOW);
        if low <= 0.0 {
            let message = format!("`{}` must be positive", owner.name);
            self.out_of_range(message, value, low, quantity.measure.dimension, owner);
        }
        (low > 0.0).then_some(quantity.value)
    }

    /// A figure above zero: that of the base, or an example of what must be written.
    fn above_zero(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        dimension: Dimension,
        default: Result<f64, &str>,
    ) -> Option<f64> {
        let field = match (fields.get(name), default) {
            (Some(field), _) => field,
            (None, Ok(default)) => return Some(default),
            (None, Err(example)) => self.required(fields, name, example)?,
        };
        let quantity = self.exact(field.value, dimension, field.owner())?;
        self.positive(&quantity, field.value, field.owner())
    }

    /// A whole figure from `low` up: that of the base, or an example of what must be written.
    fn whole(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        (dimension, low): (Dimension, u64),
        default: Result<u64, &str>,
    ) -> Option<u64> {
        let field = match (fields.get(name), default) {
            (Some(field), _) => field,
            (None, Ok(default)) => return Some(default),
            (None, Err(example)) => self.required(fields, name, example)?,
        };
        self.count(field.value, dimension, (low, LIMIT), field.owner())
    }

    /// Who says so: every figure of a block needs it.
    fn source(&mut self, fields: &Fields<'_>, base: Option<&Device>) -> Option<String> {
        let field = match (fields.get("source"), base) {
            (Some(field), _) => field,
            (None, Some(base)) if !SCHEMA.fields.iter().any(|name| is_figure(name) && fields.get(name).is_some()) => {
                return Some(base.source.clone());
            }
            (None, _) => self.required(fields, "source", "source = \"data sheet of 2026\"")?,
        };
        let text = self.text(field)?;
        if text.trim().is_empty() {
            self.missing(fields, "source", "source = \"data sheet of 2026\"");
            return None;
        }
        Some(text)
    }

    /// A price of a device's time above zero, uncertain perhaps.
    pub(in crate::plan) fn price(&mut self, value: &Expr, owner: Owner<'_>) -> Option<Quantity> {
        let price = self.quantity(value, Dimension::DEVICE_PRICE, owner)?;
        self.positive(&price, value, owner)?;
        Some(price)
    }
}

/// Whether a field says a number.
fn is_figure(name: &str) -> bool {
    !["title", "source"].contains(&name)
}

/// Whether what was measured of a device holds of another one: everything that the time model reads is the same.
fn runs_alike(base: &Device, other: &Device) -> bool {
    let rates = base.rates.iter().all(|(format, rate)| other.rate(format) == Some(*rate));
    let figures = |device: &Device| (device.units, device.shared, device.exponentials, device.alignment);
    let speeds = |device: &Device| [device.bandwidth, device.clock].map(f64::to_bits);
    rates && figures(base) == figures(other) && speeds(base) == speeds(other)
}

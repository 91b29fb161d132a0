//! Devices by their names, and the numbers that paths such as `h200.bf16` name.

use std::sync::Arc;

use super::check::Checker;
use super::codes;
use super::names::list_of;
use crate::diagnostic::{Diagnostic, nearest};
use crate::hardware::{Device, device, devices};
use crate::source::Span;
use crate::syntax::ast::{Name, Path};
use crate::units::{ComputeKind, Dimension, Measure, Quantity};

/// There is no device of that name, which stands at `place` where that is a text.
pub(crate) fn no_device(name: &str, place: Option<Span>) -> Diagnostic {
    let error = Diagnostic::error(codes::UNKNOWN_DEVICE, format!("there is no device `{name}`"));
    let error = place.into_iter().fold(error, |error, place| error.label(place, "not a device that is known"));
    let known = || devices().iter().map(|device| device.name.as_str());
    match (nearest(name, known()), place) {
        (Some(near), Some(place)) => error.fix(format!("there is `{near}`"), place, near),
        (Some(near), None) => error.help(format!("there is `{near}`")),
        (None, _) => error.help(format!("known are {}", list_of(known()))),
    }
}

impl Checker<'_> {
    /// The device of that name.
    pub(super) fn device_named(&mut self, name: &Name) -> Option<Arc<Device>> {
        let found = device(&name.value);
        if found.is_none() {
            self.report(no_device(&name.value, Some(name.span)));
        }
        found.cloned()
    }

    /// The rate that a path such as `h200.bf16` names; `Some(None)` where it is no such path.
    #[expect(clippy::option_option, reason = "a mistake, or no rate, or a rate")]
    pub(super) fn device_rate(&mut self, path: &Path) -> Option<Option<Quantity>> {
        let (first, rate) = match path.names.as_slice() {
            [first] => (first, None),
            [first, rate] => (first, Some(rate)),
            _ => return Some(None),
        };
        let Some(device) = device(&first.value) else {
            let is_rate = |name: &Name| devices().iter().any(|device| device.rate(&name.value).is_some());
            if !rate.is_some_and(is_rate) {
                return Some(None);
            }
            let error = no_device(&first.value, Some(first.span));
            self.report(error.help("or write the rate, such as `989 TFLOP/s/gpu`"));
            return None;
        };
        let Some(rate) = rate else {
            let message = format!("`{}` is a device, not a number", device.name);
            let error = Diagnostic::error(codes::UNKNOWN_DEVICE, message).label(path.span, "name a rate of it");
            let rates = device.rates.keys().map(|name| format!("{}.{name}", device.name));
            self.report(rates.fold(error, |error, rate| error.fix(format!("there is `{rate}`"), path.span, rate)));
            return None;
        };
        let found = self.rate_of(device, &rate.value, rate.span)?;
        let measure = Measure::of_kind(Dimension::DEVICE_RATE, ComputeKind::Executed);
        Some(Some(Quantity::exact(found, measure)))
    }

    /// The peak of a device in a number format that stands at `place`, in FLOP/s.
    pub(super) fn rate_of(&mut self, device: &Device, format: &str, place: Span) -> Option<f64> {
        let found = device.rate(format);
        if found.is_none() {
            let message = format!("`{}` has no rate `{format}`", device.name);
            let error = Diagnostic::error(codes::UNKNOWN_DEVICE, message).label(place, "not a rate of it");
            let rates = device.rates.keys();
            self.report(rates.fold(error, |error, rate| error.fix(format!("there is `{rate}`"), place, rate)));
        }
        found
    }
}

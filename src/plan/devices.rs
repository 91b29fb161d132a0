//! Devices by their names, what their time costs, and the numbers that paths such as `h200.bf16` name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::{Checker, Owner};
use super::names::list_of;
use super::{Price, codes};
use crate::diagnostic::{Diagnostic, nearest};
use crate::hardware::{Device, device, devices};
use crate::source::Span;
use crate::syntax::ast::{Ast, Item, ItemKind, Name, Path};
use crate::units::{ComputeKind, Dimension, Measure, Quantity};

/// The plan's own devices, each checked once, in whatever order they stand; and prices of any device.
#[derive(Debug, Default)]
pub(super) struct Devices<'a> {
    list: Vec<Own<'a>>,
    by_name: BTreeMap<&'a str, usize>,
    /// How many are being checked, each for another one or for a value.
    open: usize,
    /// By the device's name, with the place that says so.
    prices: BTreeMap<String, (Span, Price)>,
    /// Whether a file holds prices that could not be read.
    hides_prices: bool,
}

#[derive(Debug)]
struct Own<'a> {
    name: &'a Name,
    item: &'a Item,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Waiting,
    Open,
    /// `None` where it has a mistake, which is reported.
    Done(Option<Arc<Device>>),
}

/// The word for a price among the numbers of a device.
const PRICE: &str = "price";

/// There is no device of that name, which stands at `place` where that is a text; `own` are those of a plan.
fn unknown(name: &str, place: Option<Span>, own: &[&str]) -> Diagnostic {
    let error = Diagnostic::error(codes::UNKNOWN_DEVICE, format!("there is no device `{name}`"));
    let error = place.into_iter().fold(error, |error, place| error.label(place, "not a device that is known"));
    let known = || own.iter().copied().chain(devices().iter().map(|device| device.name.as_str()));
    match (nearest(name, known()), place) {
        (Some(near), Some(place)) => error.fix(format!("there is `{near}`"), place, near),
        (Some(near), None) => error.help(format!("there is `{near}`")),
        (None, _) => error.help(format!("known are {}", list_of(known()))),
    }
}

/// There is no device of that name, neither among `own` ones of a plan nor among those that need no definition.
#[cfg(feature = "cli")]
pub(crate) fn no_device(name: &str, own: &[Arc<Device>]) -> Diagnostic {
    unknown(name, None, &own.iter().map(|device| device.name.as_str()).collect::<Vec<_>>())
}

impl Devices<'_> {
    /// Whether the plan defines a device of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// How many are being checked.
    pub(super) const fn open(&self) -> usize {
        self.open
    }
}

impl<'a> Checker<'a> {
    /// Takes note of a device, to be checked when it is needed.
    pub(super) fn collect_device(&mut self, name: &'a Name, item: &'a Item) {
        // A second one of the name has been reported.
        if !self.devices.has(&name.value) && self.is_free(name) {
            let devices = &mut self.devices;
            devices.by_name.insert(&name.value, devices.list.len());
            devices.list.push(Own { name, item, state: State::Waiting });
        }
    }

    /// Every device that the plan defines and that is whole, in its order.
    pub(super) fn own_devices(&mut self) -> Vec<Arc<Device>> {
        (0..self.devices.list.len()).filter_map(|index| self.own_device(index)).collect()
    }

    fn own_device(&mut self, index: usize) -> Option<Arc<Device>> {
        let own = self.devices.list.get_mut(index)?;
        if let State::Done(found) = &own.state {
            return found.clone();
        }
        own.state = State::Open;
        let (name, item) = (own.name, own.item);
        self.devices.open += 1;
        let found = self.elsewhere("device", &name.value, |checker| checker.device(item));
        self.devices.open -= 1;
        let found = found.map(|(device, price)| {
            if let Some((place, price)) = price {
                self.priced(&name.value, place, price);
            }
            Arc::new(device)
        });
        if let Some(own) = self.devices.list.get_mut(index) {
            own.state = State::Done(found.clone());
        }
        found
    }

    /// The device of that name: one of the plan, or one that needs no definition.
    pub(super) fn device_named(&mut self, name: &Name) -> Option<Arc<Device>> {
        let Some(&index) = self.devices.by_name.get(name.value.as_str()) else {
            let found = device(&name.value);
            if found.is_none() {
                let error = self.no_device(name);
                self.report(error);
            }
            return found.cloned();
        };
        let own = self.devices.list.get(index)?;
        if !matches!(own.state, State::Open) {
            let is_known = matches!(own.state, State::Done(_));
            return if !is_known && self.chain_is_too_long(name) { None } else { self.own_device(index) };
        }
        let error = Diagnostic::error(codes::CIRCLE, format!("device `{}` is defined by itself", name.value))
            .label(name.span, "needs the device that is being defined")
            .label(own.name.span, format!("defines `{}`", name.value))
            .help("write its figures as numbers");
        self.report(error);
        None
    }

    fn no_device(&self, name: &Name) -> Diagnostic {
        let own: Vec<&str> = self.devices.by_name.keys().copied().collect();
        unknown(&name.value, Some(name.span), &own)
    }

    /// Takes a price; reports a second one of the same device.
    fn priced(&mut self, device: &str, place: Span, price: Price) {
        if let Some((first, _)) = self.devices.prices.get(device) {
            let error = Diagnostic::error(codes::DUPLICATE_DEFINITION, format!("`{device}` has two prices"))
                .label(place, "priced again here")
                .label(*first, "first priced here")
                .help("keep one of them");
            self.report(error);
        } else {
            self.devices.prices.insert(device.to_owned(), (place, price));
        }
    }

    /// What a device's time costs, where the plan or a file of prices says so.
    pub(super) fn price_of(&self, device: &Device) -> Option<Price> {
        self.devices.prices.get(&device.name).map(|(_, price)| price.clone())
    }

    /// Takes the prices of every file that the plan names.
    pub(super) fn read_prices(&mut self, ast: &'a Ast) {
        for item in &ast.items {
            let ItemKind::Prices { path } = &item.kind else { continue };
            let list = path.as_ref().and_then(|path| self.files.prices.get(&path.value));
            let Some(list) = list else {
                self.devices.hides_prices = true;
                continue;
            };
            for (name, value) in &list.prices {
                let rate = self.elsewhere("prices", &name.value, |checker| {
                    let known = checker.is_device(name);
                    let owner = Owner { name: &name.value, span: name.span };
                    checker.price(value, owner).filter(|_| known)
                });
                self.devices.hides_prices |= rate.is_none();
                if let Some(rate) = rate {
                    let price = Price { rate, source: list.source.clone(), date: Some(list.date.clone()) };
                    self.priced(&name.value, name.span, price);
                }
            }
        }
    }

    /// Whether a name is that of a device; reports that it is not.
    fn is_device(&mut self, name: &Name) -> bool {
        let is_known = self.devices.has(&name.value) || device(&name.value).is_some();
        if !is_known {
            let error = self.no_device(name);
            self.report(error);
        }
        is_known
    }

    /// The number that a path such as `h200.bf16` or `h200.price` names; `Some(None)` where it is no such path.
    #[expect(clippy::option_option, reason = "a mistake, or no such number, or a number")]
    pub(super) fn device_value(&mut self, path: &Path) -> Option<Option<Quantity>> {
        let (first, number) = match path.names.as_slice() {
            [first] => (first, None),
            [first, number] => (first, Some(number)),
            _ => return Some(None),
        };
        if !self.devices.has(&first.value) && device(&first.value).is_none() {
            let is_of_devices =
                |name: &Name| name.value == PRICE || devices().iter().any(|device| device.rate(&name.value).is_some());
            if !number.is_some_and(is_of_devices) {
                return Some(None);
            }
            let error = self.no_device(first);
            let is_price = number.is_some_and(|name| name.value == PRICE);
            let example = if is_price { "2.50 $/gpu/h" } else { "989 TFLOP/s/gpu" };
            self.report(error.help(format!("or write the number itself, such as `{example}`")));
            return None;
        }
        let device = self.device_named(first)?;
        let Some(number) = number else {
            let message = format!("`{}` is a device, not a number", device.name);
            let error = Diagnostic::error(codes::UNKNOWN_DEVICE, message).label(path.span, "name a number of it");
            let rates = device.rates.keys().map(|name| format!("{}.{name}", device.name));
            self.report(rates.fold(error, |error, rate| error.fix(format!("there is `{rate}`"), path.span, rate)));
            return None;
        };
        if number.value == PRICE {
            let price = self.price_of(&device);
            if price.is_none() && !self.devices.hides_prices {
                self.no_price(&device, path.span);
            }
            return Some(Some(price?.rate));
        }
        let found = self.rate_of(&device, &number.value, number.span)?;
        let measure = Measure::of_kind(Dimension::DEVICE_RATE, ComputeKind::Executed);
        Some(Some(Quantity::exact(found, measure)))
    }

    fn no_price(&mut self, device: &Device, place: Span) {
        let name = &device.name;
        let error = Diagnostic::error(codes::NO_PRICE, format!("nothing says what the time of `{name}` costs"))
            .label(place, "no price is known")
            .help(format!("read it from a file: `prices \"prices.toml\"` with `source`, `date` and `[prices]`, `{name} = \"2.50 $/gpu/h\"`"))
            .help("or write it: `let price = 2.50 $/gpu/h`");
        self.report(error);
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

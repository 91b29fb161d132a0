//! Quantities for people: the unit and the digits a person would choose.

use super::Dimension;
use super::table::{Print, Unit, table};

/// A value in base units as a person would write it, with three significant digits: `8.54 ZFLOP`, `428 Mparam`,
/// `38.8e9 example`, `21 day`, `989 TFLOP/s/gpu`, `0.22`.
///
/// The text is a quantity that a plan may hold.
pub fn human(value: f64, dimension: Dimension) -> String {
    if dimension.is_none() || !value.is_finite() {
        return if dimension.is_none() { number(value) } else { format!("{value} {dimension}") };
    }
    if let Some(&(_, unit, factor)) = IN_HOURS.iter().find(|(known, ..)| *known == dimension) {
        let amount = value / factor;
        let amount = if rounded(amount).abs() >= 1e4 { engineering(amount) } else { number(amount) };
        return format!("{amount} {unit}");
    }
    let Some((unit, rest)) = choose(value, dimension) else { return format!("{} {dimension}", number(value)) };
    let amount = value / unit.factor;
    match unit.print {
        Some(Print::Prefix) => {
            let (amount, prefix) = with_prefix(amount, unit);
            format!("{} {prefix}{}{rest}", number(amount), unit.name)
        }
        Some(Print::Exponent) if amount.abs() >= 1e4 => format!("{} {}{rest}", engineering(amount), unit.name),
        _ => format!("{} {}{rest}", number(amount), unit.name),
    }
}

/// Products with time that people count in hours: the unit, and base units in one of it.
const IN_HOURS: [(Dimension, &str, f64); 2] =
    [(Dimension::DEVICE_TIME, "gpu*h", 3600.0), (Dimension::DEVICE_PRICE, "$/gpu/h", 1.0 / 3600.0)];

/// An uncertain value with its 90 % interval as a person would write it: `8.49 ZFLOP (8 ZFLOP to 9 ZFLOP)`.
pub fn human_interval(value: f64, interval: Option<[f64; 2]>, dimension: Dimension) -> String {
    let middle = human(value, dimension);
    match interval {
        Some([low, high]) => format!("{middle} ({} to {})", human(low, dimension), human(high, dimension)),
        None => middle,
    }
}

/// A pure number with all its digits, or with an exponent where its zeros would fill the line: `1152`, `1e300`.
pub fn exact(value: f64) -> String {
    if value == 0.0 || !value.is_finite() || (1e-6..1e17).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

/// A pure number with so many decimals, or with an exponent where its digits would fill the line.
pub fn fixed(value: f64, decimals: usize) -> String {
    if value.abs() < 1e12 { format!("{value:.decimals$}") } else { format!("{value:.2e}") }
}

/// What a message calls a quantity of a dimension: `compute`, `a pure number`, ``a quantity in `FLOP/s` ``.
pub fn describe(dimension: Dimension) -> String {
    if dimension.is_none() {
        return "a pure number".into();
    }
    let mut factors = dimension.factors();
    if let (Some((base, 1)), None) = (factors.next(), factors.next())
        && let Some(row) = table().bases.iter().find(|row| row.name == base.name())
    {
        return row.noun.clone();
    }
    format!("a quantity in `{dimension}`")
}

/// The unit that leads, and the rest of the dimension as text; `None` where nothing stands once above the line.
fn choose(value: f64, dimension: Dimension) -> Option<(&'static Unit, String)> {
    let (base, exponent) = dimension.factors().find(|&(_, exponent)| exponent > 0)?;
    let lead = Dimension::of(base);
    let printed = || table().units.iter().filter(|unit| unit.print.is_some() && unit.dimension() == lead);
    if exponent != 1 {
        return None;
    }
    if dimension != lead {
        let unit = printed().find(|unit| unit.factor == 1.0)?;
        return Some((unit, dimension.to_string().strip_prefix(base.name())?.to_owned()));
    }
    let fits = |unit: &&Unit| rounded(value).abs() >= unit.factor;
    let largest = printed().filter(fits).max_by(|a, b| a.factor.total_cmp(&b.factor));
    Some((largest.or_else(|| printed().next())?, String::new()))
}

/// The value over the largest decimal prefix that keeps it at or above 1, and that prefix.
fn with_prefix(value: f64, unit: &Unit) -> (f64, &'static str) {
    let size = rounded(value).abs();
    let prefixes = || table().prefixes.iter().filter(|prefix| unit.takes(prefix) && prefix.set != "binary");
    let one = (1.0, "");
    let all = || prefixes().map(|prefix| (prefix.factor, prefix.name.as_str())).chain([one]);
    let fits = all().filter(|&(factor, _)| factor <= size).max_by(|a, b| a.0.total_cmp(&b.0));
    let smallest = || all().min_by(|a, b| a.0.total_cmp(&b.0));
    let (factor, name) = if value == 0.0 { one } else { fits.or_else(smallest).unwrap_or(one) };
    (value / factor, name)
}

/// Whole numbers below a million as they are; others with three significant digits.
fn number(value: f64) -> String {
    let size = rounded(value).abs();
    if value == 0.0 {
        "0".into()
    } else if !value.is_finite() || (value.fract() == 0.0 && size < 1e6) {
        value.to_string()
    } else if size >= 1e6 {
        engineering(value)
    } else if size < 1e-3 {
        let text = format!("{value:.2e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{exponent}", trim(mantissa))
    } else {
        rounded(value).to_string()
    }
}

/// `38.8e9`: an exponent that is a multiple of three.
fn engineering(value: f64) -> String {
    let text = format!("{value:.2e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let shift = exponent.rem_euclid(3);
    let scaled = mantissa.parse().unwrap_or(value) * f64::from(10_i32.pow(shift.unsigned_abs()));
    let decimals = 2_usize.saturating_sub(shift.unsigned_abs() as usize);
    format!("{}e{}", trim(&format!("{scaled:.decimals$}")), exponent - shift)
}

fn trim(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// To three significant digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::super::{Base, resolve};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn people_read_them() {
        let check = |value: f64, dimension: Dimension, text: &str| assert_eq!(human(value, dimension), text);
        check(8.54e21, Dimension::FLOP, "8.54 ZFLOP");
        check(7e17, Dimension::FLOP, "700 PFLOP");
        check(999.6e18, Dimension::FLOP, "1 ZFLOP");
        check(3e29, Dimension::FLOP, "300000 YFLOP");
        check(220353896448.0, Dimension::FLOP_PER_EXAMPLE, "220 GFLOP/example");
        check(989.4e12, Dimension::DEVICE_RATE, "989 TFLOP/s/gpu");
        check(38.755e9, Dimension::EXAMPLE, "38.8e9 example");
        check(16e9, Dimension::EXAMPLE, "16e9 example");
        check(4096.0, Dimension::EXAMPLE, "4096 example");
        check(427680704.0, Dimension::PARAM, "428 Mparam");
        check(256.0, Dimension::TOKEN, "256 token");
        check(224.0, Dimension::PX, "224 px");
        check(64.0, Dimension::of(Base::Gpu), "64 gpu");
        check(1814400.0, Dimension::of(Base::Second), "21 day");
        check(5400.0, Dimension::of(Base::Second), "1.5 h");
        check(59.99, Dimension::of(Base::Second), "1 min");
        check(0.0123, Dimension::of(Base::Second), "12.3 ms");
        check(3e-12, Dimension::of(Base::Second), "0.003 ns");
        check(1234.5, Dimension::of(Base::Dollar), "1230 $");
        check(61.6e6 * 3600.0, Dimension::DEVICE_TIME, "61.6e6 gpu*h");
        check(2.5 / 3600.0, Dimension::DEVICE_PRICE, "2.5 $/gpu/h");
        check(0.0, Dimension::FLOP, "0 FLOP");
        check(-8.54e21, Dimension::FLOP, "-8.54 ZFLOP");
        check(0.22, Dimension::NONE, "0.22");
        check(1152.0, Dimension::NONE, "1152");
        check(1234567.0, Dimension::NONE, "1.23e6");
        check(1.5e-7, Dimension::NONE, "1.5e-7");
        check(12.0, Dimension::of(Base::Second).power(-1).unwrap(), "12 s^-1");
        check(f64::INFINITY, Dimension::FLOP, "inf FLOP");
    }

    #[test]
    fn no_number_fills_the_line() {
        for (value, text) in [(384.0, "384"), (-0.5, "-0.5"), (1e308, "1e308"), (1e-320, "1e-320"), (0.0, "0")] {
            assert_eq!(exact(value), text);
        }
        assert_eq!((exact(f64::NAN).as_str(), exact(-f64::INFINITY).as_str()), ("NaN", "-inf"));
        for (value, text) in [(1039.94, "1039.9"), (3e44, "3.00e44"), (f64::INFINITY, "inf")] {
            assert_eq!(fixed(value, 1), text);
        }
    }

    #[test]
    fn dimensions_have_nouns() {
        assert_eq!(describe(Dimension::NONE), "a pure number");
        assert_eq!(describe(Dimension::FLOP), "compute");
        assert_eq!(describe(Dimension::DEVICE_RATE), "a quantity in `FLOP/s/gpu`");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(mantissa in 1.0..10.0f64, exponent in -8i32..26, base in proptest::sample::select(&Base::ALL[..])) {
            let value = mantissa * 10f64.powi(exponent);
            let text = human(value, Dimension::of(base));
            let (number, unit) = text.split_once(' ').unwrap();
            let unit = resolve(unit).unwrap();
            let read = number.parse::<f64>().unwrap() * unit.factor;
            prop_assert!((read / value - 1.0).abs() < 0.0051, "{text} is {read}, not {value}");
            prop_assert_eq!(unit.dimension, Dimension::of(base));
        }
    }
}

//! What kind of thing a number counts, as exponents over the base dimensions.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A full vector of exponents; `FLOP/s/gpu` is FLOP 1, s -1, gpu -1. All zero is a pure number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dimension {
    exponents: [i8; Base::ALL.len()],
}

/// The base dimensions, which are also the base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Base {
    /// Floating-point operations.
    Flop,
    /// Seconds.
    Second,
    /// Bytes.
    Byte,
    /// Accelerators.
    Gpu,
    /// United States dollars.
    Dollar,
    /// Training examples.
    Example,
    /// Pixels along a side.
    Pixel,
    /// Tokens.
    Token,
    /// Parameters.
    Param,
}

impl Base {
    /// All of them, in the order of the exponents.
    pub const ALL: [Self; 9] = [
        Self::Flop,
        Self::Second,
        Self::Byte,
        Self::Gpu,
        Self::Dollar,
        Self::Example,
        Self::Pixel,
        Self::Token,
        Self::Param,
    ];

    /// The base unit's name in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flop => "FLOP",
            Self::Second => "s",
            Self::Byte => "B",
            Self::Gpu => "gpu",
            Self::Dollar => "$",
            Self::Example => "example",
            Self::Pixel => "px",
            Self::Token => "token",
            Self::Param => "param",
        }
    }
}

impl Dimension {
    /// A pure number.
    pub const NONE: Self = Self { exponents: [0; Base::ALL.len()] };
    /// Compute.
    pub const FLOP: Self = Self::of(Base::Flop);
    /// Examples.
    pub const EXAMPLE: Self = Self::of(Base::Example);
    /// Pixels.
    pub const PX: Self = Self::of(Base::Pixel);
    /// Tokens.
    pub const TOKEN: Self = Self::of(Base::Token);
    /// Parameters.
    pub const PARAM: Self = Self::of(Base::Param);
    /// Compute of one example.
    pub const FLOP_PER_EXAMPLE: Self = {
        let mut dimension = Self::FLOP;
        dimension.exponents[Base::Example as usize] = -1;
        dimension
    };
    /// Examples per second.
    pub const RATE: Self = {
        let mut dimension = Self::EXAMPLE;
        dimension.exponents[Base::Second as usize] = -1;
        dimension
    };
    /// Bytes per second.
    pub const BANDWIDTH: Self = {
        let mut dimension = Self::of(Base::Byte);
        dimension.exponents[Base::Second as usize] = -1;
        dimension
    };
    /// How often in a second.
    pub const FREQUENCY: Self = {
        let mut dimension = Self::NONE;
        dimension.exponents[Base::Second as usize] = -1;
        dimension
    };
    /// A device's rate: compute per second and accelerator.
    pub const DEVICE_RATE: Self = {
        let mut dimension = Self::FLOP;
        dimension.exponents[Base::Second as usize] = -1;
        dimension.exponents[Base::Gpu as usize] = -1;
        dimension
    };

    /// Time of devices: as many for as long.
    pub const DEVICE_TIME: Self = {
        let mut dimension = Self::of(Base::Second);
        dimension.exponents[Base::Gpu as usize] = 1;
        dimension
    };
    /// Money for the time of a device.
    pub const DEVICE_PRICE: Self = {
        let mut dimension = Self::of(Base::Dollar);
        dimension.exponents[Base::Second as usize] = -1;
        dimension.exponents[Base::Gpu as usize] = -1;
        dimension
    };
    /// Money.
    pub const MONEY: Self = Self::of(Base::Dollar);

    /// A base dimension to the first power.
    pub const fn of(base: Base) -> Self {
        let mut dimension = Self::NONE;
        dimension.exponents[base as usize] = 1;
        dimension
    }

    /// The exponent of a base dimension.
    pub const fn exponent(self, base: Base) -> i8 {
        self.exponents[base as usize]
    }

    /// Whether this is a pure number.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The dimension of a product; `None` where an exponent leaves `i8`.
    pub fn multiply(self, other: Self) -> Option<Self> {
        self.zip(other, i8::checked_add)
    }

    /// The dimension of a quotient; `None` where an exponent leaves `i8`.
    pub fn divide(self, other: Self) -> Option<Self> {
        self.zip(other, i8::checked_sub)
    }

    /// The dimension of a power; `None` where an exponent leaves `i8`.
    pub fn power(self, exponent: i8) -> Option<Self> {
        self.zip(Self::NONE, |mine, _| mine.checked_mul(exponent))
    }

    /// Each base dimension that occurs, with its exponent.
    pub fn factors(self) -> impl Iterator<Item = (Base, i8)> {
        Base::ALL.into_iter().map(move |base| (base, self.exponent(base))).filter(|&(_, exponent)| exponent != 0)
    }

    fn zip(self, other: Self, f: impl Fn(i8, i8) -> Option<i8>) -> Option<Self> {
        let mut exponents = self.exponents;
        for (mine, theirs) in exponents.iter_mut().zip(other.exponents) {
            *mine = f(*mine, theirs)?;
        }
        Some(Self { exponents })
    }
}

impl fmt::Display for Dimension {
    /// As a plan writes it: `FLOP/s/gpu`, `gpu*s`, `s^2`, `s^-1`; `1` for a pure number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("1");
        }
        let above: Vec<_> = self.factors().filter(|&(_, exponent)| exponent > 0).collect();
        for (i, &(base, exponent)) in above.iter().enumerate() {
            write!(f, "{}{}", if i > 0 { "*" } else { "" }, Factor(base, exponent.into()))?;
        }
        for (i, (base, exponent)) in self.factors().filter(|&(_, exponent)| exponent < 0).enumerate() {
            match (above.is_empty(), i) {
                (true, 0) => write!(f, "{}", Factor(base, exponent.into()))?,
                _ => write!(f, "/{}", Factor(base, -i16::from(exponent)))?,
            }
        }
        Ok(())
    }
}

impl FromStr for Dimension {
    type Err = UnknownDimension;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, UnknownDimension> {
        let unknown = || UnknownDimension(text.to_owned());
        if text == "1" {
            return Ok(Self::NONE);
        }
        let mut dimension = Self::NONE;
        let mut rest = text;
        let mut sign = 1;
        loop {
            let end = rest.find(['*', '/']).unwrap_or(rest.len());
            let (factor, behind) = rest.split_at(end);
            let (name, exponent) = factor.split_once('^').unwrap_or((factor, "1"));
            let base = Base::ALL.into_iter().find(|base| base.name() == name).ok_or_else(unknown)?;
            let exponent: i16 = exponent.parse().map_err(|_| unknown())?;
            let exponent = i8::try_from(sign * exponent).map_err(|_| unknown())?;
            let factor = Self::of(base).power(exponent).ok_or_else(unknown)?;
            dimension = dimension.multiply(factor).ok_or_else(unknown)?;
            let mut characters = behind.chars();
            sign = match characters.next() {
                None => return Ok(dimension),
                Some('*') => 1,
                Some(_) => -1,
            };
            rest = characters.as_str();
        }
    }
}

/// A text that is no dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDimension(String);

impl fmt::Display for UnknownDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no dimension", self.0)
    }
}

impl std::error::Error for UnknownDimension {}

impl Serialize for Dimension {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Dimension {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(feature = "cli")]
impl schemars::JsonSchema for Dimension {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Dimension".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "As a plan writes it: `FLOP/s/gpu`, `s^2`; `1` for a pure number." })
    }
}

struct Factor(Base, i16);

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            1 => f.write_str(self.0.name()),
            exponent => write!(f, "{}^{exponent}", self.0.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small() -> impl Strategy<Value = Dimension> {
        proptest::array::uniform9(-20i8..=20).prop_map(|exponents| Dimension { exponents })
    }

    proptest! {
        #[test]
        fn dimensions_are_a_commutative_group(a in small(), b in small(), c in small()) {
            let mul = |a: Dimension, b| a.multiply(b).unwrap();
            prop_assert_eq!(mul(a, b), mul(b, a));
            prop_assert_eq!(mul(mul(a, b), c), mul(a, mul(b, c)));
            prop_assert_eq!(mul(a, Dimension::NONE), a);
            prop_assert_eq!(a.divide(a), Some(Dimension::NONE));
            prop_assert_eq!(mul(a, b).divide(b), Some(a));
            prop_assert_eq!(a.power(2), Some(mul(a, a)));
            prop_assert_eq!(a.power(-1), Dimension::NONE.divide(a));
        }

        #[test]
        fn display_tells_dimensions_apart(a in small(), b in small()) {
            prop_assert_eq!(a == b, a.to_string() == b.to_string());
            prop_assert_eq!(a.to_string().parse(), Ok(a));
        }
    }

    #[test]
    fn they_read_as_plans_write_them() {
        let of = Dimension::of;
        let per = |a: Dimension, b| a.divide(of(b)).unwrap();
        assert_eq!(Dimension::DEVICE_RATE.to_string(), "FLOP/s/gpu");
        assert_eq!(Dimension::FLOP_PER_EXAMPLE.to_string(), "FLOP/example");
        assert_eq!(of(Base::Second).multiply(of(Base::Gpu)).unwrap().to_string(), "s*gpu");
        assert_eq!(Dimension::NONE.to_string(), "1");
        for wrong in ["", "m", "s^", "s/", "s^200", "1/s"] {
            assert!(wrong.parse::<Dimension>().is_err(), "{wrong}");
        }
        assert_eq!(per(Dimension::NONE, Base::Second).to_string(), "s^-1");
        assert_eq!(per(per(Dimension::NONE, Base::Second), Base::Gpu).to_string(), "s^-1/gpu");
        assert_eq!(per(per(Dimension::FLOP.power(2).unwrap(), Base::Second), Base::Second).to_string(), "FLOP^2/s^2");
    }

    #[test]
    fn exponents_do_not_wrap() {
        let high = Dimension::FLOP.power(127).unwrap();
        assert_eq!(high.multiply(Dimension::FLOP), None);
        assert_eq!(high.power(2), None);
        assert_eq!(Dimension::FLOP.power(-128).unwrap().to_string(), "FLOP^-128");
    }
}

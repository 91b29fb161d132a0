//! The units of `grammar/units.toml`, found by name and prefix.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::{Base, Dimension};
use crate::diagnostic::nearest;

/// A unit's name as written, found: how many base units it is, and of what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolved {
    /// Base units in one of it.
    pub factor: f64,
    /// Its dimension.
    pub dimension: Dimension,
}

/// Why a unit's name means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnknownUnit {
    /// A prefix with no unit after it, such as `M`.
    BarePrefix,
    /// The unit exists but takes no such prefix.
    Prefix {
        /// The prefix.
        prefix: &'static str,
        /// The unit.
        unit: &'static str,
    },
    /// Left out on purpose; what to write instead.
    Refused(&'static str),
    /// No such unit; the nearest name, if one is near.
    Unknown(Option<String>),
}

/// Finds one unit, with or without a prefix: `px`, `TFLOP`, `GiB`.
pub fn resolve(name: &str) -> Result<Resolved, UnknownUnit> {
    TABLE.resolve(name)
}

/// The factor of a prefix: 1e6 for `M`.
pub fn prefix_factor(name: &str) -> Option<f64> {
    TABLE.prefixes.iter().find(|prefix| prefix.name == name).map(|prefix| prefix.factor)
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("../../grammar/units.toml")));

/// The table of this build.
pub(super) fn table() -> &'static Table {
    &TABLE
}

/// The embedded file. A test holds it whole, so the empty table of a broken one is never met.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    #[serde(rename = "base")]
    pub(super) bases: Vec<BaseRow>,
    #[serde(rename = "prefix")]
    pub(super) prefixes: Vec<Prefix>,
    #[serde(rename = "unit")]
    pub(super) units: Vec<Unit>,
    refused: Vec<Refused>,
}

/// A base dimension.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BaseRow {
    pub(super) name: String,
    /// What a message calls an amount of it.
    pub(super) noun: String,
}

/// A prefix.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prefix {
    pub(super) name: String,
    pub(super) factor: f64,
    pub(super) set: String,
}

/// A unit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unit {
    pub(super) name: String,
    #[serde(default)]
    aliases: Vec<String>,
    pub(super) factor: f64,
    dimension: BTreeMap<String, i8>,
    #[serde(default)]
    prefixes: Vec<String>,
    pub(super) print: Option<Print>,
    /// Where the conversion is defined; for readers of the file.
    #[serde(rename = "source")]
    _source: String,
}

/// How a report prints amounts of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Print {
    /// `8.54 ZFLOP`
    Prefix,
    /// `38.8e9 example`
    Exponent,
    /// `224 px`
    Plain,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    name: String,
    advice: String,
}

impl Table {
    fn read(text: &str) -> Self {
        toml::from_str(text).unwrap_or_default()
    }

    fn resolve(&'static self, name: &str) -> Result<Resolved, UnknownUnit> {
        if let Some(unit) = self.units.iter().find(|unit| unit.spelled(name)) {
            return Ok(Resolved { factor: unit.factor, dimension: unit.dimension() });
        }
        for (prefix, rest) in self.splits(name) {
            if let Some(unit) = self.units.iter().find(|unit| unit.spelled(rest)) {
                if !unit.takes(prefix) {
                    return Err(UnknownUnit::Prefix { prefix: &prefix.name, unit: &unit.name });
                }
                return Ok(Resolved { factor: prefix.factor * unit.factor, dimension: unit.dimension() });
            }
        }
        let refused = |name: &str| self.refused.iter().find(|refused| refused.name == name);
        let prefixed = || self.splits(name).find_map(|(_, rest)| refused(rest));
        if let Some(refused) = refused(name).or_else(prefixed) {
            return Err(UnknownUnit::Refused(&refused.advice));
        }
        if self.prefixes.iter().any(|prefix| prefix.name == name) {
            return Err(UnknownUnit::BarePrefix);
        }
        let spellings = self.spellings();
        Err(UnknownUnit::Unknown(nearest(name, spellings.iter().map(String::as_str)).map(str::to_owned)))
    }

    /// The ways to read a name as prefix and rest.
    fn splits<'n>(&'static self, name: &'n str) -> impl Iterator<Item = (&'static Prefix, &'n str)> {
        self.prefixes.iter().filter_map(move |prefix| {
            let rest = name.strip_prefix(&prefix.name)?;
            (!rest.is_empty()).then_some((prefix, rest))
        })
    }

    /// Every name that resolves.
    fn spellings(&self) -> Vec<String> {
        let mut list = Vec::new();
        for unit in &self.units {
            for name in unit.names() {
                list.push(name.to_owned());
                list.extend(self.prefixes.iter().filter(|p| unit.takes(p)).map(|p| format!("{}{name}", p.name)));
            }
        }
        list
    }
}

impl Unit {
    pub(super) fn dimension(&self) -> Dimension {
        self.dimension.iter().fold(Dimension::NONE, |product, (name, &exponent)| {
            let base = Base::ALL.into_iter().find(|base| base.name() == name);
            base.and_then(|base| Dimension::of(base).power(exponent))
                .and_then(|factor| product.multiply(factor))
                .unwrap_or(product)
        })
    }

    pub(super) fn takes(&self, prefix: &Prefix) -> bool {
        self.prefixes.contains(&prefix.set)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.aliases.iter().map(String::as_str))
    }

    fn spelled(&self, name: &str) -> bool {
        self.names().any(|mine| mine == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_table_is_whole() {
        let table: Table = toml::from_str(include_str!("../../grammar/units.toml")).unwrap();
        let bases: Vec<_> = table.bases.iter().map(|base| base.name.as_str()).collect();
        assert_eq!(bases, Base::ALL.map(Base::name));
        for unit in &table.units {
            assert!(unit.factor.is_finite() && unit.factor > 0.0, "{}", unit.name);
            assert!(unit.dimension.keys().all(|name| bases.contains(&name.as_str())), "{}", unit.name);
            for set in &unit.prefixes {
                assert!(table.prefixes.iter().any(|prefix| &prefix.set == set), "{}: no prefix set {set}", unit.name);
            }
        }
    }

    #[test]
    fn every_spelling_means_one_thing() {
        let mut list = TABLE.spellings();
        let all = list.len();
        list.sort();
        list.dedup();
        assert_eq!(list.len(), all);
        for name in &list {
            assert!(resolve(name).is_ok(), "{name}");
        }
        for refused in &TABLE.refused {
            assert!(matches!(resolve(&refused.name), Err(UnknownUnit::Refused(_))), "{}", refused.name);
        }
    }

    #[test]
    fn names_and_prefixes() {
        let check = |name: &str, factor: f64, dimension: &str| {
            let unit = resolve(name).unwrap();
            assert_eq!((unit.factor, unit.dimension.to_string().as_str()), (factor, dimension), "{name}");
        };
        check("FLOP", 1.0, "FLOP");
        check("ZFLOPs", 1e21, "FLOP");
        check("h", 3600.0, "s");
        check("week", 604800.0, "s");
        check("ms", 1e-3, "s");
        check("GHz", 1e9, "s^-1");
        check("min", 60.0, "s");
        check("GB", 1e9, "B");
        check("GiB", 1073741824.0, "B");
        check("Mparam", 1e6, "param");
        check("%", 0.01, "1");
        check("$", 1.0, "$");
    }

    #[test]
    fn unknown_names_say_why() {
        let check = |name: &str, why: UnknownUnit| assert_eq!(resolve(name).unwrap_err(), why, "{name}");
        check("M", UnknownUnit::BarePrefix);
        check("Mgpu", UnknownUnit::Prefix { prefix: "M", unit: "gpu" });
        check("ks", UnknownUnit::Prefix { prefix: "k", unit: "s" });
        check("exampel", UnknownUnit::Unknown(Some("example".into())));
        check("parsec", UnknownUnit::Unknown(None));
        assert!(matches!(resolve("TFLOPS"), Err(UnknownUnit::Refused(advice)) if advice.contains("FLOP/s")));
        assert!(matches!(resolve("GMAC"), Err(UnknownUnit::Refused(advice)) if advice.contains("2 FLOP")));
    }
}

//! What keeps a box from having any legal shape, and how far from one it is.

use super::choose::Question;
use super::search::{Found, best};
use super::{codes, prices};
use crate::diagnostic::Diagnostic;
use crate::plan::Requirement;
use crate::units::{Dimension, human};
use crate::vit::Shape;

impl Question<'_> {
    /// Names an irreducible set of conflicting requirements: without any one of them there is a shape.
    pub(super) fn infeasible(&self) -> Diagnostic {
        let mut core: Vec<&Requirement> = self.search.requires.iter().collect();
        let mut i = 0;
        while i < core.len() {
            let mut fewer = core.clone();
            fewer.remove(i);
            if best(&self.space, &fewer) == Found::Nothing { core = fewer } else { i += 1 }
        }
        let name = &self.search.name;
        let message = match core.as_slice() {
            [] => format!("search `{}` has no width that {} heads divide", name.value, self.space.architecture.heads),
            [one] => format!("no shape of search `{}` satisfies `{}`", name.value, one.text),
            many => {
                let list: Vec<String> = many.iter().map(|require| format!("`{}`", require.text)).collect();
                format!("no shape of search `{}` satisfies {} together", name.value, list.join(" and "))
            }
        };
        let mut diagnostic = Diagnostic::error(codes::INFEASIBLE, message);
        if core.is_empty() {
            return diagnostic.label(self.search.ranges.width.span, "this range");
        }
        for require in &core {
            diagnostic =
                diagnostic.label(require.span, if core.len() == 1 { "cannot hold in this box" } else { "conflicts" });
        }
        for require in &core {
            let others: Vec<&Requirement> =
                self.search.requires.iter().filter(|other| !std::ptr::eq(*other, *require)).collect();
            if let Some((fraction, shape)) = self.least_relaxation(require, &others) {
                diagnostic = diagnostic.help(format!(
                    "relax `{}` by {}: then there is {}",
                    require.text,
                    percent(fraction),
                    self.in_words(shape)
                ));
            } else if let Found::Best(shape) = best(&self.space, &others) {
                diagnostic = diagnostic.help(format!(
                    "relax `{}`: without it the search chooses {}",
                    require.text,
                    self.in_words(shape)
                ));
            }
        }
        diagnostic
    }

    /// The least fraction, to a thousandth of itself, by which the bound of a requirement must give way until there is
    /// a shape, and the one that is best then; none where no bound would do.
    fn least_relaxation(&self, require: &Requirement, others: &[&Requirement]) -> Option<(f64, Shape)> {
        let found = |fraction: f64| {
            let more = prices::relaxed(require, fraction)?;
            let mut all = others.to_vec();
            all.push(&more);
            best(&self.space, &all).shape()
        };
        let (mut low, mut high) = (1e-6, LARGEST_RELAXATION);
        let mut shape = found(high)?;
        while high / low > 1.001 {
            let middle = (low * high).sqrt();
            match found(middle) {
                Some(better) => (high, shape) = (middle, better),
                None => low = middle,
            }
        }
        Some((high, shape))
    }

    fn in_words(&self, shape: Shape) -> String {
        let params = self.space.architecture.with(shape).map_or(0, |vit| vit.cost().params);
        let params = human(params as f64, Dimension::PARAM);
        format!("width {}, depth {}, mlp {} with {params}", shape.width, shape.depth, shape.mlp_dim)
    }
}

/// How far a bound may be off before it is left out as a whole: a thousandfold.
const LARGEST_RELAXATION: f64 = 1000.0;

/// A fraction rounded up to three digits, so that it still does: `42.1 %`.
fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    let digits = (2.0 - percent.log10().floor()).clamp(0.0, 6.0);
    let scale = 10f64.powf(digits);
    format!("{} %", (percent * scale).ceil() / scale)
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn percentages_are_rounded_up() {
        assert_eq!(percent(0.42001), "42.1 %");
        assert_eq!(percent(0.001), "0.1 %");
        assert_eq!(percent(12.345), "1235 %");
    }
}

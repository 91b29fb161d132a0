//! Learning curves and their evaluation.

/// One-variable laws (Alabdulmohsin, Neyshabur, Zhai, arXiv 2209.06640), x = examples seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::law) enum CurveForm {
    /// `y = b x^-c`
    M1,
    /// `y = b x^-c + e`
    M2,
    /// `y = b (1 / x + g)^c`
    M3,
    /// `(y - e) / (e0 - y)^a = b x^-c`
    M4,
}

impl CurveForm {
    /// Its name in plans.
    pub(in crate::law) const fn name(self) -> &'static str {
        match self {
            Self::M1 => "m1",
            Self::M2 => "m2",
            Self::M3 => "m3",
            Self::M4 => "m4",
        }
    }
}

/// Parameters of a curve; x in examples, y the loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::law) struct CurveParameters {
    /// `b`
    pub(in crate::law) b: f64,
    /// `c`, positive where the loss falls.
    pub(in crate::law) c: f64,
    /// The floor `e`; 0 in M1 and M3.
    pub(in crate::law) floor: f64,
    /// The ceiling `e0`; M4 only.
    pub(in crate::law) ceiling: Option<f64>,
    /// The saturation exponent `a`; M4 only.
    pub(in crate::law) a: Option<f64>,
    /// `g`, one over the examples at which the curve levels out; M3 only.
    pub(in crate::law) g: Option<f64>,
}

impl CurveParameters {
    /// The loss after `x` examples; `x` positive.
    ///
    /// M4 is the one solution y between floor and ceiling; without its ceiling or `a` it is M2, M3 without `g` and M2
    /// without a floor are M1.
    pub(in crate::law) fn predict(&self, form: CurveForm, x: f64) -> f64 {
        match (form, self.ceiling, self.a) {
            (CurveForm::M3, _, _) => self.b * (1.0 / x + self.g.unwrap_or(0.0)).powf(self.c),
            (CurveForm::M4, Some(ceiling), Some(a)) => {
                let span = ceiling - self.floor;
                let level = self.b.ln() - self.c * x.ln() - (1.0 - a) * span.ln();
                self.floor + span * saturation(level, a).0
            }
            _ => self.b * x.powf(-self.c) + self.floor,
        }
    }

    /// Every parameter that the form has, under the names of its formula.
    pub(in crate::law) fn named(&self, form: CurveForm) -> Vec<(&'static str, f64)> {
        let mut list = vec![("b", self.b), ("c", self.c)];
        if matches!(form, CurveForm::M2 | CurveForm::M4) {
            list.push(("e", self.floor));
        }
        let others = [("e0", self.ceiling), ("a", self.a), ("g", self.g)];
        list.extend(others.into_iter().filter_map(|(name, value)| Some((name, value?))));
        list
    }
}

/// The `s` of `ln s - a ln (1 - s) = level`, with `1 - s`; `a` at least 0.
///
/// In `v = logit s` the left side is monotone and bends one way only, and `v = level` lies on the side of the root from
/// which Newton's steps never pass it.
pub(in crate::law) fn saturation(level: f64, a: f64) -> (f64, f64) {
    if a <= 0.0 {
        let s = level.exp().min(1.0);
        return (s, 1.0 - s);
    }
    let softplus = |v: f64| v.max(0.0) + (-v.abs()).exp().ln_1p();
    let mut v = level;
    for _ in 0..100 {
        let below = 1.0 / (1.0 + v.exp());
        let slope = below + a * (1.0 - below);
        let step = (level + softplus(-v) - a * softplus(v)) / slope;
        v += step;
        if step.is_nan() || step.abs() <= 1e-14 * (1.0 + v.abs()) {
            break;
        }
    }
    (1.0 / (1.0 + (-v).exp()), 1.0 / (1.0 + v.exp()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn m4_inverts_its_definition(
            floor in 0.01..0.3, span in 0.1..1.0, a in 0.001..3.0, c in 0.05..1.5, ln_b in -2.0..12.0, ln_x in 0.0..20.0,
        ) {
            let (ceiling, b) = (floor + span, f64::exp(ln_b));
            let curve = CurveParameters { b, c, floor, ceiling: Some(ceiling), a: Some(a), g: None };
            let y = curve.predict(CurveForm::M4, f64::exp(ln_x));
            prop_assert!(y >= floor && y <= ceiling);
            let below = y - floor;
            let above = ceiling - y;
            // Close to either end the definition loses its digits, not the curve.
            prop_assume!(below > 1e-6 && above > 1e-6);
            let (left, right) = (below.ln() - a * above.ln(), ln_b - c * ln_x);
            prop_assert!((left - right).abs() < 1e-8 * (1.0 + right.abs()), "{left} {right}");
        }

        #[test]
        fn m4_falls_from_ceiling_to_floor(a in 0.0..3.0, c in 0.05..1.5, ln_x in 0.0..30.0) {
            let curve = CurveParameters { b: 1e3, c, floor: 0.1, ceiling: Some(1.0), a: Some(a), g: None };
            let at = |ln_x: f64| curve.predict(CurveForm::M4, ln_x.exp());
            prop_assert!(at(ln_x + 0.1) <= at(ln_x) + 1e-12);
        }
    }

    #[test]
    fn m4_without_saturation_is_m2() {
        let m2 = CurveParameters { b: 3.0, c: 0.4, floor: 0.2, ceiling: None, a: None, g: None };
        let m4 = CurveParameters { ceiling: Some(100.0), a: Some(0.0), ..m2 };
        let (first, second) = (m2.predict(CurveForm::M2, 50.0), m4.predict(CurveForm::M4, 50.0));
        assert!((first - second).abs() < 1e-14);
    }
}

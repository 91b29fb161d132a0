//! One file a law form.

use super::form::Form;
use super::learning::{CurveBlend, One};
use super::separable::Sum;

pub(super) mod broken;
pub(super) mod chinchilla;
pub(super) mod gemstones;
pub(super) mod isoflop;
pub(super) mod joint;
pub(super) mod kaplan;
pub(super) mod m1;
pub(super) mod m2;
pub(super) mod m3;
pub(super) mod m4;
pub(super) mod over_training;
pub(super) mod repeats;
pub(super) mod sovit;
#[cfg(test)]
mod tests;

/// Every form that a table alone can be fitted to, in the order lists show them.
pub static FORMS: &[&dyn Form] = &[
    &Sum(chinchilla::Chinchilla),
    &Sum(kaplan::Kaplan),
    &Sum(repeats::Repeats),
    &Sum(over_training::OverTraining),
    &isoflop::IsoFlop,
    &Sum(gemstones::Gemstones),
    &sovit::form::Sovit,
    &Sum(joint::Joint::<false>),
    &Sum(joint::Joint::<true>),
    &One(m1::M1),
    &One(m2::M2),
    &One(m3::M3),
    &One(m4::M4),
    &CurveBlend::DEFAULT,
    &Sum(broken::Broken),
];

/// Plans name the forms without knowing them: their list is this one, but for `sovit`, which has fields of its own.
#[test]
fn plans_know_every_form() {
    let known = crate::plan::FORMS.iter().map(|form| (form.name, form.variables.to_vec()));
    let forms = FORMS.iter().filter(|form| form.name() != "sovit");
    let forms = forms.map(|form| (form.name(), form.variables().iter().map(|variable| variable.name).collect()));
    assert_eq!(known.collect::<Vec<_>>(), forms.collect::<Vec<_>>());
}

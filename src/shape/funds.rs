//! What a budget pays for, and what of it a law calls compute.

use super::{Epochs, codes};
use crate::diagnostic::Diagnostic;
use crate::law::{Law, NamedLaw, worth, worth_elasticity};
use crate::plan::{Counting, FiniteData, Plan, Repeats, Search};

/// A budget and what it has to last for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Funds {
    /// The budget, as forward FLOPs of training.
    pub(super) forward_flops: f64,
    /// Images that the trained model encodes, paid by the same budget.
    pub(super) inference: f64,
    /// The data, where they are finite.
    pub(super) data: Option<Data>,
}

/// Data that are finite: what is seen again is worth less.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Data {
    /// Distinct examples.
    pub(super) unique: f64,
    /// R of [`worth`].
    pub(super) repeats: f64,
}

impl Data {
    /// How often so many examples show each of them, and what that is worth.
    pub(super) fn seen(&self, examples: f64) -> Epochs {
        let Self { unique, repeats } = *self;
        let epochs = examples / unique;
        Epochs { unique, epochs, repeats, worth: unique * worth(epochs, repeats) }
    }
}

impl Funds {
    /// What a search says of its budget; the data's worth may come from a law.
    pub(super) fn new(
        plan: &Plan,
        search: &Search,
        forward_flops: f64,
        laws: &[Option<NamedLaw>],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let data = match search.data {
            None => None,
            Some(FiniteData { unique, repeats: Repeats::Stated(repeats), .. }) => Some(Data { unique, repeats }),
            Some(FiniteData { unique, repeats: Repeats::Fitted(index), span }) => {
                let named = laws.get(index)?.as_ref()?;
                match repeats_of(&named.law) {
                    Ok(repeats) => Some(Data { unique, repeats }),
                    Err(why) => {
                        let place = plan.laws.get(index).map_or(span, |law| law.name.span);
                        diagnostics.push(
                            Diagnostic::error(codes::NO_REPEATS, "what repeats are worth is not one number")
                                .label(span, "needs one number above 0")
                                .label(place, why)
                                .help("fit it to one group, or write the number: `repeats = 15`"),
                        );
                        return None;
                    }
                }
            }
        };
        Some(Self { forward_flops, inference: search.inference, data })
    }

    /// Whether the compute that a law speaks of is the same for every shape.
    pub(super) const fn are_simple(&self) -> bool {
        self.inference == 0.0 && self.data.is_none()
    }

    /// What inference takes of the budget where one pass takes `served` FLOPs, as forward FLOPs of training.
    pub(super) fn drain(&self, served: f64) -> f64 {
        self.inference * served / Counting::TRAINING_FACTOR
    }

    /// What inference leaves, as forward FLOPs of training; may be below 0.
    pub(super) fn left(&self, served: f64) -> f64 {
        self.forward_flops - self.drain(served)
    }

    /// Examples that are trained on, repeats counted; a pass takes `trained` FLOPs in training.
    pub(super) fn examples(&self, trained: f64, served: f64) -> f64 {
        self.left(served) / trained
    }

    /// What so many examples are worth in examples seen once.
    pub(super) fn worth(&self, examples: f64) -> f64 {
        self.data.map_or(examples, |data| data.unique * worth(examples / data.unique, data.repeats))
    }

    /// `d ln worth / d ln examples`
    pub(super) fn elasticity(&self, examples: f64) -> f64 {
        self.data.map_or(1.0, |data| worth_elasticity(examples / data.unique, data.repeats))
    }

    /// The compute that a law speaks of: of training, as if no example were seen twice.
    pub(super) fn useful(&self, trained: f64, served: f64) -> f64 {
        match self.data {
            None => self.left(served),
            Some(_) => trained * self.worth(self.examples(trained, served)),
        }
    }
}

/// R of a law of the form `repeats` that was fitted to one group, or what is wrong.
fn repeats_of(law: &Law) -> Result<f64, String> {
    let Law::Fitted(law) = law else { return Err("is of another form".to_owned()) };
    let [fit] = law.fits.as_slice() else { return Err(format!("has {} groups", law.fits.len())) };
    let found = fit.parameters.iter().find(|parameter| parameter.name == "R").map(|parameter| parameter.estimate.value);
    found.filter(|r| *r > 0.0 && r.is_finite()).ok_or_else(|| "found none".to_owned())
}

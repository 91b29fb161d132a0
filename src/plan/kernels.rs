//! What a plan says of the kernels of its searches.

use super::{Emit, Plan, Target};
use crate::vit::Inputs;

impl Plan {
    /// The emits of kernels for the search of that name.
    pub fn kernels_of(&self, search: &str) -> impl Iterator<Item = &Emit> {
        let named = move |index: usize| self.searches.get(index).is_some_and(|own| own.name.value == search);
        let kernels = self.emits.iter().filter(|emit| emit.target.value == Target::Kernels);
        kernels.filter(move |emit| emit.search.is_none_or(named))
    }

    /// What the kernels of the search of that name are given: as its first emit of kernels says.
    pub fn inputs_of(&self, search: &str) -> Inputs {
        self.kernels_of(search).next().map(|emit| emit.options.inputs.clone()).unwrap_or_default()
    }
}

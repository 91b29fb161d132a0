//! What a plan says of the kernels of its searches.

use super::{Emit, Plan, Target};
use crate::vit::KernelForm;

impl Plan {
    /// The emits of kernels for the search of that name.
    pub fn kernels_of(&self, search: &str) -> impl Iterator<Item = &Emit> {
        let named = move |index: usize| self.searches.get(index).is_some_and(|own| own.name.value == search);
        let kernels = self.emits.iter().filter(|emit| emit.target.value == Target::Kernels);
        kernels.filter(move |emit| emit.search.is_none_or(named))
    }

    /// How the kernels of the search of that name are made: as its first emit of kernels says.
    pub fn form_of(&self, search: &str) -> KernelForm {
        self.kernels_of(search).next().map(|emit| emit.options.form.clone()).unwrap_or_default()
    }
}

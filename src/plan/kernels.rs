//! What a plan says of the kernels of its searches.

use super::{Emit, Plan, Target};
use crate::vit::ImageFormat;

impl Plan {
    /// The emits of kernels for the search of that name.
    pub fn kernels_of(&self, search: &str) -> impl Iterator<Item = &Emit> {
        let named = move |index: usize| self.searches.get(index).is_some_and(|own| own.name.value == search);
        let kernels = self.emits.iter().filter(|emit| emit.target.value == Target::Kernels);
        kernels.filter(move |emit| emit.search.is_none_or(named))
    }

    /// How images come to the kernels of the search of that name: as its first emit of kernels says.
    pub fn images_of(&self, search: &str) -> ImageFormat {
        self.kernels_of(search).next().map(|emit| emit.options.images).unwrap_or_default()
    }
}

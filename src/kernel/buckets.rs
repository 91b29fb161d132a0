//! Kernels for batches in buckets: each launch has the kernels that its buckets need, and says which batch has which.

use std::collections::BTreeMap;

use super::tile::BATCHES;
use super::{KernelPlan, Step, UpTo};
use crate::diagnostic::Diagnostic;
use crate::vit::Batches;

/// The buckets, and the launches that have kernels for small batches.
pub(super) struct Buckets {
    /// The batches that kernels are chosen for; of each bucket the smallest and the largest.
    batches: Vec<Vec<u64>>,
    /// The kernels of small batches, by the kernel of all others.
    small: BTreeMap<String, Vec<UpTo>>,
}

impl Buckets {
    pub(super) fn new(batches: &Batches) -> Self {
        let mut batches: Vec<Vec<u64>> = batches.buckets().map(Vec::from).collect();
        if batches.is_empty() {
            batches.push(BATCHES.to_vec());
        }
        Self { batches, small: BTreeMap::new() }
    }

    /// The kernels of one launch, those of small batches first; `plan` makes the one that is best at some batches.
    ///
    /// The last bucket's keeps its name, others are named after the largest batch that they serve.
    pub(super) fn kernels(
        &mut self,
        plan: impl Fn(&[u64]) -> Result<KernelPlan, Diagnostic>,
    ) -> Result<Vec<KernelPlan>, Diagnostic> {
        let mut buckets = Vec::new();
        for batches in &self.batches {
            buckets.push((batches.last().copied().unwrap_or_default(), plan(batches)?));
        }
        let Some((_, usual)) = buckets.pop() else { return Ok(Vec::new()) };
        let (mut list, mut small) = (Vec::<KernelPlan>::new(), Vec::<UpTo>::new());
        for (images, plan) in &buckets {
            let kernel = if *plan == usual {
                usual.clone()
            } else {
                let last = buckets.iter().rev().find(|(_, other)| other == plan);
                small_batch(plan, last.map_or(*images, |(largest, _)| *largest))
            };
            match small.last_mut() {
                Some(before) if before.kernel == kernel.name => before.images = *images,
                _ => small.push(UpTo { images: *images, kernel: kernel.name.clone() }),
            }
            if kernel.name != usual.name && list.iter().all(|known| known.name != kernel.name) {
                list.push(kernel);
            }
        }
        // What follows them is the same.
        small.pop_if(|last| last.kernel == usual.name);
        if !small.is_empty() {
            self.small.insert(usual.name.clone(), small);
        }
        list.push(usual);
        Ok(list)
    }

    /// The launches with their kernels for small batches.
    pub(super) fn launches(mut self, forward: Vec<Step>) -> Vec<Step> {
        let with = |step: Step| Step { up_to: self.small.remove(&step.kernel).unwrap_or_default(), ..step };
        forward.into_iter().map(with).collect()
    }
}

/// The kernel under the name of the largest batch that it serves.
fn small_batch(plan: &KernelPlan, images: u64) -> KernelPlan {
    KernelPlan {
        name: format!("{}_b{images}", plan.name),
        entry: format!("{}_b{images}", plan.entry),
        instead_of: Some(plan.name.clone()),
        ..plan.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::kernel::{Kernels, plan, plan_for};
    use crate::vit::{KernelForm, Shape, Vit, named};

    fn kernels(vit: &Vit, largest: &[u64]) -> Kernels {
        let batches = Batches::new(largest).unwrap();
        plan_for(vit, KernelForm { batches, ..KernelForm::default() }).unwrap()
    }

    fn vit() -> Vit {
        named("sovit_400m14").unwrap().vit()
    }

    /// A kernel for the row of layer norm of another width stands for any tile.
    fn made(tiles: &[u64]) -> (Vec<String>, Vec<(u64, String)>) {
        let largest: Vec<u64> = (1..=tiles.len() as u64).map(|bucket| 10 * bucket).collect();
        let mut buckets = Buckets::new(&Batches::new(&largest).unwrap());
        let place = |images: u64| largest.iter().position(|own| *own == images).unwrap();
        let list = buckets.kernels(|batches| {
            let plan = crate::kernel::layernorm(8 * tiles[place(batches[1])], 1e-6)?;
            Ok(KernelPlan { entry: "entry".to_owned(), ..plan })
        });
        let list = list.unwrap();
        let entries: BTreeSet<&str> = list.iter().map(|plan| plan.entry.as_str()).collect();
        assert_eq!(entries.len(), list.len(), "entries differ where kernels do");
        let small = buckets.small.remove("layernorm").unwrap_or_default();
        let names = list.into_iter().map(|plan| plan.name).collect();
        (names, small.into_iter().map(|UpTo { images, kernel }| (images, kernel)).collect())
    }

    #[test]
    fn kernels_that_are_the_same_are_one() {
        let check = |tiles: &[u64], names: &[&str], small: &[(u64, &str)]| {
            let (found, ranges) = made(tiles);
            let ranges: Vec<(u64, &str)> = ranges.iter().map(|(images, kernel)| (*images, kernel.as_str())).collect();
            assert_eq!((found, ranges.as_slice()), (names.iter().map(|&name| name.to_owned()).collect(), small));
        };
        check(&[1], &["layernorm"], &[]);
        check(&[1, 1, 1], &["layernorm"], &[]);
        check(&[2, 1], &["layernorm_b10", "layernorm"], &[(10, "layernorm_b10")]);
        check(&[2, 2, 1, 1], &["layernorm_b20", "layernorm"], &[(20, "layernorm_b20")]);
        check(&[1, 2, 1], &["layernorm_b20", "layernorm"], &[(10, "layernorm"), (20, "layernorm_b20")]);
        let between = [(10, "layernorm_b30"), (20, "layernorm_b20"), (30, "layernorm_b30")];
        check(&[3, 2, 3, 1], &["layernorm_b30", "layernorm_b20", "layernorm"], &between);
    }

    #[test]
    fn small_batches_have_kernels_of_their_own() {
        let vit = vit();
        let kernels = kernels(&vit, &[1, 64]);
        let rows = |name: &str| kernels.named(name).unwrap().launch.rows_per_block;
        let step = kernels.forward.iter().find(|step| step.kernel == "fc2").unwrap();
        assert_eq!((step.kernel_for(1), step.kernel_for(2)), ("fc2_b1", "fc2"));
        assert!(rows("fc2_b1") < rows("fc2"));
        let small = kernels.named("fc2_b1").unwrap();
        assert_eq!((small.part(), small.entry.as_str()), ("fc2", "sovit_fc2_n1152_k4304_b1"));
        assert_eq!(kernels.ranges("fc2_b1"), [(1, Some(1))]);
        assert_eq!(kernels.ranges("fc2"), [(2, None)]);
        assert_eq!(kernels.ranges("layernorm"), [(1, None)]);
    }

    #[test]
    fn without_buckets_nothing_changes() {
        let (with, without) = (kernels(&vit(), &[]), plan(&vit()).unwrap());
        assert_eq!(with, without);
        assert!(without.forward.iter().all(|step| step.up_to.is_empty()));
        assert!(without.list.iter().all(|plan| plan.instead_of.is_none()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Each launch has one kernel for any number of images, whose rows are those of the launch.
        #[test]
        fn every_batch_falls_to_one_kernel(
            mut largest in prop::collection::vec(1..=Batches::LARGEST, 0..=Batches::MOST),
            width in 4..40_u64,
            batches in prop::collection::vec(1..=2 * Batches::LARGEST, 20),
        ) {
            largest.sort_unstable();
            largest.dedup();
            let base = vit();
            let vit = Vit { shape: Shape { width: 16 * width, mlp_dim: 40 * width, depth: 2 }, ..base };
            let kernels = kernels(&vit, &largest);
            let entries: BTreeSet<&str> = kernels.list.iter().map(|plan| plan.entry.as_str()).collect();
            prop_assert_eq!(entries.len(), kernels.list.len());
            let edges = largest.iter().flat_map(|&images| [images, images + 1]);
            for images in edges.chain(batches).chain([1, u64::MAX]) {
                for step in &kernels.forward {
                    let parts = kernels.list.iter().filter(|plan| plan.part() == step.kernel);
                    let serving = parts.filter(|plan| kernels.serves(&plan.name, images));
                    let serving: Vec<&str> = serving.map(|plan| plan.name.as_str()).collect();
                    prop_assert_eq!(serving, [step.kernel_for(images)]);
                }
            }
        }
    }
}

//! Queries and keys that are normed, rotated or both, in place, between the product that makes them and attention.
//!
//! A query or key is one head of one token. It needs no other, so that it stays in the registers of a few lanes; what
//! turns together, element i of both halves, lies in the same lane. In the epilogue of the product a head would have
//! to be whole in one warp's columns of a tile, which heads of most sizes are not.

use super::gemm::stored;
use super::layernorm::epsilon_of;
use super::{Access, Argument, Dtype, Extent, KernelPlan, Launch, codes};
use crate::diagnostic::Diagnostic;
use crate::vit::{Halves, QkNorm, Vit};

/// Base of the frequencies, as DINOv3 has it.
const BASE: f64 = 100.0;
/// Largest head, as that of attention.
const MOST_HEAD: u64 = 128;
/// The most tokens and heads.
const MOST: u64 = 1 << 20;
/// Threads of a block.
const THREADS: u64 = 128;

/// What is done with queries and keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueryKey {
    /// Tokens of an image.
    pub tokens: u64,
    /// Heads of a token.
    pub heads: u64,
    /// Size of a head.
    pub head_dim: u64,
    /// The norm over a head, if any.
    pub norm: QkNorm,
    /// What is added to the variance or mean square.
    pub epsilon: f64,
    /// Whether those of patches turn by axial positions, and how many tokens before them do not.
    pub rotated: Option<u64>,
}

impl QueryKey {
    /// The plan, or why there is none.
    pub fn plan(&self) -> Result<KernelPlan, Diagnostic> {
        let Self { tokens, heads, head_dim, norm, rotated, .. } = *self;
        let sizes = [(tokens, MOST), (heads, MOST), (head_dim, MOST_HEAD)];
        let turns = rotated.is_none_or(|prefix| head_dim.is_multiple_of(4) && prefix < tokens);
        let does = norm != QkNorm::None || rotated.is_some();
        if !does || !turns || !sizes.iter().all(|(size, most)| (1..=*most).contains(size)) {
            let message = format!("no kernel norms or rotates the {heads} heads of {head_dim} of {tokens} tokens");
            let help = format!("choose heads of 1 to {MOST_HEAD}, and of a multiple of 4 where they are rotated");
            return Err(Diagnostic::error(codes::VARIANT, message).help(help));
        }
        let epsilon = if norm == QkNorm::None { None } else { Some(epsilon_of(self.epsilon)?) };
        Ok(self.with(epsilon))
    }

    fn with(&self, epsilon: Option<f64>) -> KernelPlan {
        let Self { tokens, heads, head_dim, norm, rotated, .. } = *self;
        let sides = if rotated.is_some() { 2 } else { 1 };
        let side = head_dim / sides;
        let vector = [8, 4, 2].into_iter().find(|&v| side.is_multiple_of(v)).unwrap_or(1);
        let lanes = lanes(side / vector);
        let vectors = THREADS / lanes;
        let mut constants = vec![
            ("TOKENS", tokens),
            ("HEADS", heads),
            ("HEAD", stored(head_dim)),
            ("HEAD_DIM", head_dim),
            ("SIDES", sides),
            ("VECTOR", vector),
            ("LANES", lanes),
            ("VECTORS", vectors),
        ];
        constants.extend(rotated.map(|prefix| ("PREFIX", prefix)));
        let size = Extent::Size;
        let extents = |head| [size(3), Extent::IMAGES, size(heads), size(tokens), size(head)];
        let qkv = Argument::new("qkv", Dtype::Bf16, extents(stored(head_dim)), Access::Update);
        let mut arguments = vec![qkv.padded(extents(head_dim))];
        let table = |name| Argument::new(name, Dtype::F32, [size(2), size(head_dim)], Access::Read);
        arguments.extend(epsilon.map(|_| table("gamma")));
        arguments.extend((norm == QkNorm::Layer).then(|| table("beta")));
        arguments.extend(rotated.map(|prefix| {
            let shape = [size(tokens - prefix), size(2), size(side)];
            Argument::new("rotation", Dtype::F32, shape, Access::Read)
        }));
        arguments.push(Argument::rows());
        let mut entry = format!("sovit_query_key_h{heads}x{head_dim}_t{tokens}");
        if epsilon.is_some() {
            entry = format!("{entry}_{}", norm.name());
        }
        if let Some(prefix) = rotated {
            entry = format!("{entry}_rope{prefix}");
        }
        // Of an element: as many as in a layer norm of tokens, or a square, its sum, and the gain times scale times it;
        // then two products and their sum, where its token turns.
        let of_norm = match norm {
            QkNorm::None => 0,
            QkNorm::Rms => 4,
            QkNorm::Layer => 9,
        };
        let turned = rotated.map_or(0, |prefix| 3 * (tokens - prefix));
        let scalar_flops = 2 * heads * head_dim * (of_norm * tokens + turned) / tokens;
        let bytes_of_weights = Argument::bytes_of_shared(&arguments);
        KernelPlan {
            name: "query_key".to_owned(),
            template: "query_key".to_owned(),
            entry,
            instead_of: None,
            halves: Halves::default(),
            constants: constants.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            reals: epsilon.into_iter().map(|epsilon| ("EPSILON".to_owned(), epsilon)).collect(),
            choices: [("norm", norm.name()), ("rotated", if rotated.is_some() { "halves" } else { "none" })]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            launch: Launch {
                threads: THREADS,
                // So many tokens have so many vectors in each of the 2 x heads blocks, in whichever order they come.
                rows_per_block: vectors,
                blocks_per_band: 2 * heads,
                rows_multiple: tokens,
                shared_bytes: 0,
            },
            arguments,
            flops_per_row: 0,
            scalar_flops_per_row: scalar_flops,
            bytes_per_row: 2 * 2 * 2 * heads * head_dim,
            bytes_of_weights,
        }
    }
}

/// Lanes that share a side of so many accesses: a power of two that leaves fewest idle, the most of those.
fn lanes(accesses: u64) -> u64 {
    [32, 16, 8, 4].into_iter().min_by_key(|lanes| accesses.next_multiple_of(*lanes)).unwrap_or(4)
}

/// Cosines and sines of the patches' angles: for each patch those of its height by all frequencies and of its width by
/// all, the cosines before the sines.
///
/// The angle is `2 pi c / 100^(4 i / head)` for `i` below a quarter of the head, where c runs from -1 to 1 over the
/// image and is taken at the patch's centre (Siméoni et al., DINOv3, arXiv 2508.10104).
pub(super) fn rotation(vit: &Vit) -> Vec<f64> {
    let side = vit.architecture.image / vit.architecture.patch.max(1);
    let quarter = vit.head_dim() / 4;
    let centre = |at: u64| (2 * at + 1) as f64 / side as f64 - 1.0;
    let turn = |at: u64, i: u64| std::f64::consts::TAU * centre(at) / BASE.powf(i as f64 / quarter as f64);
    let mut table = Vec::new();
    for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
        let angles = || [y, x].into_iter().flat_map(|at| (0..quarter).map(move |i| turn(at, i)));
        table.extend(angles().map(f64::cos));
        table.extend(angles().map(f64::sin));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vit::{Architecture, Position, Shape, Variant};

    const PLAIN: QueryKey =
        QueryKey { tokens: 261, heads: 16, head_dim: 64, norm: QkNorm::Layer, epsilon: 1e-6, rotated: Some(5) };

    #[test]
    fn every_head_is_shared_by_lanes_that_hold_it_in_registers() {
        for head_dim in 1..=MOST_HEAD {
            for rotated in [None, Some(5)] {
                let plan = QueryKey { head_dim, rotated, ..PLAIN }.plan();
                if rotated.is_some() && !head_dim.is_multiple_of(4) {
                    assert_eq!(plan.unwrap_err().code, codes::VARIANT);
                    continue;
                }
                let plan = plan.unwrap();
                let [sides, vector, lanes] = ["SIDES", "VECTOR", "LANES"].map(|name| plan.constant(name).unwrap());
                assert!((head_dim / sides).is_multiple_of(vector) && lanes.is_power_of_two() && lanes <= 32);
                assert!((head_dim / sides / vector).div_ceil(lanes) * sides * vector <= 32, "{head_dim}");
            }
        }
    }

    #[test]
    fn sizes_without_a_kernel_are_refused() {
        for wrong in [
            QueryKey { tokens: 0, ..PLAIN },
            QueryKey { tokens: u64::MAX, ..PLAIN },
            QueryKey { heads: 0, ..PLAIN },
            QueryKey { head_dim: 136, ..PLAIN },
            QueryKey { rotated: Some(261), ..PLAIN },
            QueryKey { norm: QkNorm::None, rotated: None, ..PLAIN },
        ] {
            assert_eq!(wrong.plan().unwrap_err().code, codes::VARIANT, "{wrong:?}");
        }
        assert_eq!(QueryKey { epsilon: 0.0, ..PLAIN }.plan().unwrap_err().code, codes::EPSILON);
        assert!(QueryKey { epsilon: 0.0, norm: QkNorm::None, ..PLAIN }.plan().is_ok());
    }

    #[test]
    fn opposite_patches_turn_in_opposite_directions() {
        let variant = Variant { position: Position::Rope, ..Variant::default() };
        let architecture = Architecture { image: 42, heads: 2, variant, ..Architecture::default() };
        let vit = architecture.with(Shape { width: 16, depth: 1, mlp_dim: 16 }).unwrap();
        let table = rotation(&vit);
        assert_eq!(table.len(), 9 * 8);
        let patches: Vec<&[f64]> = table.chunks(8).collect();
        // That in the middle does not turn.
        assert_eq!(patches[4], [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
        for (patch, opposite) in patches.iter().zip(patches.iter().rev()) {
            for (at, (a, b)) in patch.iter().zip(*opposite).enumerate() {
                assert!((a - if at < 4 { *b } else { -b }).abs() < 1e-15);
            }
        }
        // The first row's centre lies two thirds of the half image above the middle; the second frequency is a tenth.
        let angle = -std::f64::consts::TAU * 2.0 / 3.0;
        assert!((patches[1][4] - angle.sin()).abs() < 1e-15 && (patches[1][5] - (angle / 10.0).sin()).abs() < 1e-15);
        assert_eq!(patches[1][6..], [0.0, 0.0]);
    }
}

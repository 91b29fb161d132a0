//! What the sizes of a model cost on hardware beyond what they are worth.

use super::AttentionLibrary;
use crate::vit::Vit;

/// Tokens of a tile of attention; see [`super::Timer`].
const TILE: u64 = 128;
/// So few tokens in a last tile are worth leaving out.
const FEW: u64 = 16;

/// One sentence for each size that a library pads, or that is not aligned.
pub fn notes(library: AttentionLibrary, vit: &Vit) -> Vec<String> {
    let mut notes = Vec::new();
    let name = library.name();
    let (head, padded) = (vit.head_dim(), library.padded(vit.head_dim()));
    if !library.takes(head) {
        notes.push(format!("{name} attention has no kernel for heads of {head}; the time is that of {padded}"));
    } else if padded > head {
        notes.push(format!("heads of {head} are computed as {padded} by {name} attention"));
    }
    let architecture = &vit.architecture;
    let tokens = architecture.patches() + architecture.prefix();
    let over = tokens % TILE;
    if (1..=FEW).contains(&over) && tokens > TILE {
        notes.push(format!("{tokens} tokens open a tile of attention for {over}; {} would not", tokens - over));
    }
    let patch = architecture.channels * architecture.patch * architecture.patch;
    for (name, size) in [("width", vit.shape.width), ("MLP size", vit.shape.mlp_dim), ("patches of", patch)] {
        if !size.is_multiple_of(8) {
            let next = size.next_multiple_of(8);
            notes.push(format!("rows of {name} {size} are not aligned to 16 bytes; {next} would be"));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vit::{Architecture, Pooling, Shape, named};

    #[test]
    fn sizes_that_fit_have_no_notes() {
        assert!(notes(AttentionLibrary::CuDnn, &named("vit_l16").unwrap().vit()).is_empty());
        let shape = Shape { width: 1152, depth: 27, mlp_dim: 4300 };
        let architecture = Architecture { pooling: Pooling::Class, class_token: true, ..Architecture::default() };
        let found = notes(AttentionLibrary::Flash3, &architecture.with(shape).unwrap());
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].contains("heads of 72 are computed as 96 by flash3"));
        assert!(found[1].contains("257 tokens open a tile of attention for 1; 256 would not"));
        assert!(found[2].contains("4304 would be") && found[3].contains("592 would be"));
    }
}

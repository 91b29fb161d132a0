//! MLP ratios that survive `int(width * ratio)`.

use super::codes;
use crate::diagnostic::Diagnostic;
use crate::vit::Shape;

/// A ratio `r` with `int(width * r) == mlp`, which is how timm computes the MLP size.
///
/// The shortest decimal that does it, otherwise `(mlp + 0.5) / width`; `mlp / width` itself fails for some pairs,
/// such as 120 / 88. Both sizes are at least 1 and at most [`Architecture::LIMIT`](crate::vit::Architecture::LIMIT).
pub(crate) fn mlp_ratio(width: u64, mlp: u64) -> f64 {
    (0..=15).find_map(|digits| decimal(width, mlp, digits)).unwrap_or((mlp as f64 + 0.5) / width as f64)
}

/// Reads every `mlp_ratio` of a text as its trainer does, be it JSON, YAML or Python, and computes the MLP size that it
/// would build.
pub(crate) fn recheck(text: &str, shape: Shape) -> Result<(), Diagnostic> {
    for said in text.split("mlp_ratio").skip(1) {
        let number = said.trim_start_matches(['"', '\'', ':', '=', ' ']);
        let end = number.find(|c: char| !matches!(c, '0'..='9' | '.' | 'e' | '+' | '-'));
        let built = number[..end.unwrap_or(number.len())].parse().ok().map(|ratio| truncated(shape.width, ratio));
        if built != Some(shape.mlp_dim) {
            let message = format!("the config would build an MLP of {built:?}, not {}", shape.mlp_dim);
            return Err(Diagnostic::error(codes::RECHECK, message).note("this is a fault of sovitc, not of the plan"));
        }
    }
    Ok(())
}

/// What `int(width * ratio)` gives.
fn truncated(width: u64, ratio: f64) -> u64 {
    (width as f64 * ratio) as u64
}

/// The least decimal of that many digits after the point, from `mlp / width` up to `(mlp + 1) / width`, that survives.
fn decimal(width: u64, mlp: u64, digits: u32) -> Option<f64> {
    let scale = 10_u128.pow(digits);
    let exact = u128::from(width);
    let end = (u128::from(mlp) + 1) * scale;
    let least = (u128::from(mlp) * scale).div_ceil(exact);
    // The least one may sit exactly on the lower end, where rounding decides; the next one does not.
    (least..least + 2).filter(|n| n * exact < end).find_map(|n| {
        let ratio = format!("{n}e-{digits}").parse().ok()?;
        (truncated(width, ratio) == mlp).then_some(ratio)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(width: u64, mlp: u64, ratio: &str) {
        assert_eq!(format!("{:?}", mlp_ratio(width, mlp)), ratio);
        assert_eq!(truncated(width, ratio.parse().unwrap()), mlp);
    }

    #[test]
    fn published_shapes() {
        check(1152, 4304, "3.7362");
        check(768, 3072, "4.0");
        check(1408, 6144, "4.364");
        check(1664, 8192, "4.9231");
        check(1792, 15360, "8.5715");
        check(880, 2320, "2.637");
        check(88, 120, "1.37");
        check(64, 1, "0.02");
    }

    #[test]
    fn texts_are_read_as_trainers_read_them() {
        let shape = Shape { width: 1152, depth: 27, mlp_dim: 4304 };
        for text in ["{\"mlp_ratio\": 3.7362,", "  mlp_ratio: 3.7362\n", "\"mlp_ratio\": 3.7362", "no ratio"] {
            assert!(recheck(text, shape).is_ok(), "{text}");
        }
        for text in ["mlp_ratio: 3.7361", "mlp_ratio: 3.7362\nmlp_ratio: 4", "mlp_ratio: x", "mlp_ratio"] {
            assert_eq!(recheck(text, shape).unwrap_err().code, codes::RECHECK, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        /// Whole eighths, as shapes are searched in.
        #[test]
        fn survives_in_every_text(width in 1_u64..2048, mlp in 1_u64..4096) {
            let shape = Shape { width: 8 * width, depth: 1, mlp_dim: 8 * mlp };
            let ratio = mlp_ratio(shape.width, shape.mlp_dim);
            for text in [format!("\"mlp_ratio\": {ratio:?}"), format!("mlp_ratio: {ratio:?} ")] {
                prop_assert!(recheck(&text, shape).is_ok(), "{}", text);
            }
        }

        #[test]
        fn survives(width in 1_u64..1 << 24, mlp in 1_u64..1 << 24) {
            prop_assert_eq!(truncated(width, mlp_ratio(width, mlp)), mlp);
        }

        #[test]
        fn survives_at_usual_sizes(width in 1_u64..8192, mlp in 1_u64..32768) {
            let text = format!("{:?}", mlp_ratio(width, mlp));
            prop_assert_eq!(truncated(width, text.parse().unwrap()), mlp);
            prop_assert!(text.len() <= 9, "{}", text);
        }
    }
}

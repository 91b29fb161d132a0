//! `--objective NAME`

use crate::diagnostic::nearest;
use crate::law::Objective;

/// An objective by its name; Huber's function may have its delta after `:`.
pub(super) fn parse(text: &str) -> Result<Objective, String> {
    if let Some(delta) = text.strip_prefix("huber:") {
        return match delta.parse::<f64>() {
            Ok(delta) if delta > 0.0 && delta.is_finite() => Ok(Objective::Huber(Some(delta))),
            _ => Err(format!("the delta `{delta}` is no positive number; write it as in `huber:1e-3`")),
        };
    }
    Objective::NAMED.iter().find(|(name, _)| *name == text).map(|&(_, objective)| objective).ok_or_else(
        || match nearest(text, Objective::NAMED.map(|(name, _)| name)) {
            Some(near) => format!("there is `{near}`"),
            None => "the objectives are `relative`, `log`, `huber`, `huber:DELTA`, `l1` and `published`".to_owned(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_known_by_name() {
        assert_eq!(parse("log"), Ok(Objective::Log));
        assert_eq!(parse("huber:1e-3"), Ok(Objective::Huber(Some(1e-3))));
        for (wrong, said) in [("huber:abc", "`abc`"), ("huber:-1", "`-1`"), ("hubber", "`huber`"), ("mse", "relative")]
        {
            assert!(parse(wrong).is_err_and(|message| message.contains(said)), "{wrong}");
        }
    }
}

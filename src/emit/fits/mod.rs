//! Fits of one law to groups of rows: for programs as JSON and CSV, for people as tables.

#[cfg(feature = "fit")]
mod forms;
mod human;
mod table;

#[cfg(feature = "fit")]
pub use forms::{forms_json, forms_report};
pub use human::report;
pub(super) use human::section;
pub use table::csv;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::diagnostic::Diagnostic;
use crate::law::{Estimate, GroupFit, Termination};
use crate::source::plain_json;

/// One JSON array with an object for each fit, in their order. Fields and parameters keep their order, numbers read
/// back the same; what there is none of is null, and a group that could not be fitted has `parameters` {}.
pub fn json(fits: &[GroupFit]) -> String {
    let list: Vec<Object<'_>> = fits.iter().map(Object).collect();
    // Plain data: every key is a text, hence no error.
    plain_json(serde_json::to_string_pretty(&list).unwrap_or_default()) + "\n"
}

/// Columns of a line below a headline.
const WIDTH: usize = 78;

/// A text on lines of at most [`WIDTH`] columns where its words allow it; all but the first are indented.
fn wrapped(text: &str, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut is_fresh = true;
    for word in text.split(' ') {
        if !is_fresh && !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            is_fresh = true;
        }
        if !is_fresh {
            line.push(' ');
        }
        line.push_str(word);
        is_fresh = false;
    }
    lines.push(line);
    lines
}

/// The name of a termination: `gradient`.
fn termination_name(termination: Termination) -> String {
    let value = serde_json::to_value(termination).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

struct Object<'a>(&'a GroupFit);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fit = self.0;
        let fitted = fit.fitted.as_ref();
        let parameters = fitted.map_or(&[][..], |fitted| &fitted.parameters);
        let mut object = serializer.serialize_struct("fit", 11)?;
        object.serialize_field("group", &Pairs(&fit.group, |value: &String| value.clone()))?;
        object.serialize_field("law", &fit.law)?;
        object.serialize_field("rows", &fit.rows)?;
        object.serialize_field("parameters", &Pairs(parameters, |estimate: &Estimate| Interval::of(*estimate)))?;
        object.serialize_field("objective", &fitted.map(|fitted| Objective::of(&fitted.objective)))?;
        object.serialize_field("hold_out", &fitted.and_then(|fitted| fitted.hold_out))?;
        object.serialize_field("termination", &fitted.map(|fitted| fitted.termination))?;
        object.serialize_field("starts", &fitted.map(|fitted| Starts::of(fitted.starts)))?;
        object.serialize_field("scores", &fitted.and_then(|fitted| fitted.scores))?;
        object.serialize_field("rollout", &fitted.map_or(&[][..], |fitted| &fitted.rollout))?;
        object.serialize_field("findings", &fit.findings.iter().map(Finding::of).collect::<Vec<_>>())?;
        object.end()
    }
}

/// A map in the order of its list.
struct Pairs<'a, T, U>(&'a [(String, T)], fn(&T) -> U);

impl<T, U: Serialize> Serialize for Pairs<'_, T, U> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, &self.1(value))?;
        }
        map.end()
    }
}

/// An [`Estimate`] whose missing ends are null.
#[derive(serde::Serialize)]
struct Interval {
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
}

impl Interval {
    const fn of(Estimate { value, low, high }: Estimate) -> Self {
        Self { value, low, high }
    }
}

#[derive(serde::Serialize)]
struct Objective<'a> {
    name: &'a str,
    value: f64,
}

impl<'a> Objective<'a> {
    fn of((name, value): &'a (String, f64)) -> Self {
        Self { name, value: *value }
    }
}

#[derive(serde::Serialize)]
struct Starts {
    tried: u64,
    at_best: u64,
}

impl Starts {
    const fn of((tried, at_best): (u64, u64)) -> Self {
        Self { tried, at_best }
    }
}

#[derive(serde::Serialize)]
struct Finding<'a> {
    code: &'static str,
    message: &'a str,
}

impl<'a> Finding<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        Self { code: diagnostic.code.name, message: &diagnostic.message }
    }
}

/// Fits to print: one that stands, with one finding, and one that does not.
#[cfg(test)]
fn samples() -> Vec<GroupFit> {
    use crate::law::{Cutoff, HoldOut, Scores, Summary, codes};

    let group = |task: &str| vec![("Task".to_owned(), task.to_owned()), ("Model".to_owned(), "a, \"b\"".to_owned())];
    let summary = Summary {
        parameters: vec![
            ("zeta".to_owned(), Estimate { value: 0.1 + 0.2, low: Some(0.25), high: Some(1e-7) }),
            ("b".to_owned(), Estimate { value: 2e22, low: None, high: None }),
        ],
        objective: ("sum of squares".to_owned(), 1.25e-3),
        hold_out: Some(HoldOut { rows: 12, rmse_log: 0.015625 }),
        termination: Termination::Objective,
        starts: (24, 23),
        scores: Some(Scores { loo: 0.5, aicc: -12.0, bic: -8.0 }),
        rollout: vec![Cutoff { up_to: 1e18, fitted: 30, held: 10, rmse_log: 0.25 }],
    };
    let warning = Diagnostic::warning(codes::AT_BOUND, "the exponent `c` is at a bound");
    let error = Diagnostic::error(codes::TOO_FEW_POINTS, "2 points are too few");
    vec![
        GroupFit {
            group: group("inet"),
            law: "m2".to_owned(),
            rows: 40,
            fitted: Some(summary),
            findings: vec![warning],
        },
        GroupFit { group: group("bird"), law: "m2".to_owned(), rows: 2, fitted: None, findings: vec![error] },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_order_and_every_digit() {
        let expected = r#"[
  {
    "group": {
      "Task": "inet",
      "Model": "a, \"b\""
    },
    "law": "m2",
    "rows": 40,
    "parameters": {
      "zeta": {
        "value": 0.30000000000000004,
        "low": 0.25,
        "high": 1e-7
      },
      "b": {
        "value": 2e+22,
        "low": null,
        "high": null
      }
    },
    "objective": {
      "name": "sum of squares",
      "value": 0.00125
    },
    "hold_out": {
      "rows": 12,
      "rmse_log": 0.015625
    },
    "termination": "objective",
    "starts": {
      "tried": 24,
      "at_best": 23
    },
    "scores": {
      "loo": 0.5,
      "aicc": -12.0,
      "bic": -8.0
    },
    "rollout": [
      {
        "up_to": 1e+18,
        "fitted": 30,
        "held": 10,
        "rmse_log": 0.25
      }
    ],
    "findings": [
      {
        "code": "at-bound",
        "message": "the exponent `c` is at a bound"
      }
    ]
  },
  {
    "group": {
      "Task": "bird",
      "Model": "a, \"b\""
    },
    "law": "m2",
    "rows": 2,
    "parameters": {},
    "objective": null,
    "hold_out": null,
    "termination": null,
    "starts": null,
    "scores": null,
    "rollout": [],
    "findings": [
      {
        "code": "too-few-points",
        "message": "2 points are too few"
      }
    ]
  }
]
"#;
        assert_eq!(json(&samples()), expected);
        assert_eq!(json(&[]), "[]\n");
    }

    #[test]
    fn long_texts_are_wrapped_and_short_ones_kept() {
        assert_eq!(wrapped("x  examples seen", 3), ["x  examples seen"]);
        let long = wrapped(&format!("n  {}", "word ".repeat(30).trim()), 3);
        assert!(long.len() == 2 && long.iter().all(|line| line.chars().count() <= WIDTH), "{long:?}");
        assert!(long[1].starts_with("   word"), "{long:?}");
    }
}

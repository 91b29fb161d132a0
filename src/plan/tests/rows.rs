//! Expressions over a table's columns, outside of plans.

use super::list;
use crate::plan::{Column, Expression, RowChecker};
use crate::source::Sources;
use crate::syntax::{parse_binding, parse_expression};

/// The columns that `--bind` reads, and what is wrong with it.
fn bound(text: &str) -> (Vec<String>, String) {
    let mut sources = Sources::default();
    let id = sources.add("--bind", text);
    let (name, value, holes) = parse_binding(&sources, id);
    let mut checker = RowChecker::new(&sources);
    let number = checker.number(&name.unwrap(), &value);
    let (columns, mut found) = checker.finish();
    assert_eq!(number.is_none(), !holes.is_empty() || !found.is_empty(), "{text}");
    found.extend(holes);
    (columns.into_iter().map(|column| column.value).collect(), list(&found, &sources))
}

#[test]
fn a_bare_name_is_a_column() {
    assert_eq!(bound("d = `Training FLOP` / (6 * N)"), (vec!["Training FLOP".into(), "N".into()], String::new()));
    assert_eq!(bound("y = 1 - acc + acc * h200").0, ["acc", "h200"]);
}

#[test]
fn a_binding_takes_a_number_without_a_unit() {
    for (text, said) in [
        ("x = \"a\"", "S0401 a text stands where a number is needed"),
        ("x = N > 2", "S0401 a truth value stands where a number is needed"),
        ("x = N * 2 s", "S0301 `x` is a pure number, but this is a time"),
        ("x = run.seed", "S0202 `run.seed` means nothing here"),
        ("x = log(N)", "S0213 there is no function `log`"),
    ] {
        let found = bound(text).1;
        assert!(found.contains(said), "{text}: {found}");
    }
    assert!(bound("x = run.seed").1.contains("`run.seed`"));
}

#[test]
fn a_condition_is_true_or_false() {
    let mut sources = Sources::default();
    let id = sources.add("--where", "Training");
    let (expression, _) = parse_expression(&sources, id);
    let mut checker = RowChecker::new(&sources);
    assert_eq!(checker.condition(&expression), None);
    assert!(list(&checker.finish().1, &sources).starts_with("1:1+8 S0401 a condition must be true or false"));
}

#[test]
fn every_column_stands_once_in_the_list() {
    let mut sources = Sources::default();
    let ids = ["Loss", "1 - Loss"].map(|text| sources.add("--bind", text));
    let mut checker = RowChecker::new(&sources);
    for id in ids {
        let (expression, _) = parse_expression(&sources, id);
        let name = crate::source::Spanned::new("y".to_owned(), expression.span);
        let number = checker.number(&name, &expression).unwrap();
        number.value.variables(&mut |column| assert_eq!(*column, Column(0)));
        assert!(!matches!(number.value, Expression::Number(_)));
    }
    assert_eq!(checker.finish().0.len(), 1);
}

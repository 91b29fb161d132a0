//! A table of numbers that no plan names: what a law's variables are in each row.

use super::{Row, read};
use crate::diagnostic::Diagnostic;
use crate::plan::{Column, Plan, Results, RowExpression, RowNumber, Seeds};
use crate::source::{Spanned, World};

/// What is read from one table.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The table's path.
    pub path: Spanned<String>,
    /// Every column the expressions read, each name once; [`Column`] points here.
    pub columns: Vec<Spanned<String>>,
    /// Names and values of the numbers of a row.
    pub values: Vec<(String, Spanned<RowExpression>)>,
    /// Rows to read; all where absent.
    pub keep: Option<Spanned<RowExpression>>,
    /// Rows to predict instead of fit; none where absent.
    pub hold_out: Option<Spanned<RowExpression>>,
    /// Columns whose values tell groups apart.
    pub group: Vec<Column>,
    /// The column whose values tell runs apart.
    pub cluster: Option<Column>,
    /// What becomes of rows that differ in what is predicted only.
    pub seeds: Seeds,
    /// How much a row counts; 1 where absent.
    pub weight: Option<Spanned<RowExpression>>,
}

/// Reads the numbers of a table, rows in file order; nothing where a diagnostic is an error.
///
/// A row's values stand in [`super::Row::numbers`], in the order of the query, what is predicted last; where seeds are
/// averaged, that one is the mean.
pub fn numbers(query: &Query, world: &dyn World) -> (Vec<Row>, Vec<Diagnostic>) {
    let number = |(name, value): &(String, Spanned<RowExpression>)| RowNumber {
        name: Spanned::new(name.clone(), value.span),
        value: value.clone(),
    };
    let mut numbers: Vec<RowNumber> = query.values.iter().map(number).collect();
    let predicted = numbers.pop();
    let results = Results {
        name: query.path.clone(),
        path: query.path.clone(),
        trainer: None,
        model: None,
        columns: query.columns.clone(),
        shape: None,
        examples: None,
        metrics: predicted.into_iter().collect(),
        numbers,
        weight: query.weight.clone(),
        keep: query.keep.clone(),
        hold_out: query.hold_out.clone(),
        group: query.group.clone(),
        cluster: query.cluster,
        seeds: query.seeds,
    };
    let plan = Plan { results: vec![results], ..Plan::empty("") };
    let (tables, found) = read(&plan, world);
    let rows = tables.into_iter().flatten().flat_map(|table| table.rows).map(|mut row| {
        row.numbers.append(&mut row.metrics);
        row
    });
    (rows.collect(), found)
}

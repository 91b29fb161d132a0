//! A table of numbers that no plan names: what a law's variables are in each row.

use std::sync::Arc;

use super::{Row, read};
use crate::diagnostic::Diagnostic;
use crate::plan::{Column, Expression, Metric, Plan, Results, RowExpression, Seeds};
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
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberRow {
    /// The file it stands in.
    pub file: Arc<str>,
    /// Line in the file, from 1, the header counted.
    pub line: u64,
    /// The values, in the order of the query; positive and finite.
    pub values: Vec<f64>,
    /// Values of the grouping columns.
    pub group: Vec<String>,
    /// The value of the cluster's column.
    pub cluster: Option<String>,
    /// Whether the row is predicted instead of fitted.
    pub hold_out: bool,
}

/// Reads the numbers of a table, rows in file order; nothing where a diagnostic is an error.
pub fn numbers(query: &Query, world: &dyn World) -> (Vec<NumberRow>, Vec<Diagnostic>) {
    let metric = |(name, value): &(String, Spanned<RowExpression>)| Metric {
        name: Spanned::new(name.clone(), value.span),
        value: value.clone(),
    };
    let results = Results {
        name: query.path.clone(),
        path: query.path.clone(),
        model: None,
        columns: query.columns.clone(),
        shape: None,
        examples: Spanned::new(Expression::Number(1.0), query.path.span),
        metrics: query.values.iter().map(metric).collect(),
        keep: query.keep.clone(),
        hold_out: query.hold_out.clone(),
        group: query.group.clone(),
        cluster: query.cluster,
        seeds: Seeds::Keep,
    };
    let plan = Plan { results: vec![results], ..Plan::empty("") };
    let (tables, found) = read(&plan, world);
    let rows = tables.into_iter().flatten().flat_map(|table| table.rows).map(|row| {
        let Row { file, line, metrics, group, cluster, hold_out, .. } = row;
        NumberRow { file, line, values: metrics, group, cluster, hold_out }
    });
    (rows.collect(), found)
}

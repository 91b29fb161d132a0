//! One row after another: cells to numbers, numbers to a canonical row, and what is wrong with them.

use std::sync::Arc;

use super::read::written;
use super::records::Record;
use super::repeats::{Repeats, average};
use super::{Row, Table, codes};
use crate::diagnostic::{Code, DataPlace, Diagnostic};
use crate::plan::{Column, Expression, Operator, Plan, Results, RowExpression, RowNumber, Seeds, Value, Wrong};
use crate::source::{Span, Spanned};
use crate::units::{exact, fixed};
use crate::vit::{Axis, Problem, Shape};

/// Most diagnostics of one table.
const LIMIT: usize = 10;

/// Reads rows into a table and remembers what was wrong.
pub(super) struct Reader<'a> {
    plan: &'a Plan,
    results: &'a Results,
    /// The file that is read.
    file: Arc<str>,
    /// The run that the row is of, where the file holds several.
    pub(super) run: Option<Arc<str>>,
    /// Place in the record of each of `results.columns`; none where the file has no such column so far.
    pub(super) places: Vec<Option<usize>>,
    /// Cells of a whole row; none where rows may lack some.
    cells: Option<usize>,
    /// Rows seen, filtered ones too.
    pub(super) seen: u64,
    rows: Vec<Row>,
    repeats: Repeats,
    found: Vec<Diagnostic>,
    /// Findings beyond [`LIMIT`].
    more: u64,
    /// Findings, and those beyond, before the file that is read.
    before: (usize, u64),
    /// For each metric the rows whose `error` is no fraction of 1.
    fractions: Vec<Fraction>,
    /// The last shape, with its forward FLOPs.
    known: Option<(Shape, u64)>,
}

/// What is known of an `error` metric that leaves 0 to 1.
#[derive(Clone, Default)]
struct Fraction {
    first: Option<Offender>,
    count: u64,
    /// Rows with a value, those that are fractions too.
    seen: u64,
    /// Least and largest cell of its column, if it reads one column in a plain way.
    range: Option<(f64, f64)>,
}

#[derive(Clone)]
struct Offender {
    file: Arc<str>,
    run: Option<Arc<str>>,
    line: u64,
    value: f64,
    cell: Option<f64>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(plan: &'a Plan, results: &'a Results) -> Self {
        Self {
            plan,
            results,
            file: Arc::from(results.path.value.as_str()),
            run: None,
            places: Vec::new(),
            cells: None,
            seen: 0,
            rows: Vec::new(),
            repeats: Repeats::default(),
            found: Vec::new(),
            more: 0,
            before: (0, 0),
            fractions: vec![Fraction::default(); results.metrics.len()],
            known: None,
        }
    }

    /// Begins a file whose rows have that many cells; where any number is right, none is given.
    pub(super) fn begin(&mut self, file: &str, cells: Option<usize>) {
        self.file = Arc::from(file);
        self.run = None;
        self.cells = cells;
        self.before = (self.found.len(), self.more);
    }

    /// Forgets what was found in the rows of the file that is read.
    pub(super) fn forget(&mut self) {
        self.found.truncate(self.before.0);
        self.more = self.before.1;
    }

    /// Takes the next record.
    pub(super) fn row(&mut self, record: &Record) {
        self.seen += 1;
        let line = record.line;
        if let Some(cells) = self.cells.filter(|&cells| cells != record.len()) {
            return self.ragged(record, cells);
        }
        if let Some(keep) = &self.results.keep {
            match self.truth(keep, record, line) {
                Some(true) => {}
                Some(false) | None => return,
            }
        }
        // Every field is read even after one failed, so that each mistake of a row is told at once.
        let shape = self.results.shape.as_ref().map(|axes| {
            let sizes = axes.iter().map(|(axis, size)| self.size(axis.name(), size, record, line));
            (sizes.collect::<Vec<_>>(), axes.width.span)
        });
        let examples = self.results.examples.as_ref().map(|from| self.positive("examples", from, record, line));
        let named = |number: &'a RowNumber| (number.name.value.as_str(), &number.value);
        let numbers: Vec<_> = self.results.numbers.iter().map(named).collect();
        let numbers: Vec<_> = numbers.into_iter().map(|(name, from)| self.positive(name, from, record, line)).collect();
        let weight = self.results.weight.as_ref().map(|from| self.positive("weight", from, record, line));
        let metrics: Vec<_> = (0..self.results.metrics.len()).map(|i| self.metric(i, record, line)).collect();
        let hold_out = match &self.results.hold_out {
            Some(hold_out) => self.truth(hold_out, record, line),
            None => Some(false),
        };
        let group = self.results.group.iter().map(|&column| self.cell(column, record).trim().to_owned()).collect();

        let (shape, flops) = match shape {
            None => (None, None),
            Some((sizes, span)) => {
                let [Some(width), Some(depth), Some(mlp_dim)] = sizes[..] else { return };
                let shape = Shape { width, depth, mlp_dim };
                let Some(flops) = self.flops(shape, span, line) else { return };
                (Some(shape), Some(flops))
            }
        };
        let (Some(examples), Some(metrics), Some(numbers), Some(weight), Some(hold_out)) = (
            optional(examples),
            metrics.into_iter().collect(),
            numbers.into_iter().collect(),
            optional(weight),
            hold_out,
        ) else {
            return;
        };
        let forward_flops = flops.zip(examples).map(|(flops, examples)| flops as f64 * examples);
        let row = Row {
            file: Arc::clone(&self.file),
            line,
            shape,
            examples,
            forward_flops,
            metrics,
            numbers,
            group,
            cluster: self.results.cluster.map(|column| self.cell(column, record).trim().to_owned()),
            weight: weight.unwrap_or(1.0),
            hold_out,
        };
        match self.results.seeds {
            Seeds::Keep => self.rows.push(row),
            Seeds::Average => self.repeats.add(&mut self.rows, row),
        }
    }

    fn ragged(&mut self, record: &Record, wanted: usize) {
        let line = record.line;
        let cells = if record.len() == 1 { "1 cell".to_owned() } else { format!("{} cells", record.len()) };
        let message = format!("line {line} of `{}` has {cells} and the header has {wanted}", self.path());
        let help = if record.has_lines() {
            "close the quotes: a cell that begins with `\"` goes on over lines until the next one"
        } else {
            "give each row as many cells as the header, and put quotes around cells that hold a comma"
        };
        self.report(codes::RAGGED_ROW, message, self.results.path.span, "this table", line, None, help);
    }

    /// The table, and what was wrong.
    pub(super) fn finish(mut self) -> (Option<Table>, Vec<Diagnostic>) {
        for (metric, fraction) in self.results.metrics.iter().zip(std::mem::take(&mut self.fractions)) {
            if let Some(first) = &fraction.first {
                self.file = Arc::clone(&first.file);
                self.found.push(of_run(self.no_fraction(metric, first, &fraction), first.run.as_deref()));
            }
        }
        if self.rows.is_empty() && self.found.is_empty() {
            let span = self.results.keep.as_ref().map_or(self.results.path.span, |keep| keep.span);
            let path = &self.results.path.value;
            let message = format!("no row of `{path}` passes the filter of `{}`", self.results.name.value);
            self.found.push(
                Diagnostic::error(codes::NO_ROWS_KEPT, message)
                    .label(span, format!("false in all {} rows", self.seen))
                    .at(DataPlace { path: path.clone(), line: None, column: None })
                    .help("widen the filter, or check the values it compares with"),
            );
        }
        if self.more > 0 {
            let rows = if self.more == 1 { "finding" } else { "findings" };
            let note = format!("and {} more {rows} like this in `{}`", self.more, self.results.path.value);
            if let Some(last) = self.found.get_mut(LIMIT - 1) {
                last.notes.push(note);
            }
        }
        if self.results.seeds == Seeds::Average {
            average(&mut self.rows);
        }
        let table = Table {
            name: self.results.name.value.clone(),
            path: self.results.path.value.clone(),
            metrics: self.results.metrics.iter().map(|metric| metric.name.value.clone()).collect(),
            group: self.results.group.iter().filter_map(|&column| self.column(column)).map(str::to_owned).collect(),
            rows: self.rows,
        };
        (Some(table), self.found)
    }

    fn path(&self) -> &str {
        &self.file
    }

    fn column(&self, column: Column) -> Option<&'a str> {
        self.results.columns.get(column.0).map(|name| name.value.as_str())
    }

    fn cell<'r>(&self, column: Column, record: &'r Record) -> &'r str {
        cell(&self.places, column, record)
    }

    fn number(&mut self, field: &str, from: &Spanned<RowExpression>, record: &Record, line: u64) -> Option<f64> {
        let value = from.value.number(&mut |&column| Value::Text(cell(&self.places, column, record)));
        value.map_err(|wrong| self.wrong(field, &wrong, from, record, line)).ok()
    }

    fn truth(&mut self, from: &Spanned<RowExpression>, record: &Record, line: u64) -> Option<bool> {
        let value = from.value.truth(&mut |&column| Value::Text(cell(&self.places, column, record)));
        value.map_err(|wrong| self.wrong("the condition", &wrong, from, record, line)).ok()
    }

    fn positive(&mut self, field: &str, from: &Spanned<RowExpression>, record: &Record, line: u64) -> Option<f64> {
        let value = self.number(field, from, record, line)?;
        if value > 0.0 && value.is_finite() {
            return Some(value);
        }
        self.outside(field, value, "positive and finite", from, record, line);
        None
    }

    fn size(&mut self, field: &str, from: &Spanned<RowExpression>, record: &Record, line: u64) -> Option<u64> {
        let value = self.number(field, from, record, line)?;
        if value >= 1.0 && value.fract() == 0.0 && value <= (1_u64 << 53) as f64 {
            return Some(value as u64);
        }
        self.outside(field, value, "a whole number from 1", from, record, line);
        None
    }

    fn metric(&mut self, i: usize, record: &Record, line: u64) -> Option<f64> {
        let metric = self.results.metrics.get(i)?;
        if metric.name.value != "error" {
            return self.positive(&metric.name.value, &metric.value, record, line);
        }
        let value = self.number(&metric.name.value, &metric.value, record, line)?;
        let cell =
            fraction_column(&metric.value.value).and_then(|(column, _)| self.cell(column, record).trim().parse().ok());
        let known = &mut self.fractions[i];
        if let Some(cell) = cell {
            let (low, high) = known.range.unwrap_or((cell, cell));
            known.range = Some((low.min(cell), high.max(cell)));
        }
        known.seen += 1;
        // An error of exactly 0 has no logarithm and no relative residual.
        if value > 0.0 && value <= 1.0 {
            return Some(value);
        }
        known.count += 1;
        known.first.get_or_insert_with(|| Offender {
            file: Arc::clone(&self.file),
            run: self.run.clone(),
            line,
            value,
            cell,
        });
        None
    }

    /// Forward FLOPs of one example.
    fn flops(&mut self, shape: Shape, span: Span, line: u64) -> Option<u64> {
        if let Some((_, flops)) = self.known.filter(|(known, _)| *known == shape) {
            return Some(flops);
        }
        let model = self.results.model.and_then(|model| self.plan.models.get(model))?;
        let problem = match model.architecture.with(shape) {
            Ok(vit) => {
                let flops = vit.cost().forward_flops_per_example;
                self.known = Some((shape, flops));
                return Some(flops);
            }
            Err(problem) => problem,
        };
        let (name, heads, path) = (&model.name.value, model.architecture.heads, self.path());
        let (message, label) = match problem {
            Problem::HeadsDoNotDivideWidth => (
                format!(
                    "the {heads} heads of `{name}` do not divide the width {} in line {line} of `{path}`",
                    shape.width
                ),
                format!("{heads} heads"),
            ),
            Problem::TooLarge(axis) => {
                (format!("{axis} is beyond any model in line {line} of `{path}`"), String::new())
            }
            Problem::PositionNeedsFours => (
                format!(
                    "the width {} in line {line} of `{path}` leaves `{name}` no sines and cosines of two axes: it or its head size is no multiple of 4",
                    shape.width
                ),
                format!("{heads} heads"),
            ),
            Problem::Zero(_) | Problem::PatchDoesNotDivideImage | Problem::NoClassToken | Problem::NothingVisible => {
                (format!("the model `{name}` cannot be built at {shape}, line {line} of `{path}`"), String::new())
            }
        };
        let column = match problem {
            Problem::HeadsDoNotDivideWidth => {
                self.results.shape.as_ref().and_then(|axes| only_column(&axes.get(Axis::Width).value))
            }
            _ => None,
        };
        let place = self.place(line, column);
        let error = Diagnostic::error(codes::UNBUILDABLE_ROW, message)
            .label(model.heads_span, label)
            .label(span, "the widths come from here")
            .at(place)
            .help("give the model the heads that these runs had, or correct the row");
        self.push(error);
        None
    }

    fn place(&self, line: u64, column: Option<Column>) -> DataPlace {
        let column = column.and_then(|column| self.column(column)).map(str::to_owned);
        DataPlace { path: self.path().to_owned(), line: Some(line), column }
    }

    /// Adds a finding, or counts it where there are many.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        if self.found.len() < LIMIT {
            self.found.push(of_run(diagnostic, self.run.as_deref()));
        } else {
            self.more += 1;
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one finding, told in one line where it is found")]
    fn report(
        &mut self,
        code: Code,
        message: String,
        span: Span,
        label: &str,
        line: u64,
        column: Option<Column>,
        help: &str,
    ) {
        let place = self.place(line, column);
        self.push(Diagnostic::error(code, message).label(span, label).at(place).help(help));
    }

    fn outside(
        &mut self,
        field: &str,
        value: f64,
        range: &str,
        from: &Spanned<RowExpression>,
        record: &Record,
        line: u64,
    ) {
        let column = only_column(&from.value);
        let written = column.map_or_else(|| exact(value), |column| short(self.cell(column, record).trim()));
        let message = format!("`{field}` is {} in line {line} of `{}`, and must be {range}", exact(value), self.path());
        let help = format!("correct the row, or leave it out with `where`; the cell reads `{written}`");
        self.report(codes::BAD_VALUE, message, from.span, "computed from this", line, column, &help);
    }

    fn wrong(&mut self, field: &str, wrong: &Wrong, from: &Spanned<RowExpression>, record: &Record, line: u64) {
        let mut column = only_column(&from.value);
        let (message, label) = match wrong {
            Wrong::NotANumber(text) => {
                from.value.variables(&mut |&c| {
                    if column.is_none() && self.cell(c, record) == text {
                        column = Some(c);
                    }
                });
                let cell = match column.and_then(|column| self.column(column)) {
                    Some(name) => format!("column `{name}`"),
                    None => "a cell".to_owned(),
                };
                let text = text.trim();
                let what = if text.is_empty() {
                    "is empty".to_owned()
                } else {
                    format!("holds `{}`, which is no number", short(text))
                };
                (format!("{cell} {what} in line {line} of `{}`", self.path()), format!("{field} needs a number"))
            }
            Wrong::NotATruth => (
                format!("{field} is neither true nor false in line {line} of `{}`", self.path()),
                "must be a comparison".to_owned(),
            ),
            Wrong::Incomparable => (
                format!("{field} compares values of different kinds in line {line} of `{}`", self.path()),
                "text and truth values can only be equal or not".to_owned(),
            ),
        };
        let help = "correct the cell, or leave the row out with `where`";
        self.report(codes::BAD_CELL, message, from.span, &label, line, column, help);
    }

    fn no_fraction(&self, metric: &RowNumber, first: &Offender, fraction: &Fraction) -> Diagnostic {
        let &Offender { line, value, cell, .. } = first;
        let plain = fraction_column(&metric.value.value);
        // One stray cell makes no column of percentages.
        let most = 2 * fraction.count >= fraction.seen;
        let percent = most && fraction.range.is_some_and(|(low, high)| low >= 0.0 && high > 1.5 && high <= 100.0);
        let name = plain.and_then(|(column, _)| self.column(column));
        let place = self.place(line, only_column(&metric.value.value));
        let path = self.path();
        let error = |message| {
            let error = Diagnostic::error(codes::BAD_ERROR, message)
                .label(metric.value.span, format!("gives {}", fixed(value, 6)));
            let error = error.at(place);
            match fraction.count - 1 {
                0 => error,
                1 => error.note("and 1 more row like this"),
                more => error.note(format!("and {more} more rows like this")),
            }
        };
        match (plain, name, cell) {
            (Some((_, complement)), Some(name), Some(cell)) if percent => {
                let text = if complement { "1 - " } else { "" };
                let text = format!("{text}column {} / 100", written(name));
                error(format!("`error` is {value:.6} in line {line} of `{path}`: column `{name}` holds percent ({cell}), not a fraction of 1"))
                    .fix("divide the percentage by 100", metric.value.span, text)
            }
            _ => error(format!(
                "`error` is {} in line {line} of `{path}`, and must be above 0 and at most 1",
                exact(value)
            ))
            .help("an error is a fraction of 1; a loss of any other range is written `loss = ...`"),
        }
    }
}

/// A finding about a row of a run that has a name.
fn of_run(diagnostic: Diagnostic, run: Option<&str>) -> Diagnostic {
    match run {
        Some(run) => diagnostic.note(format!("in run `{}`", short(run))),
        None => diagnostic,
    }
}

/// Absent, or whole.
#[expect(clippy::option_option, reason = "absent is not wrong")]
fn optional<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(value) => Some(Some(value?)),
        None => Some(None),
    }
}

/// The text of a column in a row.
fn cell<'r>(places: &[Option<usize>], column: Column, record: &'r Record) -> &'r str {
    places.get(column.0).copied().flatten().map_or("", |place| record.cell(place))
}

/// The column of `column x` and of `1 - column x`; the latter is a complement.
fn fraction_column(expression: &RowExpression) -> Option<(Column, bool)> {
    match expression {
        Expression::Variable(column) => Some((*column, false)),
        Expression::Arithmetic(Operator::Subtract, left, right) => match (&**left, &**right) {
            (Expression::Number(1.0), Expression::Variable(column)) => Some((*column, true)),
            _ => None,
        },
        _ => None,
    }
}

/// The column an expression reads, if it reads exactly one.
fn only_column(expression: &RowExpression) -> Option<Column> {
    let mut columns = Vec::new();
    expression.variables(&mut |&column| columns.push(column));
    columns.dedup();
    match columns[..] {
        [column] => Some(column),
        _ => None,
    }
}

/// The beginning of a cell's text.
pub(super) fn short(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

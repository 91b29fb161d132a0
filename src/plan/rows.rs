//! Expressions over the columns of a row.
//!
//! The cells of a table have no unit: a column, and a number without one, counts whatever its field needs. Where a unit
//! is written it must fit: in a sum every column takes it, in a product a column is a pure number.

use super::check::{Checker, NO_FILES};
use super::constants::meaningless;
use super::schema::Field;
use super::terms::{Term, Variables};
use super::{Column, RowExpression, codes};
use crate::diagnostic::Diagnostic;
use crate::source::{Sources, Spanned};
use crate::syntax::ast::{Expr, Name, Path};
use crate::units::Dimension;

/// Checks expressions over the columns of one table, outside of any plan. A bare name is a column here.
///
/// ```
/// use sovitc::plan::RowChecker;
/// use sovitc::source::Sources;
///
/// let mut sources = Sources::default();
/// let id = sources.add("--where", "`Seen Examples` > 1e6 and Task == \"inet_10\"");
/// let (expression, holes) = sovitc::syntax::parse_expression(&sources, id);
/// let mut checker = RowChecker::new(&sources);
/// assert!(checker.condition(&expression).is_some() && holes.is_empty());
/// let (columns, found) = checker.finish();
/// assert_eq!(columns.iter().map(|name| name.value.as_str()).collect::<Vec<_>>(), ["Seen Examples", "Task"]);
/// assert_eq!(found, []);
/// ```
pub struct RowChecker<'a> {
    checker: Checker<'a>,
    columns: Columns,
}

impl<'a> RowChecker<'a> {
    /// Nothing was checked so far; `sources` holds the texts of all expressions.
    pub fn new(sources: &'a Sources) -> Self {
        Self { checker: Checker::new(sources, &NO_FILES), columns: Columns { names: Vec::new(), bare: true } }
    }

    /// A number of every row without dimension, for `name`. `None` where it has a hole or a mistake.
    pub fn number(&mut self, name: &Name, value: &Expr) -> Option<Spanned<RowExpression>> {
        self.checker.row_number(Field { name, value }, Dimension::NONE, &mut self.columns)
    }

    /// A condition on every row. `None` where it has a hole or a mistake.
    pub fn condition(&mut self, value: &Expr) -> Option<Spanned<RowExpression>> {
        Some(Spanned::new(self.checker.truth(value, &mut self.columns)?, value.span))
    }

    /// The column of that name.
    pub fn column(&mut self, name: &Name) -> Column {
        self.columns.find(name)
    }

    /// Every column that was read, each once, to which [`Column`] points; and what is wrong, by place.
    pub fn finish(self) -> (Vec<Spanned<String>>, Vec<Diagnostic>) {
        (self.columns.names, self.checker.found())
    }
}

/// The columns that a table's expressions read, each once.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) names: Vec<Spanned<String>>,
    /// Whether a bare name is a column.
    bare: bool,
}

impl Columns {
    /// The column of that name.
    pub(super) fn find(&mut self, name: &Name) -> Column {
        let known = self.names.iter().position(|known| known.value == name.value);
        Column(known.unwrap_or_else(|| {
            self.names.push(name.clone());
            self.names.len() - 1
        }))
    }
}

impl Variables for Columns {
    type Variable = Column;
    const LOOSE: bool = true;
    const UNCERTAIN: bool = false;

    fn variable(&mut self, name: &Name) -> Option<Term<Column>> {
        if self.bare { self.column(name) } else { None }
    }

    fn column(&mut self, name: &Name) -> Option<Term<Column>> {
        Some(Term::Column(self.find(name)))
    }

    fn unknown(&self, path: &Path) -> Diagnostic {
        match path.names.as_slice() {
            [name] => Diagnostic::error(codes::UNKNOWN_NAME, format!("`{}` means nothing in a row", name.value))
                .label(path.span, "not a name that is known here")
                .fix("read the column of this name", path.span, format!("column {}", name.value))
                .fix("or write a text", path.span, format!("\"{}\"", name.value)),
            _ if self.bare => {
                let text = path.names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(".");
                meaningless(path).fix("put the column's name in backquotes", path.span, format!("`{text}`"))
            }
            _ => meaningless(path).help("a row has columns: write `column NAME`"),
        }
    }
}

impl Checker<'_> {
    /// A number of every row, in base units of `dimension`.
    pub(super) fn row_number(
        &mut self,
        field: Field<'_>,
        dimension: Dimension,
        columns: &mut Columns,
    ) -> Option<Spanned<RowExpression>> {
        let term = self.numeric(field.value, Some(dimension), columns)?;
        if let Some(measure) = term.measure()
            && !self.fits(field.value, measure.dimension, dimension, field.owner())
        {
            return None;
        }
        Some(Spanned::new(term.expression(), field.value.span))
    }

    /// A condition on every row.
    pub(super) fn row_condition(&mut self, field: Field<'_>, columns: &mut Columns) -> Option<Spanned<RowExpression>> {
        Some(Spanned::new(self.truth(field.value, columns)?, field.value.span))
    }
}

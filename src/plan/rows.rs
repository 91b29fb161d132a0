//! Expressions over the columns of a row.
//!
//! The cells of a table have no unit: a column, and a number without one, counts whatever its field needs. Where a unit
//! is written it must fit: in a sum every column takes it, in a product a column is a pure number.

use super::check::Checker;
use super::constants::meaningless;
use super::schema::Field;
use super::terms::{Term, Variables};
use super::{Column, RowExpression, codes};
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::ast::{Name, Path};
use crate::units::Dimension;

/// The columns that a table's expressions read, each once.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) names: Vec<Spanned<String>>,
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

    fn variable(&self, _: &str) -> Option<Term<Column>> {
        None
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

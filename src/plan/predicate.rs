//! Requirements: conditions on the numbers of a shape, dimensions checked.

use super::check::Checker;
use super::constants::meaningless;
use super::names::list_of;
use super::terms::{Term, Variables};
use super::{Expression, Requirement, ShapeVariable, codes};
use crate::diagnostic::{Diagnostic, nearest};
use crate::syntax::ast::{Expr, Name, Path};
use crate::units::{Base, ComputeKind, Dimension, Measure};

/// An expression may speak of a shape, what it costs, and what the budget pays for.
#[derive(Debug)]
pub(super) struct Shapes;

impl ShapeVariable {
    /// What the variable counts.
    pub const fn dimension(self) -> Dimension {
        self.measure().dimension
    }

    /// The same, with the kind of compute.
    pub(crate) const fn measure(self) -> Measure {
        match self {
            Self::Width | Self::Depth | Self::Mlp | Self::Heads | Self::HeadDim | Self::Loss => Measure::NONE,
            Self::Params => Measure::new(Dimension::PARAM),
            Self::Tokens => Measure::new(Dimension::TOKEN),
            Self::Flops => Measure::of_kind(Dimension::FLOP_PER_EXAMPLE, ComputeKind::Forward),
            Self::Examples => Measure::new(Dimension::EXAMPLE),
            Self::Latency => Measure::new(Dimension::of(Base::Second)),
            Self::Throughput => Measure::new(Dimension::RATE),
            Self::Memory => Measure::new(Dimension::of(Base::Byte)),
        }
    }
}

impl Variables for Shapes {
    type Variable = ShapeVariable;
    const LOOSE: bool = false;
    const UNCERTAIN: bool = false;

    fn variable(&mut self, name: &Name) -> Option<Term<ShapeVariable>> {
        let (_, variable) = ShapeVariable::ALL.iter().find(|(known, _)| *known == name.value)?;
        Some(Term::Open { expression: Expression::Variable(*variable), measure: Some(variable.measure()) })
    }

    fn column(&mut self, _: &Name) -> Option<Term<ShapeVariable>> {
        None
    }

    fn unknown(&self, path: &Path) -> Diagnostic {
        let known = || ShapeVariable::ALL.iter().map(|(name, _)| *name);
        let near = path.names.first().and_then(|name| nearest(&name.value, known()));
        match near.filter(|_| path.names.len() == 1) {
            Some(near) => meaningless(path).fix(format!("there is `{near}`"), path.span, near),
            None => meaningless(path).help(format!("a requirement speaks of {}", list_of(known()))),
        }
    }
}

impl Checker<'_> {
    /// Checks `require EXPR`.
    pub(super) fn requirement(&mut self, expr: &Expr) -> Option<Requirement> {
        let predicate = self.truth(expr, &mut Shapes)?;
        self.speaks_of_shapes(expr, &predicate, "a requirement")?;
        let text = self.sources.slice(expr.span).split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Requirement { text, span: expr.span, predicate })
    }

    /// Reports an expression that is the same for every shape.
    pub(super) fn speaks_of_shapes(
        &mut self,
        expr: &Expr,
        expression: &Expression<ShapeVariable>,
        what: &str,
    ) -> Option<()> {
        let mut speaks = false;
        expression.variables(&mut |_| speaks = true);
        if !speaks {
            let error = Diagnostic::error(codes::CONSTANT_REQUIREMENT, format!("{what} must speak of the shape"))
                .label(expr.span, "the same for every shape")
                .help(format!("speak of {}", list_of(ShapeVariable::ALL.iter().map(|(name, _)| *name))));
            self.report(error);
        }
        speaks.then_some(())
    }
}

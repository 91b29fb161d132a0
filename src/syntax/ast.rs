//! What a plan says, as a tree. Holes stand where text was wrong; whoever put a hole there has reported it.

use crate::source::{Span, Spanned};

/// A name and its place.
pub type Name = Spanned<String>;

/// A whole plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ast {
    /// The definitions in order.
    pub items: Vec<Item>,
}

/// One definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// From the keyword to the last token.
    pub span: Span,
    /// The keyword's place.
    pub keyword: Span,
    /// Which definition.
    pub kind: ItemKind,
}

/// The definitions there are. `None` is a hole.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    /// `use "FILE"`
    Use {
        /// The file's path, from the folder of the file that says so.
        path: Option<Spanned<String>>,
    },
    /// `let NAME = EXPR`
    Let {
        /// Its name.
        name: Option<Name>,
        /// What it stands for.
        value: Expr,
    },
    /// `device NAME { ... }` or `device NAME from DEVICE { ... }`, the block optional in the latter.
    Device {
        /// Its name.
        name: Option<Name>,
        /// The device that has what its fields do not say.
        from: Option<Name>,
        /// Its fields.
        body: Option<Block>,
    },
    /// `prices "FILE"`
    Prices {
        /// The file's path, from the folder of the file that says so.
        path: Option<Spanned<String>>,
    },
    /// `model NAME { ... }` or `model NAME from "FILE" { ... }` or `model NAME from PUBLISHED { ... }`, the block optional
    /// in the latter two.
    Model {
        /// Its name.
        name: Option<Name>,
        /// What it has that its fields do not say.
        from: Option<ModelFrom>,
        /// Its fields.
        body: Option<Block>,
    },
    /// `results NAME from "FILE" { ... }` or `results NAME from trainer TRAINER "FOLDER" { ... }`
    Results {
        /// Its name.
        name: Option<Name>,
        /// The trainer whose runs they are.
        trainer: Option<Name>,
        /// The table's path.
        path: Option<Spanned<String>>,
        /// Its columns.
        body: Option<Block>,
    },
    /// `law NAME = FORM { ... }` or `law NAME = FORM fitted to TABLE.METRIC { ... }`, the block optional in the second.
    Law {
        /// Its name.
        name: Option<Name>,
        /// The form, such as `sovit` or `m4`.
        form: Option<Name>,
        /// What it is fitted to.
        fitted_to: Option<Path>,
        /// Its fields.
        body: Option<Block>,
    },
    /// `start NAME { ... }` or `start NAME = best of TABLE.METRIC { ... }`, the block optional in the second.
    Start {
        /// Its name.
        name: Option<Name>,
        /// The grid it is found in.
        best_of: Option<BestOf>,
        /// Its fields.
        body: Option<Block>,
    },
    /// `budget NAME = EXPR`
    Budget {
        /// Its name.
        name: Option<Name>,
        /// Its amount.
        value: Expr,
    },
    /// `recipe NAME { ... }`
    Recipe {
        /// Its name.
        name: Option<Name>,
        /// Its fields.
        body: Option<Block>,
    },
    /// `search NAME { ... }`
    Search {
        /// Its name.
        name: Option<Name>,
        /// Fields, ranges and requirements.
        body: Option<Block>,
    },
    /// `emit TARGET "PATH"`, or `emit template "FILE" to "PATH"`, with an optional block.
    Emit {
        /// The target, such as `timm`.
        target: Option<Name>,
        /// Where to; of a template, which.
        path: Option<Spanned<String>>,
        /// Where a template's text goes.
        to: Option<Spanned<String>>,
        /// Its fields.
        body: Option<Block>,
    },
}

/// `{ ... }` after a definition, or a record value.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Brace to brace.
    pub span: Span,
    /// What stands between.
    pub entries: Vec<Entry>,
}

/// One line of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The whole line.
    pub span: Span,
    /// What it says.
    pub kind: EntryKind,
}

/// The lines a block may hold; those that are rare take little room.
#[derive(Clone, Debug, PartialEq)]
pub enum EntryKind {
    /// `NAME = EXPR`
    Field {
        /// The field.
        name: Name,
        /// Its value.
        value: Expr,
    },
    /// `NAME in LOW..HIGH` with an optional `step EXPR` or `by EXPR`.
    Range {
        /// The variable.
        name: Name,
        /// The lowest value, included.
        low: Box<Expr>,
        /// The highest value, included.
        high: Box<Expr>,
        /// How neighbours follow each other; by steps of 1 where absent.
        spacing: Option<Box<Spacing>>,
    },
    /// `require EXPR`
    Require {
        /// The predicate.
        predicate: Expr,
    },
    /// `prefer GOAL` with an optional `within EXPR of best loss`.
    Prefer(Box<Preference>),
}

/// What is preferred among shapes.
#[derive(Clone, Debug, PartialEq)]
pub struct Preference {
    /// What; `None` is a hole.
    pub goal: Option<Goal>,
    /// How far from the best loss it may lead.
    pub within: Option<Expr>,
}

/// What a preference is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// `fast on h200`
    Named {
        /// The goal, such as `fast`.
        name: Name,
        /// On which device.
        device: Option<Name>,
    },
    /// `least EXPR`
    Least(Expr),
    /// `most EXPR`
    Most(Expr),
}

/// How the values of a range follow each other.
#[derive(Clone, Debug, PartialEq)]
pub enum Spacing {
    /// `step EXPR`: the difference of neighbours.
    Step(Expr),
    /// `by EXPR`: the quotient of neighbours.
    By(Expr),
}

impl Spacing {
    /// The difference or the quotient.
    pub const fn value(&self) -> &Expr {
        match self {
            Self::Step(value) | Self::By(value) => value,
        }
    }
}

/// A dotted name such as `star.error`.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The whole path.
    pub span: Span,
    /// Its names; at least one.
    pub names: Vec<Name>,
}

/// What a model begins as.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelFrom {
    /// The config of a trainer, at this path.
    File(Spanned<String>),
    /// A published model.
    Published(Name),
}

impl Path {
    /// Whether a question so asks for what a law or a search came to: `law.NAME...` or `search.NAME...`.
    pub fn is_of_results(&self) -> bool {
        let first = self.names.first().map_or("", |name| name.value.as_str());
        self.names.len() > 1 && ["law", "search"].contains(&first)
    }
}

/// `best of TABLE.METRIC`
#[derive(Clone, Debug, PartialEq)]
pub struct BestOf {
    /// The words `best of`.
    pub span: Span,
    /// The metric that is least there.
    pub data: Option<Path>,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Its place.
    pub span: Span,
    /// Its form.
    pub kind: ExprKind,
}

impl Expr {
    /// Calls `f` for every path outside of records, left to right.
    pub fn paths(&self, f: &mut dyn FnMut(&Path)) {
        match &self.kind {
            ExprKind::Path(path) => f(path),
            ExprKind::Call { arguments: list, .. } | ExprKind::List(list) => list.iter().for_each(|expr| expr.paths(f)),
            ExprKind::Unary { operand: one, .. }
            | ExprKind::As { value: one, .. }
            | ExprKind::At { value: one, .. } => one.paths(f),
            ExprKind::Binary { left, right, .. } => [left, right].into_iter().for_each(|expr| expr.paths(f)),
            ExprKind::Error
            | ExprKind::Number { .. }
            | ExprKind::Text(_)
            | ExprKind::Bool(_)
            | ExprKind::Column(_)
            | ExprKind::Record(_) => {}
        }
    }
}

/// The forms of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A hole, reported already.
    Error,
    /// A number with its unit, if one follows on the same line.
    Number {
        /// The number as read.
        value: f64,
        /// Its unit.
        unit: Option<Unit>,
    },
    /// `"..."`, escapes resolved.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// A name or a dotted path.
    Path(Path),
    /// `column NAME`, `column "NAME"` or `` `NAME` ``.
    Column(Name),
    /// `NAME(ARGS)`.
    Call {
        /// The function.
        function: Name,
        /// Its arguments.
        arguments: Vec<Expr>,
    },
    /// `{ NAME = EXPR, ... }`
    Record(Block),
    /// `[EXPR, ...]`
    List(Vec<Expr>),
    /// `-EXPR` or `not EXPR`.
    Unary {
        /// Which.
        operator: Spanned<UnaryOp>,
        /// Its operand.
        operand: Box<Expr>,
    },
    /// `LEFT OP RIGHT`.
    Binary {
        /// Which.
        operator: Spanned<BinaryOp>,
        /// Its left operand.
        left: Box<Expr>,
        /// Its right operand.
        right: Box<Expr>,
    },
    /// `EXPR as KIND`.
    As {
        /// The value.
        value: Box<Expr>,
        /// The kind of compute, such as `forward`.
        kind: Name,
    },
    /// `EXPR at QUANTILE`.
    At {
        /// The uncertain value.
        value: Box<Expr>,
        /// Which of its values, such as `median` or `p90`.
        quantile: Name,
    },
}

/// A unit as written: `TFLOP/s/gpu`, `s^2`, `%`. Compound units hold no white space.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// The whole unit.
    pub span: Span,
    /// Its factors with their exponents; `/s` has exponent -1. At least one.
    pub factors: Vec<(Name, i8)>,
}

/// Operators with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`
    Negate,
    /// `not`
    Not,
}

/// Operators with two operands, loosest last in [`BinaryOp::precedence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `a +- b`: value and standard deviation.
    PlusMinus,
    /// `a to b`: the interval that holds the value with 90 %.
    To,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `8 divides head_dim`
    Divides,
    /// `and`
    And,
    /// `or`
    Or,
}

impl BinaryOp {
    /// How tightly it binds; higher is tighter. `as` and `at` stand at 5, between intervals and comparisons.
    pub const fn precedence(self) -> u8 {
        match self {
            Self::PlusMinus => 9,
            Self::Multiply | Self::Divide => 8,
            Self::Add | Self::Subtract => 7,
            Self::To => 6,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessEqual
            | Self::Greater
            | Self::GreaterEqual
            | Self::Divides => 4,
            // `not` stands at 3.
            Self::And => 2,
            Self::Or => 1,
        }
    }

    /// As written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::PlusMinus => "+-",
            Self::To => "to",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Divides => "divides",
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

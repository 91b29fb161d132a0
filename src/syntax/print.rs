//! Tree to text: one canonical way to write a plan. Comments are not in the tree.

use std::fmt::Write as _;

use super::ast::{
    Ast, BinaryOp, Block, Entry, EntryKind, Expr, ExprKind, Goal, ItemKind, ModelFrom, Name, Path, Spacing, UnaryOp,
    Unit,
};
use crate::source::Spanned;

/// The text of a tree; reading it gives the same tree but for places. Holes are left out.
pub fn print(ast: &Ast) -> String {
    let mut printer = Printer { out: String::new() };
    for item in &ast.items {
        if !printer.out.is_empty() {
            printer.out.push('\n');
        }
        printer.item(&item.kind);
        printer.out.push('\n');
    }
    printer.out
}

struct Printer {
    out: String,
}

impl Printer {
    fn item(&mut self, kind: &ItemKind) {
        match kind {
            ItemKind::Use { path } => self.text("use ").quoted(path.as_ref()),
            ItemKind::Let { name, value } => self.head("let", name.as_ref()).text(" = ").expression(value, 0),
            ItemKind::Prices { path } => self.text("prices ").quoted(path.as_ref()),
            ItemKind::Device { name, from, body } => {
                self.head("device", name.as_ref());
                if let Some(from) = from {
                    self.text(" from ").text(&from.value);
                }
                self.body(body.as_ref())
            }
            ItemKind::Model { name, from, body } => {
                self.head("model", name.as_ref());
                match from {
                    Some(ModelFrom::File(path)) => self.text(" from ").quoted(Some(path)),
                    Some(ModelFrom::Published(name)) => self.text(" from ").text(&name.value),
                    None => self,
                }
                .body(body.as_ref())
            }
            ItemKind::Start { name, best_of, body } => {
                self.head("start", name.as_ref());
                if let Some(best_of) = best_of {
                    self.text(" = best of ");
                    if let Some(path) = &best_of.data {
                        self.path(path);
                    }
                }
                self.body(body.as_ref())
            }
            ItemKind::Recipe { name, body } => self.head("recipe", name.as_ref()).body(body.as_ref()),
            ItemKind::Search { name, body } => self.head("search", name.as_ref()).body(body.as_ref()),
            ItemKind::Results { name, trainer, path, body } => {
                self.head("results", name.as_ref()).text(" from ");
                if let Some(trainer) = trainer {
                    self.text("trainer ").text(&trainer.value).text(" ");
                }
                self.quoted(path.as_ref()).body(body.as_ref())
            }
            ItemKind::Law { name, form, fitted_to, body } => {
                self.head("law", name.as_ref()).text(" = ").text(form.as_ref().map_or("", |form| &form.value));
                if let Some(path) = fitted_to {
                    self.text(" fitted to ").path(path);
                }
                self.body(body.as_ref())
            }
            ItemKind::Budget { name, value } => self.head("budget", name.as_ref()).text(" = ").expression(value, 0),
            ItemKind::Emit { target, path, to, body } => {
                self.head("emit", target.as_ref()).text(" ").quoted(path.as_ref());
                if to.is_some() {
                    self.text(" to ").quoted(to.as_ref());
                }
                self.body(body.as_ref())
            }
        };
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.out.push_str(text);
        self
    }

    fn head(&mut self, keyword: &str, name: Option<&Name>) -> &mut Self {
        self.text(keyword).text(" ").text(name.map_or("", |name| &name.value))
    }

    fn path(&mut self, path: &Path) -> &mut Self {
        let names: Vec<_> = path.names.iter().map(|name| name.value.as_str()).collect();
        self.text(&names.join("."))
    }

    fn quoted(&mut self, text: Option<&Spanned<String>>) -> &mut Self {
        if let Some(text) = text {
            self.string(&text.value);
        }
        self
    }

    fn string(&mut self, value: &str) {
        self.out.push('"');
        for c in value.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                c if c.is_control() => drop(write!(self.out, "\\u{{{:x}}}", u32::from(c))),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    /// A block over several lines.
    fn body(&mut self, body: Option<&Block>) -> &mut Self {
        let Some(block) = body else { return self };
        self.text(" {");
        for entry in &block.entries {
            self.text("\n  ").entry(&entry.kind);
        }
        self.text(if block.entries.is_empty() { "}" } else { "\n}" })
    }

    fn entry(&mut self, kind: &EntryKind) -> &mut Self {
        match kind {
            EntryKind::Field { name, value } => self.text(&name.value).text(" = ").expression(value, 0),
            EntryKind::Range { name, low, high, spacing } => {
                self.text(&name.value).text(" in ").expression(low, 0).text("..").expression(high, 0);
                if let Some(spacing) = spacing {
                    let word = if matches!(**spacing, Spacing::Step(_)) { " step " } else { " by " };
                    self.text(word).expression(spacing.value(), 0);
                }
                self
            }
            EntryKind::Require { predicate } => self.text("require ").expression(predicate, 0),
            EntryKind::Prefer(preference) => {
                self.text("prefer ");
                match &preference.goal {
                    Some(Goal::Named { name, device }) => {
                        self.text(&name.value);
                        if let Some(device) = device {
                            self.text(" on ").text(&device.value);
                        }
                    }
                    Some(Goal::Least(value)) => drop(self.text("least ").expression(value, 0)),
                    Some(Goal::Most(value)) => drop(self.text("most ").expression(value, 0)),
                    None => {}
                }
                if let Some(share) = &preference.within {
                    self.text(" within ").expression(share, 0).text(" of best loss");
                }
                self
            }
        }
    }

    /// An expression where only what binds at least as tightly as `level` may stand without parentheses.
    fn expression(&mut self, expression: &Expr, level: u8) -> &mut Self {
        if precedence(&expression.kind) < level {
            return self.text("(").expression(expression, 0).text(")");
        }
        match &expression.kind {
            ExprKind::Error => self,
            ExprKind::Number { value, unit } => self.number(*value, unit.as_ref()),
            ExprKind::Text(text) => {
                self.string(text);
                self
            }
            ExprKind::Bool(value) => self.text(if *value { "true" } else { "false" }),
            ExprKind::Path(path) => self.path(path),
            ExprKind::Column(name) if is_word(&name.value) => self.text("column ").text(&name.value),
            ExprKind::Column(name) => self.text("column ").quoted(Some(name)),
            ExprKind::Call { function, arguments } => {
                self.text(&function.value).text("(").list(arguments.iter(), Self::any).text(")")
            }
            ExprKind::Record(block) if block.entries.is_empty() => self.text("{}"),
            ExprKind::Record(block) => self.text("{ ").list(block.entries.iter(), Self::inline).text(" }"),
            ExprKind::List(values) => self.text("[").list(values.iter(), Self::any).text("]"),
            ExprKind::Unary { operator, operand } => {
                let (sign, level) = match operator.value {
                    UnaryOp::Negate => ("-", NEGATE),
                    UnaryOp::Not => ("not ", NOT),
                };
                // A prefix repeats without parentheses, but what binds alike does not follow it.
                let repeats =
                    matches!(&operand.kind, ExprKind::Unary { operator: inner, .. } if inner.value == operator.value);
                self.text(sign).expression(operand, if repeats { level } else { level + 1 })
            }
            ExprKind::Binary { operator, left, right } => {
                let level = operator.value.precedence();
                let singles = [BinaryOp::Equal, BinaryOp::PlusMinus, BinaryOp::To].map(BinaryOp::precedence);
                let is_single = singles.contains(&level);
                self.expression(left, level + u8::from(is_single)).text(" ").text(operator.value.symbol()).text(" ");
                self.expression(right, level + 1)
            }
            ExprKind::As { value, kind } => self.expression(value, AS).text(" as ").text(&kind.value),
            ExprKind::At { value, quantile } => self.expression(value, AS).text(" at ").text(&quantile.value),
        }
    }

    fn any(&mut self, value: &Expr) {
        self.expression(value, 0);
    }

    fn inline(&mut self, entry: &Entry) {
        self.entry(&entry.kind);
    }

    fn list<'a, T: 'a>(&mut self, all: impl Iterator<Item = &'a T>, mut write: impl FnMut(&mut Self, &T)) -> &mut Self {
        for (index, one) in all.enumerate() {
            self.text(if index == 0 { "" } else { ", " });
            write(self, one);
        }
        self
    }

    fn number(&mut self, value: f64, unit: Option<&Unit>) -> &mut Self {
        let is_long = value >= 1e7 || (value != 0.0 && value < 1e-4);
        let _ = if is_long { write!(self.out, "{value:e}") } else { write!(self.out, "{value}") };
        for (index, (name, power)) in unit.iter().flat_map(|unit| &unit.factors).enumerate() {
            let (sign, power) = match (index, *power) {
                (0, power) => (" ", power),
                (_, power) if power < 0 => ("/", -power),
                (_, power) => ("*", power),
            };
            self.text(sign).text(&name.value);
            if power != 1 {
                let _ = write!(self.out, "^{power}");
            }
        }
        self
    }
}

/// The level of `not`.
const NOT: u8 = 3;
/// The level of `as` and `at`.
const AS: u8 = 5;
/// The level of a sign.
const NEGATE: u8 = BinaryOp::Multiply.precedence();

fn precedence(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::Binary { operator, .. } => operator.value.precedence(),
        ExprKind::Unary { operator, .. } if operator.value == UnaryOp::Not => NOT,
        ExprKind::Unary { .. } => NEGATE,
        ExprKind::As { .. } | ExprKind::At { .. } => AS,
        _ => u8::MAX,
    }
}

fn is_word(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(is_letter) && text.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

//! Closed schemas: what a block may hold, each once, and what it must.

use super::check::{Checker, Owner};
use super::codes;
use super::names::list_of;
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;
use crate::syntax::Word;
use crate::syntax::ast::{Block, EntryKind, Expr, Name, Preference, Spacing};

/// What a kind of block may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema {
    /// `name = value`
    pub(super) fields: &'static [&'static str],
    /// `name in low..high`
    pub(super) ranges: &'static [&'static str],
    /// Whether `require ...` and `prefer ...` may stand in it.
    pub(super) chooses: bool,
}

/// The entries of a block, each name known and given once.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    /// Whose fields they are, as messages say it: ``model `encoder` ``.
    pub(super) what: String,
    /// Where a message about the whole block points.
    pub(super) at: Span,
    block: &'a Block,
    is_on_one_line: bool,
    list: Vec<Field<'a>>,
    pub(super) ranges: Vec<RangeEntry<'a>>,
    pub(super) requires: Vec<&'a Expr>,
    /// `prefer ...`, and where it stands.
    pub(super) prefers: Option<(&'a Preference, Span)>,
    /// Known names that unknown ones probably mean; they are not reported as missing too.
    meant: Vec<&'static str>,
}

/// `name = value`
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) name: &'a Name,
    pub(super) value: &'a Expr,
}

/// `name in low..high step step` or `... by factor`
#[derive(Clone, Copy, Debug)]
pub(super) struct RangeEntry<'a> {
    pub(super) name: &'a Name,
    pub(super) span: Span,
    pub(super) low: &'a Expr,
    pub(super) high: &'a Expr,
    pub(super) spacing: Option<&'a Spacing>,
}

impl Schema {
    /// A schema of fields alone.
    pub(super) const fn of(fields: &'static [&'static str]) -> Self {
        Self { fields, ranges: &[], chooses: false }
    }

    fn all(self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().chain(self.ranges).copied()
    }
}

impl<'a> Field<'a> {
    /// The field as the one who requires something of its value.
    pub(super) fn owner(self) -> Owner<'a> {
        Owner { name: &self.name.value, span: self.name.span }
    }
}

impl<'a> Fields<'a> {
    /// A field, if it was given.
    pub(super) fn get(&self, name: &str) -> Option<Field<'a>> {
        self.list.iter().find(|field| field.name.value == name).copied()
    }

    /// A range, if it was given.
    pub(super) fn range(&self, name: &str) -> Option<RangeEntry<'a>> {
        self.ranges.iter().find(|range| range.name.value == name).copied()
    }

    /// Whether a misspelt name is probably this one.
    pub(super) fn is_meant(&self, name: &str) -> bool {
        self.meant.contains(&name)
    }

    /// Where and how one more entry is written at the end of the block.
    pub(super) fn insertion(&self, entry: &str) -> (Span, String) {
        let Span { source, start, .. } = self.block.span;
        match self.block.entries.last() {
            Some(last) if self.is_on_one_line => (last.span.after(), format!(", {entry}")),
            Some(last) => (last.span.after(), format!("\n  {entry}")),
            None => (Span::new(source, start + 1, start + 1), format!(" {entry} ")),
        }
    }
}

impl Checker<'_> {
    /// Reads a block by its schema, and reports what it may not hold or holds twice.
    pub(super) fn fields<'a>(&mut self, what: String, at: Span, block: &'a Block, schema: Schema) -> Fields<'a> {
        let mut read = Fields {
            what,
            at,
            block,
            is_on_one_line: !self.sources.slice(block.span).contains('\n'),
            list: Vec::new(),
            ranges: Vec::new(),
            requires: Vec::new(),
            prefers: None,
            meant: Vec::new(),
        };
        for entry in &block.entries {
            if self.has_enough() {
                break;
            }
            match &entry.kind {
                EntryKind::Field { name, value } if schema.fields.contains(&name.value.as_str()) => {
                    match read.get(&name.value) {
                        Some(first) => self.twice(&name.value, name.span, first.name.span),
                        None => read.list.push(Field { name, value }),
                    }
                }
                EntryKind::Range { name, low, high, spacing } if schema.ranges.contains(&name.value.as_str()) => {
                    if let Some(first) = read.range(&name.value) {
                        self.twice(&name.value, name.span, first.name.span);
                    } else {
                        let (span, spacing) = (low.span.to(high.span), spacing.as_deref());
                        read.ranges.push(RangeEntry { name, span, low, high, spacing });
                    }
                }
                EntryKind::Require { predicate } if schema.chooses => read.requires.push(predicate),
                EntryKind::Prefer(preference) if schema.chooses => match read.prefers {
                    None => read.prefers = Some((preference, entry.span)),
                    Some((_, first)) => self.twice(Word::Prefer.text(), entry.span, first),
                },
                EntryKind::Field { name, .. } | EntryKind::Range { name, .. } => {
                    let is_range = matches!(entry.kind, EntryKind::Range { .. });
                    read.meant.extend(self.unknown(name, is_range, &read, schema));
                }
                EntryKind::Require { .. } | EntryKind::Prefer(_) => {
                    let is_required = matches!(entry.kind, EntryKind::Require { .. });
                    let word = if is_required { Word::Require } else { Word::Prefer };
                    let error = Diagnostic::error(codes::MISPLACED, format!("{} has no `{word}`", read.what))
                        .label(entry.span, "stands in a search only")
                        .label(read.at, "not a search")
                        .help("move it into the `search` whose shapes it is about");
                    self.report(error);
                }
            }
        }
        read
    }

    /// A field that must be given; `example` shows how.
    pub(super) fn required<'a>(&mut self, fields: &Fields<'a>, name: &str, example: &str) -> Option<Field<'a>> {
        let field = fields.get(name);
        if field.is_none() {
            self.missing(fields, name, example);
        }
        field
    }

    /// Reports that a field or a range is missing, unless a misspelt one is probably it.
    pub(super) fn missing(&mut self, fields: &Fields<'_>, name: &str, example: &str) {
        if fields.is_meant(name) {
            return;
        }
        let error = Diagnostic::error(codes::MISSING_FIELD, format!("{} needs `{name}`", fields.what))
            .label(fields.at, format!("`{name}` is missing"))
            .help(format!("add it, for example `{example}`"));
        self.report(error);
    }

    fn twice(&mut self, name: &str, again: Span, first: Span) {
        let error = Diagnostic::error(codes::DUPLICATE_FIELD, format!("`{name}` is given twice"))
            .label(again, "given again here")
            .label(first, "first given here")
            .help("keep one of them");
        self.report(error);
    }

    /// Reports a name that a block does not have, and returns the one it probably means.
    fn unknown(&mut self, name: &Name, is_range: bool, read: &Fields<'_>, schema: Schema) -> Option<&'static str> {
        let text = name.value.as_str();
        if let Some(known) = schema.all().find(|known| *known == text) {
            let (is, write) = if is_range {
                ("a field", format!("{text} = VALUE"))
            } else {
                ("a range", format!("{text} in LOW..HIGH"))
            };
            let error = Diagnostic::error(codes::UNKNOWN_FIELD, format!("`{text}` of {} is {is}", read.what))
                .label(name.span, format!("{is}, not this"))
                .help(format!("write `{write}`"));
            self.report(error);
            return Some(known);
        }
        let near = nearest(text, schema.all());
        let mut error = Diagnostic::error(codes::UNKNOWN_FIELD, format!("{} has no `{text}`", read.what))
            .label(name.span, "not one of its fields")
            .label(read.at, "has other fields");
        error = match near {
            Some(near) => error.fix(format!("there is `{near}`"), name.span, near),
            None if schema.all().next().is_none() => error.help("remove it: nothing may stand here"),
            None => error.help(format!("it may hold {}", list_of(schema.all()))),
        };
        self.report(error);
        schema.all().find(|known| Some(*known) == near)
    }
}

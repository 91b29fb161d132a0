//! What trees come out of texts.

use proptest::prelude::*;

use super::ast::{Ast, Block, EntryKind, Expr, ExprKind, ItemKind, UnaryOp};
use super::lex::{SYMBOLS, lex};
use super::{Word, parse, parse_binding, parse_expression, print};
use crate::diagnostic::Diagnostic;
use crate::source::{Sources, Span};

fn parsed(text: &str) -> (Ast, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    parse(&sources, id)
}

/// An expression as an operator and its operands, in parentheses; a hole is `?`.
fn shape(expression: &Expr) -> String {
    let all = |values: &[Expr]| values.iter().map(shape).collect::<Vec<_>>().join(" ");
    match &expression.kind {
        ExprKind::Error => "?".to_owned(),
        ExprKind::Number { value, unit: None } => format!("{value}"),
        ExprKind::Number { value, unit: Some(unit) } => {
            let factors: Vec<_> = unit.factors.iter().map(|(name, power)| format!("{}^{power}", name.value)).collect();
            format!("{value}:{}", factors.join("*"))
        }
        ExprKind::Text(text) => format!("{text:?}"),
        ExprKind::Bool(value) => format!("{value}"),
        ExprKind::Path(path) => path.names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join("."),
        ExprKind::Column(name) => format!("(column {})", name.value),
        ExprKind::Call { function, arguments } => format!("({} {})", function.value, all(arguments)),
        ExprKind::Record(block) => format!("{{{}}}", block.entries.len()),
        ExprKind::List(values) => format!("[{}]", all(values)),
        ExprKind::Unary { operator, operand } => {
            let sign = if operator.value == UnaryOp::Not { "not" } else { "-" };
            format!("({sign} {})", shape(operand))
        }
        ExprKind::Binary { operator, left, right } => {
            format!("({} {} {})", operator.value.symbol(), shape(left), shape(right))
        }
        ExprKind::As { value, kind } => format!("(as {} {})", shape(value), kind.value),
        ExprKind::At { value, quantile } => format!("(at {} {})", shape(value), quantile.value),
    }
}

fn check(text: &str, want: &str) {
    let (ast, found) = parsed(&format!("budget b = {text}"));
    assert!(found.is_empty(), "{text}: {found:?}");
    let [item] = ast.items.as_slice() else { panic!("{text}") };
    let ItemKind::Budget { value, .. } = &item.kind else { panic!("{text}") };
    assert_eq!(shape(value), want, "{text}");
}

#[test]
fn operators_bind_as_documented() {
    check("1 + 2 * 3", "(+ 1 (* 2 3))");
    check("1 - 2 - 3", "(- (- 1 2) 3)");
    check("a / b * c", "(* (/ a b) c)");
    check("-a * b", "(* (- a) b)");
    check("a * -b", "(* a (- b))");
    check("-0.35 +- 0.02 * 2", "(* (- (+- 0.35 0.02)) 2)");
    check("1 + 2 as forward", "(as (+ 1 2) forward)");
    check("(64 gpu * 21 day * 0.42) as training", "(as (* (* 64:gpu^1 21:day^1) 0.42) training)");
    check("a as forward < b", "(< (as a forward) b)");
    check("8 divides a + b", "(divides 8 (+ a b))");
    check("not a == b", "(not (== a b))");
    check("not not a and b or c", "(or (and (not (not a)) b) c)");
    check("a or b and not c", "(or a (and b (not c)))");
    check("1 - column x", "(- 1 (column x))");
    check("column \"val loss\" * 2", "(* (column val loss) 2)");
    check("column step", "(column step)");
}

#[test]
fn operands_are_read_whole() {
    check("[1/3, 1/3, 1/3]", "[(/ 1 3) (/ 1 3) (/ 1 3)]");
    check("[]", "[]");
    check("[a,]", "[a]");
    check("f()", "(f )");
    check("forward(vit_g14) * 16e9 example", "(* (forward vit_g14) 16000000000:example^1)");
    check("h200.bf16", "h200.bf16");
    check("{ a = 1, b = 2; c = 3 }", "{3}");
    check("{\n a = 1\n\n b = 2, }", "{2}");
    check("true", "true");
    check(r#""a\u{e9}""#, r#""aé""#);
    check("model.step", "model.step");
}

#[test]
fn brackets_hold_lines_together() {
    check("(1 +\n  2) // why\n", "(+ 1 2)");
    check("[\n  1,\n\n  // two\n  2,\n]", "[1 2]");
    check("f(\n a\n)", "(f a)");
    check("([{ a = 1\n b = 2 }])", "[{2}]");
}

#[test]
fn units_follow_their_number() {
    check("0.70 EFLOP", "0.7:EFLOP^1");
    check("224px", "224:px^1");
    check("0.1 %", "0.1:%^1");
    check("410 TFLOP/s/gpu", "410:TFLOP^1*s^-1*gpu^-1");
    check("3 s^2", "3:s^2");
    check("3 m/s^2*kg^-1", "3:m^1*s^-2*kg^-1");
    check("2 $/gpu/h", "2:$^1*gpu^-1*h^-1");
    check("3 ZFLOP / rate", "(/ 3:ZFLOP^1 rate)");
    check("3 ZFLOP/2", "(/ 3:ZFLOP^1 2)");
    check("3 ZFLOP /rate", "(/ 3:ZFLOP^1 rate)");
    check("8 divides head_dim", "(divides 8 head_dim)");
    check("3 as forward", "(as 3 forward)");
    check("5 % - 1", "(- 5:%^1 1)");
    check("1 and 2 or 3", "(or (and 1 2) 3)");
}

fn body(text: &str) -> Block {
    let (ast, found) = parsed(&format!("search s {{ {text} }}"));
    assert!(found.is_empty(), "{text}: {found:?}");
    let Some(ItemKind::Search { body: Some(body), .. }) = ast.items.into_iter().next().map(|item| item.kind) else {
        panic!("{text}")
    };
    body
}

#[test]
fn entries_are_told_apart_by_one_word() {
    let body = body(
        "model = encoder; width in 384..2048 step 16\n require a < b, require = 3, in = 4, step in 1..2\n prefer = 1; prefer fast on h200 within 0.1 % of best loss",
    );
    let kinds: Vec<_> = body
        .entries
        .iter()
        .map(|entry| match &entry.kind {
            EntryKind::Field { name, value } => format!("{} = {}", name.value, shape(value)),
            EntryKind::Range { name, low, high, spacing } => {
                format!(
                    "{} {} {} {:?}",
                    name.value,
                    shape(low),
                    shape(high),
                    spacing.as_ref().map(|spacing| shape(spacing.value()))
                )
            }
            EntryKind::Require { predicate } => format!("require {}", shape(predicate)),
            EntryKind::Prefer(preference) => {
                format!("prefer {}", preference.within.as_ref().map_or(String::new(), shape))
            }
        })
        .collect();
    let want = [
        "model = encoder",
        "width 384 2048 Some(\"16\")",
        "require (< a b)",
        "require = 3",
        "in = 4",
        "step 1 2 None",
        "prefer = 1",
        "prefer 0.1:%^1",
    ];
    assert_eq!(kinds, want);
}

#[test]
fn places_are_those_of_the_text() {
    let text = "law x = sovit {\n  width = 1 + 2 px // two\n}\n";
    let (ast, _) = parsed(text);
    let slice = |span: Span| &text[span.range()];
    let item = &ast.items[0];
    assert_eq!(slice(item.keyword), "law");
    assert_eq!(slice(item.span), text.trim_end());
    let ItemKind::Law { body: Some(body), form: Some(form), .. } = &item.kind else { panic!() };
    assert_eq!(slice(form.span), "sovit");
    assert_eq!(slice(body.span), "{\n  width = 1 + 2 px // two\n}");
    assert_eq!(slice(body.entries[0].span), "width = 1 + 2 px");
    let EntryKind::Field { value, .. } = &body.entries[0].kind else { panic!() };
    assert_eq!(slice(value.span), "1 + 2 px");
}

/// What is whole beside a mistake is in the tree.
#[test]
fn mistakes_leave_the_rest_whole() {
    let (ast, found) = parsed("model a {\n  width 3\n  depth = 4\n\nsearch b {\n  x = )\n  y in 1..2\n}\n");
    assert_eq!(found.iter().map(|d| d.code.id).collect::<Vec<_>>(), ["S0104", "S0102", "S0103"]);
    let want = "model a {\n  width = 3\n  depth = 4\n}\n\nsearch b {\n  x = \n  y in 1..2\n}\n";
    assert_eq!(print(&ast), want);
}

/// A word or a sign of the language, or nearly one.
fn piece() -> impl Strategy<Value = String> {
    let symbols: Vec<_> = SYMBOLS.iter().map(|(text, _)| (*text).to_owned()).collect();
    let words: Vec<_> = Word::ALL.iter().map(|word| word.text().to_owned()).collect();
    let others =
        ["a", "b", "1", "2.5", "\"c\"", "\"", "\n", "\n", " ", " ", ":", "@", "'", "px", "é", "// x\n", "model a {\n"];
    prop_oneof![
        proptest::sample::select(symbols),
        proptest::sample::select(words),
        proptest::sample::select(others.map(String::from).to_vec()),
    ]
}

fn survives(text: &str) -> Result<(), TestCaseError> {
    let (ast, found) = parsed(text);
    let fits = |span: Span| text.get(span.range()).is_some();
    for diagnostic in &found {
        prop_assert!(!diagnostic.labels.is_empty());
        prop_assert!(diagnostic.labels.iter().all(|label| fits(label.span)));
        prop_assert!(diagnostic.help.iter().flat_map(|help| &help.edits).all(|edit| fits(edit.span)));
        prop_assert!(!diagnostic.message.contains('\n') && !diagnostic.message.ends_with('.'));
    }
    for item in &ast.items {
        prop_assert!(fits(item.span) && fits(item.keyword));
    }
    // Nothing is wrong silently: a tree without diagnostics is a tree without holes.
    if found.is_empty() {
        let (again, found) = parsed(&print(&ast));
        prop_assert!(found.is_empty(), "{}", print(&ast));
        prop_assert_eq!(print(&again), print(&ast));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_words_are_survived(pieces in proptest::collection::vec(piece(), 0..40), gap in "[ ]?") {
        let text = pieces.join(&gap);
        survives(&text)?;
        prop_assert_eq!(lex(&text).last().map_or(0, |token| token.end as usize), text.len());
    }

    #[test]
    fn any_text_is_survived(text in "(?s).{0,100}") {
        survives(&text)?;
    }
}

/// The tree of a text that is one expression, and the message and fix of each mistake.
fn alone(text: &str) -> (String, Vec<(String, String)>) {
    let mut sources = Sources::default();
    let id = sources.add("--where", text);
    let (expression, found) = parse_expression(&sources, id);
    let fixed = |found: &Diagnostic| {
        let edit = found.help.iter().find_map(|help| help.edits.first());
        edit.map_or_else(String::new, |edit| {
            format!("{}{}{}", &text[..edit.span.start as usize], edit.text, &text[edit.span.end as usize..])
        })
    };
    (shape(&expression), found.iter().map(|found| (found.message.clone(), fixed(found))).collect())
}

#[test]
fn an_expression_stands_alone() {
    for (text, want) in [
        ("`Seen Examples` / 2", "(/ (column Seen Examples) 2)"),
        ("1 -\n Loss\n", "(- 1 Loss)"),
        ("Task == \"inet_10\" and not (Training == 0)", "(and (== Task \"inet_10\") (not (== Training 0)))"),
        ("column `a` + column \"b\"", "(+ (column a) (column b))"),
    ] {
        assert_eq!(alone(text), (want.to_owned(), Vec::new()), "{text}");
    }
}

#[test]
fn an_expression_that_is_wrong_says_where() {
    for (text, message, fixed) in [
        ("Training = 0", "expected the end of the expression, found `=`", "Training == 0"),
        ("a +", "expected a value, found the end of the expression", ""),
        ("", "expected a value, found the end of the expression", ""),
        ("(a", "`(` is never closed", "(a)"),
        ("step / 2", "expected a value, found `step`", "`step` / 2"),
        ("a b", "expected the end of the expression, found `b`", ""),
        ("`a", "``` is not in the language", ""),
    ] {
        let (_, found) = alone(text);
        assert_eq!(found, [(message.to_owned(), fixed.to_owned())], "{text}");
    }
}

#[test]
fn a_binding_has_a_name() {
    let parsed = |text: &str| {
        let mut sources = Sources::default();
        let id = sources.add("--bind", text);
        let (name, value, found) = parse_binding(&sources, id);
        let found: Vec<_> = found.into_iter().map(|found| found.message).collect();
        (name.map(|name| name.value), shape(&value), found.join("; "))
    };
    let ok = |name: &str, value: &str| (Some(name.to_owned()), value.to_owned(), String::new());
    assert_eq!(parsed("x=`Seen Examples`"), ok("x", "(column Seen Examples)"));
    assert_eq!(parsed("d = FLOP / (6 * n)"), ok("d", "(/ FLOP (* 6 n))"));
    assert_eq!(parsed("x").2, "expected `=` after `x`");
    assert_eq!(parsed("x: 3").2, "expected `=`, found `:`");
    assert_eq!(parsed("=3").2, "expected a name, found `=`");
    assert_eq!(parsed("").2, "expected a name, found the end of the expression");
}

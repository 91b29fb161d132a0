use proptest::prelude::*;

use super::format;
use crate::source::Sources;
use crate::syntax::lex::{Kind, lex};
use crate::syntax::{parse, print};

fn formatted(text: &str) -> Result<String, String> {
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    format(&sources, id).map_err(|found| format!("{found:?}"))
}

/// The tree as text, which holds no places.
fn tree(text: &str) -> String {
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    print(&parse(&sources, id).0)
}

fn comments(text: &str) -> Vec<String> {
    let tokens = lex(text).into_iter().filter(|token| token.kind == Kind::Comment);
    tokens.map(|token| text[token.start as usize..token.end as usize].trim_end().to_owned()).collect()
}

fn holds(text: &str) -> Result<(), TestCaseError> {
    let Ok(once) = formatted(text) else { return Ok(()) };
    prop_assert_eq!(tree(text), tree(&once), "{}\n---\n{}", text, once);
    prop_assert_eq!(comments(text), comments(&once), "{}\n---\n{}", text, once);
    let twice = formatted(&once);
    prop_assert_eq!(twice.as_ref(), Ok(&once), "{}", text);
    prop_assert!(once.is_empty() || once.ends_with('\n') && !once.ends_with("\n\n") && !once.starts_with('\n'));
    prop_assert!(once.lines().all(|line| line.trim_end() == line), "{}", once);
    Ok(())
}

fn check(text: &str, want: &str) {
    let text = text.trim_start_matches('\n');
    let got = formatted(text).unwrap();
    assert_eq!(got, want.trim_start_matches('\n'), "\n{got}");
    holds(text).unwrap();
}

#[test]
fn signs_stand_below_each_other() {
    check(
        "
model  encoder{image=224px;patch = 14 px
heads=16 }
search s {
width in 384 .. 2048 step 16
  depth in 6..60
    budget = b
  mlp in 512..16384   step 16

  require 8 divides head_dim
  law=shape
}
",
        "
model encoder {
  image = 224 px
  patch = 14 px
  heads = 16
}

search s {
  width in 384..2048 step 16
  depth in 6..60
  budget = b
  mlp   in 512..16384 step 16

  require 8 divides head_dim
  law = shape
}
",
    );
}

#[test]
fn definitions_of_one_kind_are_aligned_where_they_take_a_line_each() {
    check(
        "
budget flagship=forward( vit_g14 )*16e9 example
budget cluster = ( 64 gpu*21 day * h200.bf16*0.42 ) as training
law shape = sovit { width=0.22+-0.02, weights = [ 1 / 3, 1/3 , 1/3 ] }
law x = m4 fitted   to star . error
",
        "
budget flagship = forward(vit_g14) * 16e9 example
budget cluster  = (64 gpu * 21 day * h200.bf16 * 0.42) as training
law shape = sovit { width = 0.22 +- 0.02, weights = [1/3, 1/3, 1/3] }
law x     = m4 fitted to star.error
",
    );
}

#[test]
fn comments_keep_their_places() {
    check(
        "


// The head.

// Of the model.
model m { // inside
  // above
  image = 224 px // at the end
  patch = 14 px    // and again


  // before the last
  heads = 16
  // at the close
}
// below
law a = sovit {
 weights = [
 1/2, // half
 // a quarter each
 1/4, 1/4,
 ]
}
// the end
",
        "
// The head.

// Of the model.
model m { // inside
  // above
  image = 224 px  // at the end
  patch = 14 px   // and again

  // before the last
  heads = 16
  // at the close
}

// below
law a = sovit {
  weights = [
    1/2,  // half
    // a quarter each
    1/4, 1/4,
  ]
}

// the end
",
    );
}

#[test]
fn what_is_too_long_is_broken() {
    check(
        "emit kernels \"kernels/a/rather/long/path/that/goes/on/\" { arch = [sm_80, sm_89, sm_90a, sm_100a], dtype = bf16 }\n",
        "
emit kernels \"kernels/a/rather/long/path/that/goes/on/\" {
  arch  = [sm_80, sm_89, sm_90a, sm_100a]
  dtype = bf16
}
",
    );
}

#[test]
fn other_ends_of_lines_and_marks_go() {
    check("\u{feff}budget b = 3 ZFLOP/s * 4 s\r\n\r\n", "budget b = 3 ZFLOP/s * 4 s\n");
    check("", "");
    check("\n\n// alone", "// alone\n");
    check("budget b = -a * -(2 - 1)", "budget b = -a * -(2 - 1)\n");
    check("budget b = column step - 1", "budget b = column step - 1\n");
}

#[test]
fn deep_and_long_plans_take_no_longer_than_their_length() {
    // Were a bracket read twice for its comments, this would never end.
    let deep = format!("budget b = {}1 // c\n{}\n", "(".repeat(100), ")".repeat(100));
    holds(&deep).unwrap();
    let long = "law l = sovit { width = 0.22, depth = [0.45], mlp = (0.60) }\n".repeat(5000);
    assert_eq!(formatted(&long).unwrap(), long);
}

#[test]
fn a_comment_behind_a_lone_separator_is_kept() {
    holds("law y = m4 fitted to a.b // c\n; // d\n").unwrap();
    holds("law y = sovit { // c\n; // d\n width = 0.2 }\n").unwrap();
}

#[test]
fn a_plan_with_mistakes_has_no_style() {
    assert!(formatted("model m { image 224 px }").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_formatted_once(pieces in prop::collection::vec(prop::sample::select(vec![
        "model m {", "}", "search s {", "\n", "\n", "\n\n", " ", "a = 1", "b = [1, 2", "]", ",", "// c\n", " // d\n",
        "law x = sovit {", "law y = m4 fitted to a.b", "budget b = ", "(1 + 2", ")", "f(", "3 px", "1/3", "-", "*",
        "w in 1..2 step 3", "require a < b and not c", "\"text\"", "emit t \"p\"", ";", "{ e = 1 }", "\t", "\r\n",
        "results r from \"f\" {", "g = column `a b`", "a long name that is no plan",
    ]), 0..24)) {
        holds(&pieces.concat())?;
    }
}

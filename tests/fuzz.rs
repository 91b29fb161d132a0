//! Plans torn up and put together anew, against every stage that reads text: lexer, parser, formatter, checker.
//!
//! The corpus is every plan of this repository, right and wrong. Each round mutates one by bytes, tokens and lines; the
//! same seed gives the same rounds. `SOVIT_FUZZ=1000000` runs so many rounds a target instead of a few thousand.
//! Each target has a planted bug of its own that the same rounds must find.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use sovitc::PlanFile;
use sovitc::source::{MemoryWorld, Sources};
use sovitc::syntax::lex::{Kind, lex};
use sovitc::syntax::{format, parse};

const ROUNDS: u64 = 3000;

/// Every plan here, whole or in a document.
fn corpus() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    for folder in ["tests/syntax", "grammar", "grammar/explain", "examples/so400m", "examples/star", "examples/grid"] {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("sov") => texts.push(text),
                Some("md") => {
                    let blocks = text.split("```sov").skip(1);
                    let plans = blocks.filter_map(|block| block.split_once("```")?.0.split_once('\n'));
                    texts.extend(plans.map(|(_, plan)| plan.to_owned()));
                }
                _ => {}
            }
        }
    }
    assert!(texts.len() > 120, "{} plans", texts.len());
    texts
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Pieces that have made trouble, here or elsewhere.
const PIECES: [&str; 24] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "`",
    "//",
    "/*",
    "+-",
    " to ",
    " at p5",
    "..",
    " by 2",
    "1e308",
    "\u{feff}",
    "\r\n",
    "\u{202e}",
    "é",
    "use \"a.sov\"\n",
    "let x = x\n",
    "0 - ",
    "%",
];

fn mutated(corpus: &[String], random: &mut Random) -> String {
    let mut text = random.of(corpus).clone();
    for _ in 0..=random.below(4) {
        let tokens: Vec<String> =
            lex(&text).iter().map(|token| text[token.start as usize..token.end as usize].to_owned()).collect();
        if tokens.is_empty() {
            return random.of(corpus).clone();
        }
        let mut tokens = tokens;
        let at = random.below(tokens.len());
        match random.below(7) {
            0 => drop(tokens.remove(at)),
            1 => tokens.insert(at, (*random.of(&PIECES)).to_owned()),
            2 => {
                let to = random.below(tokens.len());
                tokens.swap(at, to);
            }
            3 => {
                // A piece of another plan.
                let other = random.of(corpus);
                let others = lex(other);
                if !others.is_empty() {
                    let from = random.below(others.len());
                    let to = (from + 1 + random.below(12)).min(others.len()) - 1;
                    let piece = &other[others[from].start as usize..others[to].end as usize];
                    tokens.insert(at, piece.to_owned());
                }
            }
            4 => tokens.truncate(at),
            5 => {
                // A character within a token.
                let mut chars: Vec<char> = tokens[at].chars().collect();
                let place = random.below(chars.len() + 1);
                chars.insert(place, *random.of(&['0', 'e', '.', '_', '"', '\\', '\n', '-', '\u{0}', 'µ', 'x']));
                tokens[at] = chars.into_iter().collect();
            }
            _ => {
                let again = tokens[at].repeat(2 + random.below(40));
                tokens[at] = again;
            }
        }
        text = tokens.concat();
    }
    text
}

/// What a target found wrong with a text.
type Verdict = Result<(), String>;

macro_rules! ensure {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            return Err(format!($($words)*));
        }
    };
}

/// The first text of so many rounds that a target fails on, and why.
fn first_failure(seed: u64, rounds: u64, target: impl Fn(&str) -> Verdict) -> Option<(u64, String, String)> {
    let corpus = corpus();
    let mut random = Random(seed);
    for round in 0..rounds {
        let text = mutated(&corpus, &mut random);
        match catch_unwind(AssertUnwindSafe(|| target(&text))) {
            Ok(Ok(())) => {}
            Ok(Err(why)) => return Some((round, why, text)),
            Err(_) => return Some((round, "it panics".to_owned(), text)),
        }
    }
    None
}

fn holds(seed: u64, target: impl Fn(&str) -> Verdict) {
    let rounds = std::env::var("SOVIT_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    if let Some((round, why, text)) = first_failure(seed, rounds, &target) {
        panic!("round {round} of seed {seed}: {why}\n{text}");
    }
}

/// A planted bug is found within the usual rounds.
fn finds(seed: u64, target: impl Fn(&str) -> Verdict) {
    assert!(first_failure(seed, ROUNDS, target).is_some(), "the planted bug was not found");
}

fn lossless(text: &str, tokens: impl Fn(&str) -> Vec<(usize, usize)>) -> Verdict {
    let joined: String = tokens(text).into_iter().map(|(start, end)| &text[start..end]).collect();
    ensure!(joined == text, "tokens are not the text");
    Ok(())
}

fn places(text: &str) -> Vec<(usize, usize)> {
    lex(text).iter().map(|token| (token.start as usize, token.end as usize)).collect()
}

fn formatted(text: &str) -> Option<String> {
    let mut sources = Sources::default();
    let id = sources.add("plan.sov", text);
    format(&sources, id).ok()
}

#[test]
fn the_lexer_loses_nothing() {
    holds(1, |text| lossless(text, places));
}

#[test]
fn the_parser_reads_everything() {
    holds(2, |text| {
        let mut sources = Sources::default();
        let id = sources.add("plan.sov", text);
        let (_, found) = parse(&sources, id);
        ensure!(found.len() <= 101, "{} mistakes", found.len());
        for label in found.iter().flat_map(|found| &found.labels) {
            ensure!(text.get(label.span.range()).is_some(), "{label:?}");
        }
        Ok(())
    });
}

#[test]
fn the_formatter_changes_nothing_twice() {
    holds(3, |text| {
        if let Some(once) = formatted(text) {
            ensure!(formatted(&once).as_deref() == Some(once.as_str()), "formatted again it is another");
        }
        Ok(())
    });
}

#[test]
fn the_checker_says_what_is_wrong_and_where() {
    holds(4, |text| {
        let world = MemoryWorld::default().with("plan.sov", text).with("a.sov", "let a = 1 +- 0.1\n");
        let checked = sovitc::check(&world, &PlanFile::named("plan", "plan.sov"));
        for found in &checked.diagnostics {
            ensure!(!found.message.is_empty() && !found.message.contains('\n'), "{:?}", found.message);
            for span in found.labels.iter().map(|label| label.span) {
                ensure!(checked.sources.get(span.source).text.get(span.range()).is_some(), "{span:?}");
            }
        }
        Ok(())
    });
}

#[test]
fn planted_bugs_are_found() {
    // A lexer that drops a stray character after a number.
    finds(1, |text| {
        lossless(text, |text| {
            let tokens = lex(text);
            let lost = tokens.windows(2).position(|pair| pair[0].kind == Kind::Number && pair[1].kind == Kind::Unknown);
            let kept = tokens.iter().enumerate().filter(|(i, _)| Some(*i) != lost.map(|at| at + 1));
            kept.map(|(_, token)| (token.start as usize, token.end as usize)).collect()
        })
    });
    // A parser that cannot stand a bracket that is closed by another kind.
    finds(2, |text| {
        let mut sources = Sources::default();
        let id = sources.add("plan.sov", text);
        ensure!(parse(&sources, id).1.iter().all(|found| !found.message.contains("is closed by")), "planted");
        Ok(())
    });
    // A formatter that signs a plan with an interval each time.
    finds(3, |text| {
        let sign = |text: String| if text.contains(" to ") { text + "// formatted\n" } else { text };
        let formatted = |text: &str| formatted(text).map(sign);
        if let Some(once) = formatted(text) {
            ensure!(formatted(&once) == Some(once), "planted");
        }
        Ok(())
    });
    // A checker that cannot stand a value that is defined by itself.
    finds(4, |text| {
        let world = MemoryWorld::default().with("plan.sov", text);
        let checked = sovitc::check(&world, &PlanFile::named("plan", "plan.sov"));
        ensure!(checked.diagnostics.iter().all(|found| found.code.id != "S0217"), "planted");
        Ok(())
    });
}

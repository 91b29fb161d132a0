//! Holds the editors' grammar to the lexer: over every plan here, each token has the scope of what it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;
use sovitc::syntax::Word;
use sovitc::syntax::lex::{Kind, lex};

/// A rule without look-around and without begin and end: a pattern, and the scopes of its groups; 0 is all of it.
struct Rule {
    pattern: Regex,
    scopes: BTreeMap<usize, String>,
}

fn rules() -> Vec<Rule> {
    let text = include_str!("../grammar/sov.tmLanguage.json");
    let grammar: Value = serde_json::from_str(text).unwrap();
    let mut list = Vec::new();
    for include in grammar["patterns"].as_array().unwrap() {
        let name = include["include"].as_str().unwrap().trim_start_matches('#');
        collect(&grammar["repository"][name], &mut list);
    }
    list
}

fn collect(rule: &Value, list: &mut Vec<Rule>) {
    if let Some(inner) = rule["patterns"].as_array() {
        return inner.iter().for_each(|rule| collect(rule, list));
    }
    let mut scopes = BTreeMap::new();
    scopes.extend(rule["name"].as_str().map(|name| (0, name.to_owned())));
    for (group, scope) in rule["captures"].as_object().into_iter().flatten() {
        scopes.insert(group.parse().unwrap(), scope["name"].as_str().unwrap().to_owned());
    }
    list.push(Rule { pattern: Regex::new(rule["match"].as_str().unwrap()).unwrap(), scopes });
}

/// The scope of each byte, line by line, as editors find it: the first match from here on, of several the first rule.
fn scopes<'r>(rules: &'r [Rule], line: &str) -> Vec<&'r str> {
    let mut found = vec![""; line.len()];
    let mut at = 0;
    while at < line.len() {
        let matches = rules.iter().enumerate().filter_map(|(i, rule)| {
            let captures = rule.pattern.captures_at(line, at)?;
            Some((captures.get(0)?.start(), i, captures))
        });
        let Some((_, index, captures)) = matches.min_by_key(|(start, i, _)| (*start, *i)) else { break };
        for (&group, scope) in &rules[index].scopes {
            if let Some(part) = captures.get(group) {
                found[part.range()].fill(scope);
            }
        }
        at = captures.get(0).unwrap().end().max(at + 1);
    }
    found
}

/// What the scope of a token must begin with; nothing where any will do.
fn wanted(kind: Kind, text: &str, follows_number: bool) -> Option<&'static str> {
    Some(match kind {
        Kind::Comment => "comment.line",
        Kind::Text => "string.quoted",
        Kind::Number => "constant.numeric",
        Kind::Column => "variable.other.column",
        Kind::Name => match Word::from_text(text) {
            Some(Word::True | Word::False) => "constant.language",
            Some(word) if word.is_reserved() => "keyword.",
            _ if follows_number => "keyword.other.unit",
            _ => return None,
        },
        _ => return None,
    })
}

fn plans(folder: &Path, list: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_kept = path.file_name().is_some_and(|name| name != "target" && name != ".cache");
        if path.is_dir() && is_kept {
            plans(&path, list);
        } else if path.extension().is_some_and(|extension| extension == "sov") {
            list.push(path);
        }
    }
}

#[test]
fn every_token_has_its_scope() {
    let rules = rules();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    plans(&root.join("examples"), &mut paths);
    let mut texts: Vec<String> = paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let pages = fs::read_dir(root.join("grammar/explain")).unwrap().map(|entry| entry.unwrap().path());
    let documents = ["grammar/reference.md", "grammar/tour.md", "README.md"].map(|page| root.join(page));
    for page in pages.chain(documents) {
        let page = fs::read_to_string(page).unwrap();
        let blocks = page.split("```sov").skip(1).filter(|block| !block.starts_with(" wrong"));
        texts.extend(blocks.filter_map(|block| Some(block.split_once('\n')?.1.split_once("```")?.0.to_owned())));
    }
    let mut held = 0;
    for text in &texts {
        for line in text.lines() {
            let scopes = scopes(&rules, line);
            let mut before = Kind::Newline;
            for token in lex(line) {
                let range = token.start as usize..token.end as usize;
                let piece = &line[range.clone()];
                if token.kind == Kind::Space {
                    continue;
                }
                if let Some(want) = wanted(token.kind, piece, before == Kind::Number) {
                    // A reserved word after `column` is a column's name.
                    let is_fine = |scope: &&str| scope.starts_with(want) || scope.starts_with("variable.other.column");
                    assert!(scopes[range].iter().all(is_fine), "`{piece}` in `{line}` is no {want}");
                    held += 1;
                }
                before = token.kind;
            }
        }
    }
    assert!(held > 800, "{held}");
}

#[test]
fn every_word_is_in_it() {
    let rules = rules();
    for word in Word::ALL {
        let line = match word {
            Word::Use | Word::Prices => format!("{word} \"a.sov\""),
            Word::From => "results a from \"b\"".to_owned(),
            Word::Trainer => "results a from trainer b \"c\"".to_owned(),
            Word::Fitted => "law a = b fitted to c.d".to_owned(),
            Word::Best | Word::Of => "start a = best of b.c".to_owned(),
            Word::Least | Word::Most => format!("prefer {word} a"),
            Word::On => "prefer fast on a".to_owned(),
            Word::Loss => "prefer a within 1 of best loss".to_owned(),
            word => format!("{word} a"),
        };
        let at = line.find(word.text()).unwrap();
        let scope = scopes(&rules, &line)[at];
        assert!(scope.starts_with("keyword.") || scope.starts_with("constant.language"), "{word}: {scope}");
    }
}

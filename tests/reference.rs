//! The pages about the language: their plans are what they say, and they leave no word out.

use sovitc::PlanFile;
use sovitc::hardware::devices;
use sovitc::plan::{ShapeVariable, Target};
use sovitc::source::MemoryWorld;
use sovitc::syntax::Word;
use sovitc::vit::CATALOGUE;

const REFERENCE: &str = include_str!("../grammar/reference.md");
const TOUR: &str = include_str!("../grammar/tour.md");

/// The plans of a page with the code that each must have.
fn plans(page: &str) -> Vec<(&str, &str)> {
    let blocks = page.split("```sov").skip(1);
    blocks
        .filter_map(|block| block.split_once("```")?.0.split_once('\n'))
        .map(|(code, plan)| (code.trim(), plan))
        .collect()
}

#[test]
fn every_plan_is_what_the_page_says() {
    let encoder = "model encoder { image = 224 px, patch = 14 px, heads = 16 }\n";
    let prices = "source = \"a list\"\ndate = 2026-11-28\n[prices]\nh200 = \"2.50 $/gpu/h\"\n";
    for (name, page, least) in [("reference.md", REFERENCE, 14), ("tour.md", TOUR, 1)] {
        let plans = plans(page);
        assert!(plans.len() >= least, "{name} has {} plans", plans.len());
        for (code, plan) in plans {
            let world = MemoryWorld::default().with("plan.sov", plan).with("shared/encoder.sov", encoder);
            let world = world.with("prices.toml", prices);
            let checked = sovitc::check(&world, &PlanFile::named("plan", "plan.sov"));
            let found: Vec<_> = checked.diagnostics.iter().map(|found| found.code.id).collect();
            let want: Vec<&str> = Some(code).filter(|code| !code.is_empty()).into_iter().collect();
            assert_eq!(found, want, "{name}:\n{plan}\n{:#?}", checked.diagnostics);
        }
    }
}

#[test]
fn the_reference_names_everything() {
    let words = Word::ALL.iter().map(|word| word.text());
    let variables = ShapeVariable::ALL.iter().map(|(name, _)| *name);
    let targets = Target::ALL.iter().map(|(name, _)| *name);
    let models = CATALOGUE.iter().map(|model| model.name);
    let devices = devices().iter().map(|device| device.name.as_str());
    for name in words.chain(variables).chain(targets).chain(models).chain(devices) {
        let is_word = |at: usize| {
            let outside = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            outside(REFERENCE[..at].chars().next_back()) && outside(REFERENCE[at + name.len()..].chars().next())
        };
        assert!(REFERENCE.match_indices(name).any(|(at, _)| is_word(at)), "the reference does not name `{name}`");
    }
}

/// One page: what a person reads in some minutes.
#[test]
fn the_tour_is_one_page() {
    assert!(TOUR.lines().count() <= 66, "{} lines", TOUR.lines().count());
}

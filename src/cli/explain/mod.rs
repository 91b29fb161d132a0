//! `sovitc explain CODE` and `sovitc explain PLAN.sov [SEARCH]`

mod chain;
mod pages;

use std::path::Path;

use clap::Args;

use super::{Common, Format, Status, Uses, answer, codes, tell};
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::{Sources, Span};
use pages::PAGES;

#[derive(Debug, Args)]
#[command(after_help = "\
A plan is explained from what it says to the shape that is chosen: budget, law, start, frontier, rounding, cost.

Examples: sovitc explain S0301
          sovitc explain examples/so400m/plan.sov so400m")]
pub(super) struct Arguments {
    /// The code of a message, such as `S0301`, or the word beside it in JSON, such as `dimension-mismatch`; or a plan.
    #[arg(value_name = "CODE|PLAN.sov")]
    code: String,
    /// Of a plan, the search whose shape is explained; all of them where absent.
    #[arg(value_name = "SEARCH")]
    search: Option<String>,
    #[command(flatten)]
    uses: Uses,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let (wanted, format) = (arguments.code.trim(), arguments.common.format);
    let is_plan = Path::new(wanted).extension().is_some_and(|extension| extension == "sov");
    if is_plan || arguments.search.is_some() {
        // `shape` is what every search asks for.
        let search = arguments.search.as_deref().filter(|search| *search != "shape");
        return chain::run(Path::new(&arguments.code), search, arguments.uses, format);
    }
    let found = PAGES.iter().find(|(id, page)| id.eq_ignore_ascii_case(wanted) || name(page) == wanted);
    if let Some((id, page)) = found {
        let text = match format {
            Format::Human => (*page).to_owned(),
            Format::Json => serde_json::json!({ "code": id, "name": name(page), "page": page }).to_string() + "\n",
        };
        return answer(&text, format);
    }
    let mut sources = Sources::default();
    let id = sources.add("CODE", wanted);
    let place = Span::new(id, 0, wanted.len() as u32);
    let error = Diagnostic::error(codes::NO_PAGE, format!("there is no page about `{wanted}`"))
        .label(place, "not a code with a page");
    let known = || PAGES.iter().flat_map(|&(id, page)| [id, name(page)]);
    let error = match nearest(wanted, known()) {
        Some(near) => error.fix(format!("there is `{near}`"), place, near),
        None => error.help("name a code as messages show it, such as `S0301`"),
    };
    tell(&[error], &sources, format, "")
}

/// Whether there is a page about a code.
pub(super) fn has_page(id: &str) -> bool {
    PAGES.iter().any(|(known, _)| *known == id)
}

/// The word in the title of a page: `# S0301: dimension-mismatch`.
fn name(page: &str) -> &str {
    page.lines().next().and_then(|title| title.split_once(": ")).map_or("", |(_, name)| name)
}

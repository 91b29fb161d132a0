//! One style for plans: text to text, comments kept.
//!
//! - A definition is followed by an empty line where it, or the next one, takes several lines; of more empty lines one
//!   stays. Blocks indent by two spaces.
//! - A block that was written on one line stays there while it fits into [`WIDTH`] columns and holds no comment.
//! - `=` stands below `=`, and `in` below `in`, in lines of a block that follow each other, and in definitions of one
//!   kind that take a line each. Comments at the ends of such lines stand below each other.
//! - A number and its unit have one space between them; `1/3` of bare numbers has none around its sign.
//! - Lines end with a line feed alone; a byte order mark goes.

mod marks;
#[cfg(test)]
mod tests;
mod tree;
mod write;

use super::parse;
use crate::diagnostic::{Diagnostic, any_error};
use crate::source::{SourceId, Sources};

/// Columns of a line that is not broken.
const WIDTH: usize = 100;

/// The text of a plan in the one style.
///
/// Reading it gives the same tree but for places, its comments are those of the plan in their order, and formatting it
/// again changes nothing.
///
/// # Errors
///
/// What is wrong with a plan that cannot be read; such a plan has no style.
pub fn format(sources: &Sources, id: SourceId) -> Result<String, Vec<Diagnostic>> {
    let (ast, found) = parse(sources, id);
    if any_error(&found) {
        return Err(found);
    }
    let text = &*sources.get(id).text;
    let marks = marks::Marks::of(&ast);
    Ok(write::write(&tree::tree(text), text, &marks))
}

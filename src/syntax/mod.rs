//! Text to tree. nom lives here and nowhere else.

pub mod ast;

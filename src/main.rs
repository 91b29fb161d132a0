//! The command line: `sovitc PLAN.sov` and the commands around it.

fn main() {}

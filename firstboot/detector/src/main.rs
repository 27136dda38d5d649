//! Reads the machine's hardware and chooses the language model tier.

fn main() {}

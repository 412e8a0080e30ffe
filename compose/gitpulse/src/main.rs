//! gitpulse
fn main() {}

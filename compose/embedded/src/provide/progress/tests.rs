use super::*;

#[test]
fn plain_lines_come_now_and_then() {
    let start = Instant::now();
    let mut plain = PlainLines::new(start);
    let seconds: Vec<_> =
        (0..=70).filter_map(|second| plain.due(start + Duration::from_secs(second))).collect();
    assert_eq!(seconds, [30, 60]);
}

#[test]
fn a_line_says_how_far_and_how_long() {
    let crates = line("compiling", Unit::Things("crates"), 12, 590, 30);
    assert_eq!(crates, "compiling: 12 of 590 crates, 30 s");
    let bytes = line("downloading", Unit::Bytes, 1 << 20, 1 << 21, 60);
    assert_eq!(bytes, "downloading: 1.00 MiB of 2.00 MiB, 60 s");
}

#[test]
fn an_estimate_that_was_too_low_is_raised() {
    let mut progress = Progress::begin("compiling", Unit::Things("crates"), 2);
    progress.set(3);
    assert_eq!(progress.total, 3);
}

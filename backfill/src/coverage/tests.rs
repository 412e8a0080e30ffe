use proptest::prelude::*;

use super::*;

fn day(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(day)
}

/// Reads until nothing is left, with this many pages per window, and returns the windows in order.
fn read_all(coverage: &mut Coverage, since: DateTime<Utc>, now: DateTime<Utc>, pages: u32) -> Vec<Span> {
    let mut spans = Vec::new();
    while let Some(window) = coverage.next(since, now, Order::Ascending) {
        spans.push(window.span);
        window.pages = pages - 1;
        coverage.advance(None);
        assert!(spans.len() < 1_000, "{spans:?}");
    }
    spans
}

#[test]
fn the_newest_window_comes_first_and_older_ones_grow() {
    let mut coverage = Coverage::default();
    let spans = read_all(&mut coverage, day(0), day(365), 9);
    let days = |span: &Span| (span.until - span.from).num_days();
    assert_eq!(spans[0], Span { from: day(335), until: day(365) });
    assert!(spans.windows(2).all(|pair| pair[1].until == pair[0].from), "{spans:?}");
    assert_eq!(Vec::from_iter(spans.iter().map(days)), [30, 60, 180, 95]);
    assert_eq!(coverage.span, Some(Span { from: day(0), until: day(365) }));
}

#[test]
fn a_short_list_is_two_windows() {
    let spans = read_all(&mut Coverage::default(), day(0), day(3650), 1);
    assert_eq!(spans[1], Span { from: day(0), until: day(3620) });
    assert_eq!(spans.len(), 2);
}

#[test]
fn a_later_run_reads_what_came_since_and_a_little_of_before() {
    let mut coverage = Coverage::default();
    read_all(&mut coverage, day(0), day(365), 9);
    let spans = read_all(&mut coverage, day(0), day(366), 9);
    assert_eq!(spans, [Span { from: day(365) - OVERLAP, until: day(366) }]);
    assert!(read_all(&mut coverage, day(0), day(366), 9).is_empty());
}

#[test]
fn in_descending_order_one_window_is_enough() {
    let mut coverage = Coverage::default();
    let window = coverage.next(day(0), day(365), Order::Descending).unwrap();
    assert_eq!(window.span, Span { from: day(0), until: day(365) });
    coverage.advance(None);
    assert_eq!(coverage.next(day(0), day(365), Order::Descending), None);
    let window = coverage.next(day(0), day(400), Order::Descending).unwrap();
    assert_eq!(window.span, Span { from: day(365) - OVERLAP, until: day(400) });
}

#[test]
fn a_window_that_was_interrupted_goes_on_where_it_was() {
    let mut coverage = Coverage::default();
    let window = coverage.next(day(0), day(365), Order::Ascending).unwrap();
    window.place =
        Place::At(Cursor { after: "1970-12-05T00:00:00.000Z".to_owned(), page: 3, seen: vec![1, 2] });
    let kept = window.clone();
    let text = serde_json::to_string(&coverage).unwrap();
    let mut again: Coverage = serde_json::from_str(&text).unwrap();
    assert_eq!(
        again.next(day(0), day(400), Order::Ascending),
        Some(&mut kept.clone()),
        "though it is later by now"
    );
    again.advance(None);
    assert_eq!(
        again.next(day(0), day(400), Order::Ascending).unwrap().span.until,
        day(400),
        "what came meanwhile is next"
    );
}

proptest! {
    /// Whatever runs ask for, and whenever: what was read is one span that contains all that was asked for.
    #[test]
    fn runs_leave_no_gap(runs in prop::collection::vec((0i64..2_000, 0i64..50, 1u32..9), 1..8)) {
        let mut coverage = Coverage::default();
        let mut now = 2_000;
        for (since, pause, pages) in runs {
            now += pause;
            for span in read_all(&mut coverage, day(since), day(now), pages) {
                prop_assert!(span.from < span.until || since >= now);
            }
            let read = coverage.span.unwrap();
            prop_assert!(read.from <= day(since) && read.until >= day(now));
        }
    }
}

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn numbers(set: &BTreeSet<u64>) -> Numbers {
    Numbers::of_list(set.iter().copied())
}

fn set(numbers: &Numbers) -> BTreeSet<u64> {
    numbers.spans().iter().flat_map(|span| span.first..=span.last).collect()
}

fn check(all: &[(u64, u64)], others: &[(u64, u64)], expected: &[(u64, u64)]) {
    let of = |spans: &[(u64, u64)]| {
        Numbers::of(spans.iter().map(|(first, last)| Span { first: *first, last: *last }))
    };
    assert_eq!(of(all).without(&of(others)), of(expected));
}

#[test]
fn what_is_known_to_be_gone_splits_a_gap() {
    check(&[(1, 9)], &[(4, 5)], &[(1, 3), (6, 9)]);
    check(&[(1, 9)], &[(1, 9)], &[]);
    check(&[(1, 9)], &[(0, 3), (9, 20)], &[(4, 8)]);
    check(&[(1, 3), (7, 9)], &[(2, 8)], &[(1, 1), (9, 9)]);
    check(&[(5, 5)], &[], &[(5, 5)]);
}

#[test]
fn a_span_that_ends_before_it_begins_is_empty() {
    assert!(Numbers::of([Span { first: 5, last: 4 }]).is_empty());
}

#[test]
fn the_newest_are_asked_for_first() {
    let wanted = Numbers::of([Span { first: 1, last: 2 }, Span { first: 8, last: 10 }]);
    assert_eq!(wanted.newest_first(2).collect::<Vec<_>>(), [vec![10, 9], vec![8, 2], vec![1]]);
    let endless = Numbers::of([Span { first: 1, last: u64::MAX }]);
    assert_eq!(endless.newest_first(1).take(2).collect::<Vec<_>>(), [[u64::MAX], [u64::MAX - 1]]);
}

proptest! {
    #[test]
    fn sets_of_spans_are_sets_of_numbers(one in prop::collection::btree_set(0u64..60, 0..40), other in prop::collection::btree_set(0u64..60, 0..40)) {
        let (left, right) = (numbers(&one), numbers(&other));
        prop_assert_eq!(left.count(), one.len() as u64);
        prop_assert_eq!(set(&left.with(&right)), one.union(&other).copied().collect());
        prop_assert_eq!(set(&left.without(&right)), one.difference(&other).copied().collect());
        prop_assert_eq!(numbers(&set(&left.without(&right))), left.without(&right));
        let span = Span { first: 20, last: 40 };
        prop_assert_eq!(set(&left.within(span)), one.range(20..=40).copied().collect::<BTreeSet<u64>>());
        prop_assert_eq!(left.touches(span), one.range(20..=40).next().is_some());
        let read: Numbers = serde_json::from_str(&serde_json::to_string(&left).unwrap()).unwrap();
        prop_assert_eq!(read, left);
    }
}

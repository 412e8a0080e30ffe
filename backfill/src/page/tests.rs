use std::collections::BTreeSet;

use chrono::DateTime;
use proptest::prelude::*;

use super::*;

fn time(at: u32) -> String {
    DateTime::from_timestamp(at.into(), 0).unwrap().to_rfc3339()
}

fn at(time: &str) -> u32 {
    DateTime::parse_from_rfc3339(time).unwrap().timestamp().try_into().unwrap()
}

fn cursor(after: u32) -> Cursor {
    Cursor { after: time(after), page: 1, seen: Vec::new() }
}

/// GitLab's answer: the page of what was updated at or after a time, and whether it is the last one.
fn answer(list: &[(u64, u32)], cursor: &Cursor, per_page: usize) -> (Vec<Listed>, bool) {
    let after = at(&cursor.after);
    let mut rows: Vec<(u32, u64)> =
        list.iter().filter(|(_, at)| *at >= after).map(|(id, at)| (*at, *id)).collect();
    rows.sort_unstable();
    let begin = (cursor.page as usize - 1) * per_page;
    let page = rows.iter().skip(begin).take(per_page);
    let page = page.map(|(at, id)| Listed { id: *id, updated_at: time(*at) }).collect();
    (page, rows.len() <= begin + per_page)
}

#[test]
fn a_time_that_fills_a_page_is_paged_through() {
    let list: Vec<(u64, u32)> = (1..=7).map(|id| (id, 5)).chain([(8, 6)]).collect();
    let mut here = cursor(0);
    let mut seen = Vec::new();
    loop {
        let (page, is_last) = answer(&list, &here, 3);
        let step = step(&here, &page, is_last).unwrap();
        seen.extend(step.new.iter().map(|index| page[*index].id));
        match step.next {
            Some(next) => here = next,
            None => break,
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7, 8]);
}

/// Walks a server with these answers; returns how many pages it took, and what ended it.
fn walk(mut page: impl FnMut(&Cursor) -> Vec<Listed>) -> (usize, Option<PageError>) {
    let mut here = cursor(100);
    for pages in 1..100 {
        match step(&here, &page(&here), false) {
            Ok(Step { next: Some(next), .. }) => here = next,
            Ok(Step { next: None, .. }) => return (pages, None),
            Err(error) => return (pages, Some(error)),
        }
    }
    panic!("the walk does not end");
}

#[test]
fn a_server_that_pages_otherwise_than_gitlab_comes_to_an_end() {
    let listed = |id, updated_at: &str| Listed { id, updated_at: updated_at.to_owned() };
    let same = |_: &Cursor| vec![listed(1, &time(101)), listed(2, &time(102))];
    assert!(matches!(walk(same), (2, Some(PageError::Earlier))));
    let of_one_time = |_: &Cursor| vec![listed(1, &time(100)), listed(2, &time(100))];
    assert!(matches!(walk(of_one_time), (2, Some(PageError::Repeated))));
    let backwards = |here: &Cursor| vec![listed(1, &time(at(&here.after) - 1))];
    assert!(matches!(walk(backwards), (1, Some(PageError::Earlier))));
    let mut zone = 0;
    let in_other_words = |_: &Cursor| {
        zone += 1;
        let east = chrono::FixedOffset::east_opt(3600 * (zone % 5)).unwrap();
        let moment = DateTime::from_timestamp(101, 0).unwrap().with_timezone(&east);
        vec![listed(1, &moment.to_rfc3339())]
    };
    assert!(matches!(walk(in_other_words), (3.., Some(PageError::Repeated))));
    assert!(matches!(walk(|_| vec![listed(1, "yesterday")]), (1, Some(PageError::Time))));
}

#[test]
fn an_empty_page_that_names_another_is_not_the_last() {
    let step = step(&cursor(5), &[], false).unwrap();
    assert_eq!(step.next, Some(Cursor { page: 2, ..cursor(5) }));
    assert!(matches!(super::step(&Cursor { page: 500, ..cursor(5) }, &[], false), Err(PageError::Repeated)));
}

proptest! {
    /// Whatever is updated, added or removed while the list is read: everything that exists at the end was read in its last revision. (If more things
    /// share one time than fit on a page, there is only an offset.)
    #[test]
    fn nothing_is_missed_while_the_list_changes(
        count in 1u32..60,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3), 0..40),
        (per_page, alike) in (2usize..9).prop_flat_map(|per_page| (Just(per_page), 1..per_page as u32)),
    ) {
        let mut list: Vec<(u64, u32)> = (0..count).map(|number| (u64::from(number), number / alike)).collect();
        let mut changes = changes.into_iter();
        let (mut clock, mut here) = (100u32, cursor(0));
        let mut read: BTreeSet<(u64, u32)> = BTreeSet::new();
        for requests in 0.. {
            prop_assert!(requests < 2_000, "the walk does not end");
            let (page, is_last) = answer(&list, &here, per_page);
            let step = step(&here, &page, is_last).unwrap();
            for index in &step.new {
                read.insert((page[*index].id, at(&page[*index].updated_at)));
            }
            match step.next {
                Some(next) => here = next,
                None => break,
            }
            if let Some((index, change)) = changes.next() && !list.is_empty() {
                let index = index.index(list.len());
                clock += 1;
                match change {
                    0 => list[index].1 = clock,
                    1 => { list.remove(index); }
                    _ => list.push((1_000 + u64::from(clock), clock)),
                }
            }
        }
        for row in &list {
            prop_assert!(read.contains(row), "{row:?} was not read");
        }
    }
}

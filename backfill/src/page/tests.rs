use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn cursor(after: &str) -> Cursor {
    Cursor { after: after.to_owned(), page: 1, seen: Vec::new() }
}

/// What GitLab answers: the page of what was updated at or after a time, and whether it is the last one.
fn answer(list: &[(u64, u32)], cursor: &Cursor, per_page: usize) -> (Vec<Listed>, bool) {
    let after: u32 = cursor.after.parse().unwrap();
    let mut rows: Vec<(u32, u64)> =
        list.iter().filter(|(_, at)| *at >= after).map(|(id, at)| (*at, *id)).collect();
    rows.sort_unstable();
    let begin = (cursor.page as usize - 1) * per_page;
    let page = rows.iter().skip(begin).take(per_page);
    let page = page.map(|(at, id)| Listed { id: *id, updated_at: format!("{at:04}") }).collect();
    (page, rows.len() <= begin + per_page)
}

#[test]
fn a_time_that_fills_a_page_is_paged_through() {
    let list: Vec<(u64, u32)> = (1..=7).map(|id| (id, 5)).chain([(8, 6)]).collect();
    let mut at = cursor("0000");
    let mut seen = Vec::new();
    loop {
        let (page, is_last) = answer(&list, &at, 3);
        let step = step(&at, &page, is_last);
        seen.extend(step.new.iter().map(|index| page[*index].id));
        match step.next {
            Some(next) => at = next,
            None => break,
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7, 8]);
}

proptest! {
    /// Whatever is updated, added or removed while the list is walked: all that is there at the end was read, in its last revision. (Within
    /// one time that more things share than a page holds, an offset is all there is.)
    #[test]
    fn nothing_is_missed_while_the_list_changes(
        count in 1u32..60,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3), 0..40),
        (per_page, alike) in (2usize..9).prop_flat_map(|per_page| (Just(per_page), 1..per_page as u32)),
    ) {
        let mut list: Vec<(u64, u32)> = (0..count).map(|number| (u64::from(number), number / alike)).collect();
        let mut changes = changes.into_iter();
        let (mut clock, mut at) = (100u32, cursor("0000"));
        let mut read: BTreeSet<(u64, u32)> = BTreeSet::new();
        for requests in 0.. {
            prop_assert!(requests < 2_000, "the walk does not end");
            let (page, is_last) = answer(&list, &at, per_page);
            let step = step(&at, &page, is_last);
            for index in &step.new {
                read.insert((page[*index].id, page[*index].updated_at.parse().unwrap()));
            }
            match step.next {
                Some(next) => at = next,
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

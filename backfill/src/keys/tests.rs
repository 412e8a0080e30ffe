use chrono::TimeDelta;

use super::*;

fn day(day: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(day)
}

/// A page of `per_page` things from `place` on, of things 1 to `count`, newest first; ten are created per day.
fn page(count: u64, place: u64, per_page: u64) -> (Vec<Listed>, bool) {
    let ids = (1..=count).rev().skip(place as usize).take(per_page as usize);
    let rows = ids.map(|id| Listed { id, created_at: Some(day(id as i64 / 10)) }).collect();
    (rows, place + per_page < count)
}

/// A link as GitLab gives one; its content does not matter here.
fn link() -> Next {
    serde_json::from_str(
        r#"{"limit":"general","path":"x","query":"y","walk":{"anchor":0,"steps":0,"power":1,"rows":0,"empty":0}}"#,
    )
    .unwrap()
}

#[test]
fn what_came_later_than_was_asked_for_is_left_to_a_later_run() {
    let mut keys = Keys::default();
    keys.next(day(0), day(5), day(9));
    let (rows, _) = page(95, 0, 100);
    assert_eq!(keys.advance(&rows, None, false).unwrap().len(), 59, "things 1 to 59");
    assert_eq!((keys.top, keys.read_at), (Some(59), Some(day(5))));
    assert!(keys.next(day(0), day(5), day(10)).is_none());
    keys.next(day(0), day(9), day(10));
    assert_eq!(keys.advance(&rows, None, false).unwrap().len(), 36, "things 60 to 95");
}

/// Walks to the end with pages of ten by offsets, and returns the ids that were new. `grow` things are added between two pages.
fn walk(keys: &mut Keys, count: &mut u64, grow: u64, since: i64, now: i64) -> Vec<u64> {
    let (mut ids, mut place) = (Vec::new(), 0);
    while keys.next(day(since), day(1_000), day(now)).is_some() {
        let (rows, is_more) = page(*count, place, 10);
        let new = keys.advance(&rows, is_more.then(link), false).unwrap();
        ids.extend(new.iter().map(|index| rows[*index].id));
        place += 10;
        *count += grow;
        assert!(place < 10_000, "the walk does not end");
    }
    ids
}

#[test]
fn a_walk_goes_down_to_where_the_last_one_began() {
    let (mut keys, mut count) = (Keys::default(), 95);
    assert_eq!(walk(&mut keys, &mut count, 0, 0, 1), (1..=95).rev().collect::<Vec<_>>());
    count = 112;
    assert_eq!(walk(&mut keys, &mut count, 0, 0, 2), (96..=112).rev().collect::<Vec<_>>());
    assert!(walk(&mut keys, &mut count, 0, 0, 2).is_empty(), "read at that time already");
}

#[test]
fn what_comes_meanwhile_is_neither_missed_nor_doubled() {
    let (mut keys, mut count) = (Keys::default(), 200);
    let mut ids = walk(&mut keys, &mut count, 3, 0, 1);
    ids.extend(walk(&mut keys, &mut count, 0, 0, 2));
    ids.sort_unstable();
    assert_eq!(ids, (1..=count).collect::<Vec<_>>());
}

#[test]
fn an_earlier_beginning_is_read_too() {
    let (mut keys, mut count) = (Keys::default(), 95);
    let mut ids = walk(&mut keys, &mut count, 0, 5, 1);
    assert_eq!(ids.last(), Some(&50));
    ids.extend(walk(&mut keys, &mut count, 0, 0, 2));
    assert!((1..=95).all(|id| ids.contains(&id)));
}

proptest::proptest! {
    /// Whatever spans runs ask for, in any order: all that each asked for was read by its end. Thing `n` is created in minute `n`.
    #[test]
    fn runs_leave_no_hole(runs in proptest::collection::vec((0i64..200, 1i64..200, 0u64..60), 1..7)) {
        let minute = |minute: i64| DateTime::UNIX_EPOCH + TimeDelta::minutes(minute);
        let (mut keys, mut count) = (Keys::default(), 120u64);
        let mut read = std::collections::BTreeSet::new();
        for (since, length, grow) in runs {
            count += grow;
            let now = count as i64;
            let (since, until) = (minute(since.min(now - 1)), minute((since + length).min(now)));
            let mut place = 0;
            while keys.next(since, until, minute(now)).is_some() {
                let ids = (1..=count).rev().skip(place).take(10);
                let rows: Vec<Listed> =
                    ids.map(|id| Listed { id, created_at: Some(minute(id as i64)) }).collect();
                let is_more = place + 10 < count as usize;
                let new = keys.advance(&rows, is_more.then(link), false).unwrap();
                read.extend(new.iter().map(|index| rows[*index].id));
                place += 10;
            }
            let is_asked = |id: &u64| (since..=until).contains(&minute(*id as i64));
            let missing: Vec<u64> = (1..=count).filter(is_asked).filter(|id| !read.contains(id)).collect();
            proptest::prop_assert!(missing.is_empty(), "{missing:?}");
        }
    }
}

#[test]
fn deep_offsets_are_left_for_a_day() {
    let mut keys = Keys::default();
    keys.next(day(0), day(1_000), day(1));
    for place in 0..PAGES_BEFORE_ANEW {
        let (rows, _) = page(5_000, u64::from(place) * 10, 10);
        keys.advance(&rows, Some(link()), true).unwrap();
    }
    let open = keys.open.unwrap();
    assert_eq!((open.next, open.pages), (None, 0));
    assert_eq!(open.before, Some((day(400) + TimeDelta::days(2)).date_naive()));
}

#[test]
fn pages_that_lead_no_further_down_come_to_an_end() {
    let mut keys = Keys::default();
    keys.next(day(0), day(1_000), day(1));
    let of = |place: u64| page(5_000, place, 10).0;
    keys.advance(&of(0), Some(link()), false).unwrap();
    for _ in 1..PAGES_IN_PLACE {
        assert!(keys.advance(&of(0), Some(link()), false).unwrap().is_empty());
        assert!(keys.advance(&[], Some(link()), false).unwrap().is_empty());
    }
    let mut other = keys.clone();
    assert!(matches!(keys.advance(&of(0), Some(link()), false), Err(PageError::Repeated)));
    // A page that leads on resets the count; the last page may repeat rows.
    assert_eq!(other.advance(&of(5), Some(link()), false).unwrap().len(), 5);
    assert!(other.advance(&of(5), Some(link()), false).unwrap().is_empty());
    assert!(other.advance(&of(5), None, false).unwrap().is_empty());
    assert_eq!(other.open, None);
}

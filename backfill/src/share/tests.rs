use std::sync::mpsc;

use proptest::prelude::*;

use super::ledger::Shared;
use super::*;

const INSTANCE: &str = "https://gitlab.example.com";
const HOUR: Duration = Duration::from_secs(3600);

/// A share that wants these projects, of which Kafka knows nothing.
fn share(projects: impl IntoIterator<Item = u64>) -> Share {
    Share { shared: Arc::new(Shared::new(INSTANCE, projects)), thread: None }
}

/// The first projects that belong to another part each.
fn two_projects() -> (u64, u64) {
    let other = (2..).find(|project| part_of(INSTANCE, *project) != part_of(INSTANCE, 1)).unwrap();
    (1, other)
}

/// Another thread gives parts up, and says so when it has.
fn revoke(share: &Share, parts: &[u32], within: Duration) -> mpsc::Receiver<()> {
    let (shared, parts, (done, is_done)) = (share.shared.clone(), parts.to_vec(), mpsc::channel());
    std::thread::spawn(move || {
        shared.revoke(&parts, within);
        done.send(()).unwrap();
    });
    is_done
}

#[test]
fn the_part_of_a_project_is_the_same_for_ever() {
    let parts: Vec<u32> = [1, 2, 42, 278_964].into_iter().map(|id| part_of(INSTANCE, id)).collect();
    assert_eq!(parts, [0, 6, 4, 0]);
    assert_ne!(
        (0..20).map(|id| part_of(INSTANCE, id)).collect::<Vec<_>>(),
        (0..20).map(|id| part_of("https://gitlab.com", id)).collect::<Vec<_>>()
    );
}

#[test]
fn parts_have_about_as_many_projects_each() {
    let mut sizes = [0; BACKFILL_PARTS as usize];
    for project in 0..12_000 {
        sizes[part_of(INSTANCE, project) as usize] += 1;
    }
    assert!(sizes.iter().all(|size| (850..1_150).contains(size)), "{sizes:?}");
}

#[test]
fn what_is_assigned_is_held_and_what_is_not_is_not() {
    let (one, other) = two_projects();
    let share = share([one, other]);
    assert!(!share.holds(one) && share.lease(one).is_none());
    share.shared.assign(&[part_of(INSTANCE, one)]);
    assert!(share.holds(one) && share.lease(one).is_some());
    assert!(!share.holds(other) && share.lease(other).is_none());
}

#[tokio::test]
async fn a_part_that_is_revoked_is_given_up_when_its_leases_are_dropped() {
    let (one, other) = two_projects();
    let share = share([one, other]);
    share.shared.assign(&[part_of(INSTANCE, one), part_of(INSTANCE, other)]);
    let (first, second, kept) =
        (share.lease(one).unwrap(), share.lease(one).unwrap(), share.lease(other).unwrap());
    let is_given_up = revoke(&share, &[part_of(INSTANCE, one)], HOUR);
    first.ending().cancelled().await;
    assert!(!share.holds(one) && share.lease(one).is_none());
    assert!(!first.lost().is_cancelled() && !kept.ending().is_cancelled());
    drop(first);
    assert!(is_given_up.try_recv().is_err(), "there is another lease");
    drop(second);
    is_given_up.recv().unwrap();
    assert!(share.holds(other));
}

#[tokio::test]
async fn whoever_takes_too_long_to_give_up_is_told_to_drop_everything() {
    let share = share([1]);
    share.shared.assign(&[part_of(INSTANCE, 1)]);
    let lease = share.lease(1).unwrap();
    let is_given_up = revoke(&share, &[part_of(INSTANCE, 1)], Duration::from_millis(1));
    lease.lost().cancelled().await;
    drop(lease);
    is_given_up.recv().unwrap();
}

#[tokio::test]
async fn a_part_that_comes_back_is_not_read_twice_at_once() {
    let share = share([1]);
    let parts = [part_of(INSTANCE, 1)];
    share.shared.assign(&parts);
    let old = share.lease(1).unwrap();
    let is_given_up = revoke(&share, &parts, HOUR);
    old.ending().cancelled().await;
    share.shared.assign(&parts);
    assert!(share.holds(1) && share.lease(1).is_none(), "it is still read by the old lease");
    let mut changes = share.changes();
    drop(old);
    changes.next().await.unwrap();
    is_given_up.recv().unwrap();
    let new = share.lease(1).unwrap();
    assert!(!new.ending().is_cancelled());
}

#[test]
fn a_part_is_wanted_until_the_last_of_its_projects_is_finished() {
    let (one, other) = two_projects();
    let of_one = (one + 1..).find(|project| part_of(INSTANCE, *project) == part_of(INSTANCE, one)).unwrap();
    let share = share([one, of_one, other]);
    let both = BTreeSet::from([part_of(INSTANCE, one), part_of(INSTANCE, other)]);
    assert_eq!(share.shared.wanted(), both);
    share.finish(one);
    share.finish(one);
    assert_eq!((share.shared.wanted(), share.unfinished()), (both.clone(), BTreeSet::from([of_one, other])));
    share.finish(of_one);
    assert_eq!(share.shared.wanted(), BTreeSet::from([part_of(INSTANCE, other)]));
    share.want([one]);
    assert_eq!(share.shared.wanted(), both);
}

#[tokio::test]
async fn nothing_is_held_after_the_end_and_whoever_waits_hears_of_it() {
    let share = share([1]);
    let mut changes = share.changes();
    share.shared.stop();
    share.shared.assign(&[part_of(INSTANCE, 1)]);
    assert!(!share.holds(1) && share.unfinished().is_empty());
    share.shared.end();
    assert!(matches!(changes.next().await, Err(ShareError::Ended)));
}

/// What happens to one share.
#[derive(Debug, Clone, Copy)]
enum Event {
    Assign(u32),
    Lose(u32),
    Lease(u64),
    Drop(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let part = 0..BACKFILL_PARTS;
    prop_oneof![
        part.clone().prop_map(Event::Assign),
        part.prop_map(Event::Lose),
        (0u64..30).prop_map(Event::Lease),
        (0usize..8).prop_map(Event::Drop),
    ]
}

proptest! {
    #[test]
    fn only_what_is_held_is_leased_and_one_assignment_at_a_time(events in prop::collection::vec(event(), 1..80)) {
        let share = share(0..30);
        let mut held = BTreeSet::new();
        let mut leases: Vec<(u32, Lease)> = Vec::new();
        for event in events {
            match event {
                Event::Assign(part) => {
                    share.shared.assign(&[part]);
                    held.insert(part);
                }
                Event::Lose(part) => {
                    share.shared.begin_to_revoke(&[part]);
                    held.remove(&part);
                }
                Event::Lease(project) => {
                    let part = part_of(INSTANCE, project);
                    let is_left = leases.iter().any(|(of, lease)| *of == part && lease.ending().is_cancelled());
                    let lease = share.lease(project);
                    prop_assert_eq!(lease.is_some(), held.contains(&part) && !is_left);
                    leases.extend(lease.map(|lease| (part, lease)));
                }
                Event::Drop(index) if index < leases.len() => drop(leases.swap_remove(index)),
                Event::Drop(_) => (),
            }
            for project in 0..30 {
                prop_assert_eq!(share.holds(project), held.contains(&part_of(INSTANCE, project)));
            }
        }
    }
}

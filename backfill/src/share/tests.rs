use std::sync::mpsc;

use proptest::prelude::*;

use super::ledger::Shared;
use super::*;

const INSTANCE: &str = "https://gitlab.example.com";
const HOUR: Duration = Duration::from_secs(3600);

/// A share that wants these projects, without a Kafka.
fn share(projects: impl IntoIterator<Item = u64>) -> Share {
    Share { shared: Arc::new(Shared::new(INSTANCE, projects.into_iter().map(Owner::Project))), thread: None }
}

fn part(project: u64) -> u32 {
    part_of(INSTANCE, Owner::Project(project))
}

fn holds(share: &Share, project: u64) -> bool {
    share.holds(Owner::Project(project))
}

fn lease(share: &Share, project: u64) -> Option<Lease> {
    share.lease(Owner::Project(project))
}

/// The first two projects that belong to different parts.
fn two_projects() -> (u64, u64) {
    let other = (2..).find(|project| part(*project) != part(1)).unwrap();
    (1, other)
}

/// Gives parts up on another thread, which reports when it has.
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
    assert_eq!([1, 2, 42, 278_964].map(part), [10, 2, 6, 8]);
    assert_eq!(part_of(INSTANCE, Owner::Group(42)), 8);
    let of_another = |id| part_of("https://gitlab.com", Owner::Project(id));
    assert_ne!(Vec::from_iter((0..20).map(part)), Vec::from_iter((0..20).map(of_another)));
}

#[test]
fn parts_have_about_as_many_projects_each() {
    let mut sizes = [0; BACKFILL_PARTS as usize];
    for project in 0..12_000 {
        sizes[part(project) as usize] += 1;
    }
    assert!(sizes.iter().all(|size| (850..1_150).contains(size)), "{sizes:?}");
}

#[test]
fn what_is_assigned_is_held_and_what_is_not_is_not() {
    let (one, other) = two_projects();
    let share = share([one, other]);
    assert!(!holds(&share, one) && lease(&share, one).is_none());
    share.shared.assign(&[part(one)]);
    assert!(holds(&share, one) && lease(&share, one).is_some());
    assert!(!holds(&share, other) && lease(&share, other).is_none());
}

#[tokio::test]
async fn a_part_that_is_revoked_is_given_up_when_its_leases_are_dropped() {
    let (one, other) = two_projects();
    let share = share([one, other]);
    share.shared.assign(&[part(one), part(other)]);
    let (first, second, kept) =
        (lease(&share, one).unwrap(), lease(&share, one).unwrap(), lease(&share, other).unwrap());
    let is_given_up = revoke(&share, &[part(one)], HOUR);
    first.ending.cancelled().await;
    assert!(!holds(&share, one) && lease(&share, one).is_none());
    assert!(!first.lost.is_cancelled() && !kept.ending.is_cancelled());
    drop(first);
    assert!(is_given_up.try_recv().is_err(), "there is another lease");
    drop(second);
    is_given_up.recv().unwrap();
    assert!(holds(&share, other));
}

#[tokio::test]
async fn whoever_takes_too_long_to_give_up_is_told_to_drop_everything() {
    let share = share([1]);
    share.shared.assign(&[part(1)]);
    let lease = lease(&share, 1).unwrap();
    let is_given_up = revoke(&share, &[part(1)], Duration::from_millis(1));
    lease.lost.cancelled().await;
    drop(lease);
    is_given_up.recv().unwrap();
}

#[tokio::test]
async fn a_part_that_comes_back_is_not_read_twice_at_once() {
    let share = share([1]);
    let parts = [part(1)];
    share.shared.assign(&parts);
    let old = lease(&share, 1).unwrap();
    let is_given_up = revoke(&share, &parts, HOUR);
    old.ending.cancelled().await;
    share.shared.assign(&parts);
    assert!(holds(&share, 1) && lease(&share, 1).is_none(), "it is still read by the old lease");
    let mut changes = share.changes();
    drop(old);
    changes.next().await.unwrap();
    is_given_up.recv().unwrap();
    let new = lease(&share, 1).unwrap();
    assert!(!new.ending.is_cancelled());
}

#[test]
fn a_part_is_wanted_until_the_last_of_its_projects_is_finished() {
    let (one, other) = two_projects();
    let of_one = (one + 1..).find(|project| part(*project) == part(one)).unwrap();
    let share = share([one, of_one, other]);
    let both = BTreeSet::from([part(one), part(other)]);
    assert_eq!(share.shared.wanted(), both);
    share.finish(Owner::Project(one));
    share.finish(Owner::Project(one));
    assert_eq!(
        (share.shared.wanted(), share.unfinished()),
        (both.clone(), BTreeSet::from([of_one, other].map(Owner::Project)))
    );
    share.finish(Owner::Project(of_one));
    assert_eq!(share.shared.wanted(), BTreeSet::from([part(other)]));
    share.want([Owner::Project(one)]);
    assert_eq!(share.shared.wanted(), both);
}

#[tokio::test]
async fn nothing_is_held_after_the_end_and_whoever_waits_hears_of_it() {
    let share = share([1]);
    let mut changes = share.changes();
    share.shared.stop();
    share.shared.assign(&[part(1)]);
    assert!(!holds(&share, 1) && share.unfinished().is_empty());
    share.shared.end();
    assert!(matches!(changes.next().await, Err(ShareError::Ended)));
}

/// An event in the life of a share.
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
                    let of_project = part(project);
                    let is_left = leases.iter().any(|(of, lease)| *of == of_project && lease.ending.is_cancelled());
                    let lease = share.lease(Owner::Project(project));
                    prop_assert_eq!(lease.is_some(), held.contains(&of_project) && !is_left);
                    leases.extend(lease.map(|lease| (of_project, lease)));
                }
                Event::Drop(index) if index < leases.len() => drop(leases.swap_remove(index)),
                Event::Drop(_) => (),
            }
            for project in 0..30 {
                prop_assert_eq!(holds(&share, project), held.contains(&part(project)));
            }
        }
    }
}

use super::*;

fn project(project_id: u64) -> Project {
    Project { instance: "https://gitlab.example.com".to_owned(), project_id }
}

fn waiting(ids: impl IntoIterator<Item = u64>) -> Vec<(Project, u64)> {
    ids.into_iter().map(|id| (project(id), 1)).collect()
}

fn sizes(of: &[(u64, u64)]) -> Sizes {
    of.iter().map(|(id, rows)| (project(*id), *rows)).collect()
}

fn ids(group: &[(Project, u64)]) -> Vec<u64> {
    group.iter().map(|(project, _)| project.project_id).collect()
}

/// Computes everything due within a second; returns the projects.
fn compute(pace: &mut Pace, sizes: &Sizes, now: &mut Instant, took: Duration) -> Vec<u64> {
    let due = pace.due(*now);
    let groups = pace.groups(&due, sizes, *now);
    let mut computed = Vec::new();
    let began = *now;
    for (lane, group) in &groups {
        pace.begun(*lane, group, sizes);
        computed.extend(ids(group));
    }
    if !groups.is_empty() {
        *now += took;
    }
    for (lane, group) in &groups {
        pace.computed(*lane, group, began, *now);
    }
    computed
}

#[tokio::test(start_paused = true)]
async fn a_project_is_computed_at_most_a_tenth_of_the_time() {
    let (mut pace, mut now) = (Pace::new(10), Instant::now());
    let (start, took, sizes) = (now, Duration::from_millis(700), sizes(&[(1, 1_000_000)]));
    let mut computations = 0;
    while now - start < Duration::from_secs(100) {
        // It is marked all the time.
        pace.waits(waiting([1]), now);
        match compute(&mut pace, &sizes, &mut now, took).len() {
            0 => now += Duration::from_millis(100),
            _ => computations += 1,
        }
    }
    assert!((14..=15).contains(&computations), "{computations} of 0.7 s in 100 s");
}

#[tokio::test(start_paused = true)]
async fn small_projects_go_together_and_a_large_one_beside_them() {
    let (mut pace, now) = (Pace::new(10), Instant::now());
    let sizes = sizes(&[(1, 10), (2, LARGE), (3, 10), (4, 2 * LARGE), (5, 10)]);
    pace.waits(waiting(1..=5), now);
    let due = pace.due(now);
    let groups = pace.groups(&due, &sizes, now);
    assert_eq!(
        groups.iter().map(|(lane, group)| (*lane, ids(group))).collect::<Vec<_>>(),
        [(Lane::Small, vec![1, 3, 5]), (Lane::Large, vec![2])]
    );
    // While the large one is computed, others are not delayed, and the next large one waits.
    pace.begun(Lane::Large, &groups[1].1, &sizes);
    let due = pace.due(now);
    assert_eq!(ids(&due), [1, 3, 4, 5]);
    assert_eq!(ids(&pace.groups(&due, &sizes, now)[0].1), [1, 3, 5]);
    assert_eq!(pace.groups(&due, &sizes, now).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_group_costs_each_of_its_projects_its_part() {
    let (mut pace, mut now) = (Pace::new(10), Instant::now());
    let sizes = sizes(&[(1, 900), (2, 8_900)]);
    pace.waits(waiting([1, 2]), now);
    let took = Duration::from_secs(1);
    assert_eq!(compute(&mut pace, &sizes, &mut now, took), [1, 2]);
    pace.waits(waiting([1, 2]), now);
    assert!(ids(&pace.due(now)) == [1], "a tenth of a second, ten times, is over");
    now += Duration::from_millis(7_900);
    assert_eq!(ids(&pace.due(now)), [1]);
    now += Duration::from_millis(100);
    assert_eq!(ids(&pace.due(now)), [1, 2]);
}

/// How often twenty small, continuously marked projects are computed in 100 s if a group takes this long.
fn computations(took: Duration) -> u32 {
    let (mut pace, mut now) = (Pace::new(10), Instant::now());
    let (start, sizes) = (now, sizes(&[]));
    let mut computations = 0;
    while now - start < Duration::from_secs(100) {
        pace.waits(waiting(1..=20), now);
        match compute(&mut pace, &sizes, &mut now, took).len() {
            0 => now += Duration::from_millis(100),
            all => {
                assert_eq!(all, 20);
                computations += 1;
            }
        }
    }
    computations
}

#[tokio::test(start_paused = true)]
async fn what_computes_rests_four_times_as_long_but_five_seconds_at_most() {
    assert_eq!(computations(Duration::from_millis(500)), 40, "each takes 0.5 s, and then 2 s pass");
    assert_eq!(computations(Duration::from_secs(3)), 13, "each takes 3 s, and then 5 s pass");
    assert_eq!(computations(Duration::from_secs(10)), 5, "each takes 10 s, and then 10 s pass");
}

#[tokio::test(start_paused = true)]
async fn those_of_a_group_that_failed_are_tried_one_by_one() {
    let (mut pace, mut now) = (Pace::new(10), Instant::now());
    let sizes = sizes(&[]);
    pace.waits(waiting([1, 2, 3]), now);
    let group = pace.due(now);
    pace.begun(Lane::Small, &group, &sizes);
    pace.failed(Lane::Small, &group, now);
    assert!(pace.due(now).is_empty());
    now += AFTER_FAILURE;
    for expected in 1..=3 {
        assert_eq!(compute(&mut pace, &sizes, &mut now, Duration::from_millis(1)), [expected]);
        now += Duration::from_millis(4);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_marked_while_it_was_computed_waits_again() {
    let (mut pace, mut now) = (Pace::new(10), Instant::now());
    let sizes = sizes(&[(1, 0)]);
    pace.waits(waiting([1]), now);
    now += Duration::from_secs(2);
    let group = pace.due(now);
    pace.begun(Lane::Small, &group, &sizes);
    let began = now;
    now += Duration::from_millis(100);
    // Found again, with one more mark, before it is done.
    pace.waits(vec![(project(1), 2)], now);
    assert!(pace.due(now).is_empty(), "it is under way");
    assert_eq!(pace.computed(Lane::Small, &group, began, now), [Duration::from_millis(2_100)]);
    assert_eq!(pace.waiting(), 0);
    pace.waits(vec![(project(1), 2)], now);
    now += Duration::from_secs(1);
    assert_eq!(pace.due(now), [(project(1), 2)]);
}

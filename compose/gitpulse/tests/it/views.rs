//! What the views make of facts: repeated reports are one thing, repeated things are several. In: INSERTs. Out: rows of the analysts' names.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use schemas::view::VIEWS;

use crate::deployment::Deployment;

/// Unix seconds at the beginning of every test.
const START: i64 = 1_700_000_000;

/// An observation: seconds since the start, action, actor, whether it is a reset, and the tenant that reported it.
type Seen = (i64, &'static str, u64, bool, &'static str);
/// A row of the view: seconds since the start, action, actor, whether it is a reset, and who reported it.
type Shown = (i64, String, u64, bool, String);

async fn insert(deployment: &Deployment, table: &str, rows: &[String]) {
    let statement = format!("INSERT INTO {table} VALUES {}", rows.join(", "));
    deployment.client.query(&statement).execute().await.unwrap();
}

/// Inserts observations of merge requests, one row each.
async fn observe(deployment: &Deployment, seen: &[(u64, Seen)]) {
    let row = |(iid, (at, action, actor, reset, tenant)): &(u64, Seen)| {
        let time = START + at;
        let once = matches!(*action, "opened" | "merged");
        let (key, second) = if once { (String::new(), 0) } else { (actor.to_string(), time) };
        let reset = if *reset { "'approvals_reset_on_push'" } else { "NULL" };
        format!(
            "('i', 1, {iid}, '{action}', '{key}', {second}, '', (1, 0, 0, toDateTime64({time}, 3, 'UTC')), \
             (1, 0, 0, {actor}), (1, 0, 0, 'user{actor}'), {reset}, ['{tenant}'], ['webhook'], toDateTime64({time}, 3, 'UTC'))"
        )
    };
    let rows: Vec<String> = seen.iter().map(row).collect();
    insert(deployment, "merge_request_event_facts", &rows).await;
}

/// What the view shows of one merge request.
async fn shown(deployment: &Deployment, iid: u64) -> Vec<Shown> {
    let query = format!(
        "SELECT toInt64(toUnixTimestamp(assumeNotNull(occurred_at))) - {START}, toString(action), \
         assumeNotNull(actor_id), toBool(system_action IS NOT NULL), arrayStringConcat(tenants, ' ') \
         FROM merge_request_events WHERE merge_request_iid = {iid} ORDER BY occurred_at, action, actor_id"
    );
    deployment.client.query(&query).fetch_all().await.unwrap()
}

/// Observes one merge request on a deployment of its own, each observation twice and in reverse order.
async fn view_of(seen: &[Seen]) -> Vec<Shown> {
    let deployment = Deployment::new("views");
    let mut rows: Vec<_> = seen.iter().map(|seen| (7, *seen)).collect();
    observe(&deployment, &rows).await;
    rows.reverse();
    observe(&deployment, &rows).await;
    shown(&deployment, 7).await
}

fn row(at: i64, action: &str, actor: u64, reset: bool, tenants: &str) -> Shown {
    (at, action.to_owned(), actor, reset, tenants.to_owned())
}

/// The simplest form of the law: whether `other` is opposite to two observations of one action.
fn opposite(other: &Seen, before: &Seen, after: &Seen) -> bool {
    let own = other.2 == after.2;
    match after.1 {
        "approved" => other.3 || (other.1 == "unapproved" && own),
        "unapproved" => other.1 == "approved" && (own || before.3 || after.3),
        "closed" => other.1 == "reopened",
        "reopened" => other.1 == "closed",
        _ => false,
    }
}

/// The same as the view, by comparing each observation with all.
fn model(seen: &[Seen]) -> Vec<Shown> {
    // One observation per key: a reset stays marked, tenants are united.
    let mut keys: BTreeMap<(&'static str, u64, i64), (bool, BTreeSet<&str>)> = BTreeMap::new();
    for (at, action, actor, reset, tenant) in seen {
        let (marked, tenants) = keys.entry((action, *actor, *at)).or_default();
        *marked |= reset;
        tenants.insert(tenant);
    }
    let mut rows: Vec<(Seen, BTreeSet<&str>)> = Vec::new();
    let mut before: Option<Seen> = None;
    let one = |(key, value): (&(_, _, _), &(bool, _))| (key.2, key.0, key.1, value.0, "");
    let all: Vec<Seen> = keys.iter().map(one).collect();
    for (one, (_, tenants)) in all.iter().zip(keys.into_values()) {
        let goes_on = before.is_some_and(|before| {
            let between = |other: &Seen| before.0 <= other.0 && other.0 <= one.0;
            (before.1, before.2) == (one.1, one.2)
                && one.0 - before.0 <= 5
                && !all.iter().any(|other| between(other) && opposite(other, &before, one))
        });
        if goes_on {
            let last = rows.last_mut().unwrap();
            last.0.3 |= one.3;
            last.1.extend(tenants);
        } else {
            rows.push((*one, tenants));
        }
        before = Some(*one);
    }
    let joined = |tenants: &BTreeSet<&str>| Vec::from_iter(tenants.iter().copied()).join(" ");
    let shown = |(one, tenants): &(Seen, _)| row(one.0, one.1, one.2, one.3, &joined(tenants));
    let mut rows: Vec<Shown> = rows.iter().map(shown).collect();
    rows.sort();
    rows
}

/// Inserts deliveries of pushes: project, ref, whether forward (A→B) or back, number of the event, milliseconds since the start.
async fn push(deployment: &Deployment, deliveries: &[(u64, bool, u64, i64)]) {
    let row = |(project, forward, event, at): &(u64, bool, u64, i64)| {
        let (before, after) = if *forward { ("a", "b") } else { ("b", "a") };
        let time = START * 1000 + at;
        format!(
            "('i', {project}, 'refs/heads/main', '{before}', '{after}', '00000000-0000-0000-0000-{event:012}', \
             fromUnixTimestamp64Milli({time}, 'UTC'), fromUnixTimestamp64Milli({time}, 'UTC'))"
        )
    };
    let rows: Vec<String> = deliveries.iter().map(row).collect();
    let columns = "instance, project_id, ref, before, after, event_id, pushed_at, received_at";
    insert(deployment, &format!("push_facts ({columns})"), &rows).await;
}

/// Milliseconds since the start of the pushes of a project that went forward, or back.
async fn pushed(deployment: &Deployment, project: u64, forward: bool) -> Vec<i64> {
    let before = if forward { "a" } else { "b" };
    let query = format!(
        "SELECT toUnixTimestamp64Milli(pushed_at) - {START} * 1000 FROM pushes \
         WHERE project_id = {project} AND before = '{before}' ORDER BY pushed_at"
    );
    deployment.client.query(&query).fetch_all().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_of_a_push_less_than_ten_minutes_apart_are_one() {
    let deployment = Deployment::new("pushes");
    // Project 1: just less than ten minutes. 2: ten minutes. 3: a chain longer than ten minutes. 4: two hooks in one millisecond.
    let mut deliveries = vec![(1, true, 1, 0), (1, true, 2, 599_999), (2, true, 3, 0), (2, true, 4, 600_000)];
    deliveries.extend((0_u8..4).map(|step| (3, true, 5 + u64::from(step), 500_000 * i64::from(step))));
    deliveries.extend([(4, true, 9, 0), (4, true, 10, 0), (4, true, 11, 600_000), (4, true, 12, 600_000)]);
    // Project 5: forward, forced back, forward again: within ten minutes. 6: later than that.
    deliveries.extend([(5, true, 13, 0), (5, false, 14, 1_000), (5, true, 15, 2_000)]);
    deliveries.extend([(6, true, 16, 0), (6, false, 17, 300_000), (6, true, 18, 600_001)]);
    for _ in 0..3 {
        deliveries.shuffle(&mut rand::rng());
        push(&deployment, &deliveries).await;
    }
    let forward: [&[i64]; 6] = [&[0], &[0, 600_000], &[0], &[0, 600_000], &[0], &[0, 600_001]];
    for (project, expected) in (1..).zip(forward) {
        assert_eq!(pushed(&deployment, project, true).await, expected, "project {project}");
    }
    assert_eq!(pushed(&deployment, 5, false).await, [1_000]);
    assert_eq!(pushed(&deployment, 6, false).await, [300_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_and_a_switch_name_the_tenants_that_told_of_them_within_ten_minutes() {
    let deployment = Deployment::new("told_by");
    let told = [("acme", 0), ("other", 300), ("late", 901)].map(|(tenant, at)| {
        format!("('i', 1, 'x', generateUUIDv4(), '{tenant}', toDateTime64({}, 3, 'UTC'))", START + at)
    });
    insert(&deployment, "push_facts (instance, project_id, ref, event_id, tenant, pushed_at)", &told).await;
    let columns = "instance, project_id, flag, event_id, tenant, received_at";
    insert(&deployment, &format!("feature_flag_event_facts ({columns})"), &told).await;
    for (view, time) in [("pushes", "pushed_at"), ("feature_flag_events", "received_at")] {
        let query = format!("SELECT arrayStringConcat(tenants, ' ') FROM {view} ORDER BY {time}");
        let tenants = deployment.client.query(&query).fetch_all::<String>().await.unwrap();
        assert_eq!(tenants, ["acme other", "late"], "{view}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_two_hooks_tell_of_within_five_seconds_is_one() {
    let seen = [0, 5, 11].map(|at| (at, "approved", 1, false, if at == 0 { "b" } else { "a" }));
    let expected = [row(0, "approved", 1, false, "a b"), row(11, "approved", 1, false, "a")];
    assert_eq!(view_of(&seen).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_ones_own_unapproval_makes_an_approval_a_new_one() {
    let (first, again) = ((0, "approved", 1, false, "a"), (4, "approved", 1, false, "a"));
    assert_eq!(view_of(&[first, (2, "unapproved", 1, false, "a"), again]).await.len(), 3);
    assert_eq!(view_of(&[first, (4, "unapproved", 1, false, "a"), again]).await.len(), 3, "a tie is between");
    assert_eq!(view_of(&[first, (2, "unapproved", 2, false, "a"), again]).await.len(), 2);
    assert_eq!(view_of(&[first, (2, "unapproved", 2, true, "a"), again]).await.len(), 3, "a reset");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_marked_whichever_observation_says_so() {
    for (first, second) in [(false, true), (true, false)] {
        let rows = view_of(&[(0, "unapproved", 1, first, "a"), (2, "unapproved", 1, second, "b")]).await;
        assert_eq!(rows, [row(0, "unapproved", 1, true, "a b")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_after_another_persons_approval_is_a_second_reset() {
    let (first, again) = ((0, "unapproved", 1, true, "a"), (4, "unapproved", 1, true, "a"));
    assert_eq!(view_of(&[first, again]).await.len(), 1);
    assert_eq!(view_of(&[first, (2, "approved", 2, false, "a"), again]).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_after_anybody_reopened_is_closing_again() {
    for (action, opposite) in [("closed", "reopened"), ("reopened", "closed")] {
        let (first, again) = ((0, action, 1, false, "a"), (4, action, 1, false, "a"));
        assert_eq!(view_of(&[first, again]).await.len(), 1);
        assert_eq!(view_of(&[first, (2, opposite, 2, false, "a"), again]).await.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_request_is_opened_and_merged_once() {
    let seen = [(0, "opened", 1, false, "a"), (90, "opened", 1, false, "b"), (95, "merged", 2, false, "a")];
    let rows = view_of(&[seen.as_slice(), &[(500, "merged", 2, false, "b")]].concat()).await;
    assert_eq!(rows, [row(90, "opened", 1, false, "a b"), row(500, "merged", 2, false, "a b")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_are_shown_as_the_law_says() {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let deployment = Deployment::new("random");
    let (mut seen, mut deliveries) = (Vec::new(), Vec::new());
    for id in 1..=200 {
        for event in 1..=random.random_range(1..12) {
            let actions =
                ["approved", "unapproved", "approved", "unapproved", "closed", "reopened", "updated"];
            let action = actions[random.random_range(0..actions.len())];
            let reset = action == "unapproved" && random.random_bool(0.3);
            let tenant = ["a", "b", "c"][random.random_range(0..3)];
            seen.push((id, (random.random_range(0..18), action, random.random_range(1..3), reset, tenant)));
            let at = random.random_range(0..5) * 300_000 + random.random_range(-1..=1);
            deliveries.push((id, random.random_bool(0.7), event, at));
        }
    }
    for _ in 0..2 {
        seen.shuffle(&mut random);
        observe(&deployment, &seen).await;
        deliveries.shuffle(&mut random);
        push(&deployment, &deliveries).await;
    }
    for id in 1..=200 {
        let own: Vec<Seen> = seen.iter().filter(|(iid, _)| *iid == id).map(|(_, seen)| *seen).collect();
        assert_eq!(shown(&deployment, id).await, model(&own), "seed {seed}, merge request {id}: {own:?}");
        for forward in [true, false] {
            let own = deliveries.iter().filter(|delivery| delivery.0 == id && delivery.1 == forward);
            let mut times: Vec<i64> = own.map(|delivery| delivery.3).collect();
            times.sort_unstable();
            let starts = |index: &usize| *index == 0 || times[*index] - times[*index - 1] >= 600_000;
            let expected: Vec<i64> = (0..times.len()).filter(starts).map(|index| times[index]).collect();
            assert_eq!(
                pushed(&deployment, id, forward).await,
                expected,
                "seed {seed}, project {id}, {forward}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_knows_nothing_but_its_key_can_be_read() {
    let deployment = Deployment::new("empty");
    let tables = "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%\\_facts' AND name NOT LIKE 'event\\_%'";
    let tables: Vec<String> = deployment.client.query(tables).fetch_all().await.unwrap();
    assert!(tables.len() > 20, "{tables:?}");
    for table in
        tables.iter().filter(|table| !matches!(table.as_str(), "dead_letter_facts" | "audit_log_facts"))
    {
        insert(&deployment, &format!("{table} (instance)"), &["('i')".to_owned()]).await;
    }
    // A lookup for the row without a name must not find this one.
    insert(&deployment, "issue_facts (instance, confidential)", &["('i', (1, 0, 0, true))".to_owned()]).await;
    let views = VIEWS.iter().map(|view| view.name);
    for view in views.filter(|view| !matches!(*view, "events" | "dead_letters" | "audit_log")) {
        let query = format!("SELECT * FROM {view}");
        let mut rows = deployment.client.query(&query).fetch_bytes("JSONEachRow").unwrap();
        let rows = String::from_utf8(
            rows.collect().await.unwrap_or_else(|error| panic!("{view}: {error}")).to_vec(),
        )
        .unwrap();
        // The row names no ref, its lists are empty, and it has no time.
        let lists = [
            "branches",
            "tags",
            "merge_request_commits",
            "deployment_merge_requests",
            "merge_request_places",
            "sha_places",
            "merge_request_timeline",
        ];
        assert!(rows.lines().count() == 1 || lists.contains(&view), "{view}: {rows}");
    }
}

/// An index over a part of a tuple has the value of the row that came first in an INSERT (`findings/skip-index-before-merge.sh`).
///
/// Guards against the former indexes of time.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_found_by_the_time_of_its_newest_telling() {
    let deployment = Deployment::new("newest");
    let time = |at: &str| format!("({}, 0, 0, {at})", if at == "NULL" { 1 } else { 2 });
    let rows = ["NULL", "toDateTime64('2026-03-02 10:00:00', 3, 'UTC')"]
        .map(|at| format!("('i', 1, 7, {})", time(at)));
    for (table, column, view) in [
        ("merge_request_facts (instance, project_id, iid, merged_at)", "merged_at", "merge_requests"),
        ("pipeline_facts (instance, project_id, id, finished_at)", "finished_at", "pipelines"),
        ("deployment_facts (instance, project_id, id, finished_at)", "finished_at", "deployments"),
        ("issue_facts (instance, project_id, id, closed_at)", "closed_at", "issues"),
    ] {
        insert(&deployment, table, &rows).await;
        let found = format!("SELECT count() FROM {view} WHERE {column} > '2026-01-01'");
        assert_eq!(deployment.value::<u64>(&found).await, 1, "{view}.{column}");
    }
    let indexes = "SELECT count() FROM system.data_skipping_indices WHERE database = currentDatabase() AND expr LIKE '%tupleElement%'";
    assert_eq!(deployment.value::<u64>(indexes).await, 0);
}

//! Things that are deleted, moved, imported, or written all at once.

use super::walks::walk_by_update;
use super::*;
use crate::gitlab::{Noteable, Place};

const DAY: Millis = 86_400_000;

#[test]
fn more_rows_of_one_moment_than_a_page_holds_are_walked_within_it() {
    let config = WorldConfig { merge_requests: 130, issues: 130, ..WorldConfig::new(7, 2, 14) };
    let (world, api) = api_of(config, |_| ());
    let sizes = world.sizes_at(0, world.config().ends_at());
    for (list, expected) in
        [("merge_requests?state=all", sizes.merge_requests), ("issues?state=all", sizes.issues)]
    {
        let list = format!("{list}&order_by=updated_at&sort=asc&per_page=100");
        let (seen, deepest) = walk_by_update(&api, world.project(0).id, &list);
        assert_eq!(seen.len() as u64, expected, "{list}");
        assert!(deepest >= 2, "{list}: {deepest}");
    }
}

#[test]
fn what_is_deleted_is_in_no_list_from_then_on_and_leaves_a_gap() {
    let (world, api) = api(|_| ());
    // The second project deletes in its first sprint.
    let (project, config) = (world.project(1), world.config());
    let sprint = world.sprint(1, 0);
    let request =
        sprint.merge_requests.iter().position(|request| request.deleted_at.is_some()).unwrap() as u32;
    let issue = sprint.issues.iter().position(|issue| issue.deleted_at.is_some()).unwrap() as u32;
    let pipeline = sprint.pipelines.iter().position(|pipeline| pipeline.deleted_at.is_some()).unwrap() as u32;
    let (request_iid, issue_iid) =
        (world.merge_request_iid(&sprint, request), world.issue_iid(&sprint, issue));
    let pipeline_id = world.id_in(&sprint, pipeline);
    let paths = [
        format!("merge_requests/{request_iid}"),
        format!("merge_requests/{request_iid}/notes"),
        format!("issues/{issue_iid}"),
        format!("pipelines/{pipeline_id}"),
    ];
    let lists = [
        "merge_requests?state=all&per_page=100",
        "issues?state=all&per_page=100",
        "pipelines?per_page=100",
        "jobs?per_page=100&pagination=keyset&order_by=id&sort=desc",
        "events?per_page=100",
        "events?target_type=note&per_page=100",
    ];
    let state = |at: Millis| {
        api.options().clock.set(at);
        let statuses: Vec<u16> = (paths.iter())
            .map(|path| get(&api, &format!("/api/v4/projects/{}/{path}", project.id)).status)
            .collect();
        let rows = lists.map(|list| walk(&api, &format!("/api/v4/projects/{}/{list}", project.id)).0);
        (statuses, rows)
    };
    let (statuses, before) = state(config.began_at + 9 * DAY - 1);
    assert_eq!(statuses, [200; 4]);
    let (statuses, after) = state(config.began_at + 14 * DAY - 1);
    assert_eq!(statuses, [404; 4]);
    let ids =
        |rows: &[Vec<Value>; 6], list: usize| -> BTreeSet<u64> { ids(&rows[list]).into_iter().collect() };
    for (list, path) in lists.iter().enumerate() {
        let gone: Vec<u64> = ids(&before, list).difference(&ids(&after, list)).copied().collect();
        assert!(!gone.is_empty(), "{path}");
    }
    assert!(!ids(&after, 0).contains(&world.id_in(&sprint, request)));
    assert!(!ids(&after, 2).contains(&pipeline_id));
    assert!(after[3].iter().all(|job| job["pipeline"]["id"] != pipeline_id));
    // Its number is never reused.
    let numbers: Vec<u64> = after[0].iter().map(|row| row["iid"].as_u64().unwrap()).collect();
    assert!(!numbers.contains(&request_iid) && numbers.iter().max() > Some(&request_iid));
    // The tables show the same, and mark what is gone.
    let truth = |table: &str| {
        let now = config.began_at + 14 * DAY - 1;
        world.truth_of(&project, now).filter(|row| row.table == table).count()
    };
    assert_eq!(truth("merge_requests"), after[0].len());
    assert_eq!(
        truth("jobs") as u64,
        world.sizes_at(1, config.began_at + 14 * DAY - 1).jobs + triggers(&world, 1)
    );
    let gone: Vec<_> = world.deleted(&project, config.began_at + 14 * DAY - 1).collect();
    for table in ["merge_requests", "issues", "notes", "pipelines", "jobs"] {
        assert!(gone.iter().any(|row| row.table == table), "{table}");
    }
}

fn triggers(world: &World, project: u32) -> u64 {
    world.sizes_at(project, world.config().began_at + 14 * DAY - 1).triggers
}

#[test]
fn a_project_shows_when_something_last_happened_in_it() {
    let (world, api) = api(|_| ());
    let (project, config) = (world.project(0), world.config());
    let shown = |at: Millis| {
        api.options().clock.set(at);
        let text = get(&api, &format!("/api/v4/projects/{}", project.id)).value();
        crate::gitlab::text::read_time(text["last_activity_at"].as_str().unwrap()).unwrap()
    };
    let activities: Vec<Millis> = world.sprint(0, 0).activities.iter().map(|activity| activity.at).collect();
    let mut moved = BTreeSet::new();
    for at in &activities {
        let last = shown(*at);
        assert!(last <= *at && *at - last < 3_600_000, "{last} at {at}");
        moved.insert(last);
    }
    let moved: Vec<Millis> = moved.into_iter().collect();
    assert!(moved.windows(2).all(|pair| pair[1] - pair[0] >= 3_600_000));
    assert!(moved.len() < activities.len());
    // A pipeline at night does not count as activity.
    let nightly = world
        .sprint(0, 1)
        .pipelines
        .iter()
        .find(|pipeline| pipeline.source == "schedule")
        .unwrap()
        .created_at;
    assert!(shown(nightly + 60_000) < nightly - 3_600_000);
    assert_eq!(shown(config.began_at), project.created_at(config));
    let list = |after: Millis| {
        api.options().clock.set(nightly + 60_000);
        let after = crate::gitlab::text::time(after);
        walk(&api, &format!("/api/v4/projects?last_activity_after={after}&per_page=100")).0.len()
    };
    assert!(list(nightly - 20 * 3_600_000) > 0 && list(nightly + 60_000) == 0);
}

#[test]
fn a_project_is_renamed_and_moved_at_its_time() {
    let (world, api) = api(|_| ());
    let (renamed, config) = (special(&world, Special::Renamed), world.config());
    let moved_at = Project::moved_at(config);
    let seen = |at: Millis| {
        api.options().clock.set(at);
        let row = get(&api, &format!("/api/v4/projects/{}", renamed.id)).value();
        let direct = walk(&api, "/api/v4/groups/1/projects?with_shared=false").0;
        let is_direct = ids(&direct).contains(&renamed.id);
        (row["path_with_namespace"].clone(), row["namespace"]["id"].clone(), is_direct)
    };
    assert_eq!(seen(moved_at - 1), (json!(format!("factory/former-{}", renamed.index)), json!(1), true));
    let (path, namespace, is_direct) = seen(moved_at);
    assert_eq!(path, renamed.path(config));
    assert!(namespace != json!(1) && !is_direct);
    let marked = special(&world, Special::DeletionScheduled);
    let seen = |at: Millis| {
        api.options().clock.set(at);
        let row = get(&api, &format!("/api/v4/projects/{}", marked.id)).value();
        (
            row["path"].as_str().unwrap().contains("-deletion_scheduled-"),
            row["marked_for_deletion_at"].is_null(),
        )
    };
    let marked_at = Project::marked_at(config);
    assert_eq!((seen(marked_at - 1), seen(marked_at)), ((false, true), (true, false)));
}

#[test]
fn what_was_imported_happened_before_its_neighbours() {
    let (world, api) = api(|_| ());
    let imported = special(&world, Special::Imported);
    let (rows, _) = walk(&api, &format!("/api/v4/projects/{}/issues?state=all&per_page=100", imported.id));
    let created = rows.iter().rev().map(|row| row["created_at"].as_str().unwrap());
    assert!(!created.is_sorted());
    assert!(rows.iter().any(|row| row["imported"] == true && row["author"]["username"] == "import_user_1"));
    // Its events are listed by the days on which they happened.
    let old = walk(
        &api,
        &format!(
            "/api/v4/projects/{}/events?target_type=merge_request&before=2025-10-01&per_page=100",
            imported.id
        ),
    );
    assert!(!old.0.is_empty() && old.0.iter().all(|row| row["imported"] == true));
}

#[test]
fn milestones_of_the_group_are_listed_there_and_by_its_projects_where_asked() {
    let (world, api) = api(|_| ());
    let (of_group, _) = walk(&api, "/api/v4/groups/1/milestones");
    assert!(!of_group.is_empty() && of_group.iter().all(|row| row["group_id"] == 1));
    let list =
        |query: &str| walk(&api, &format!("/api/v4/projects/{}/milestones{query}", world.project(0).id)).0;
    assert_eq!(list("?include_ancestors=true").len(), list("").len() + of_group.len());
    let of_project = ids(&list(""));
    assert!(ids(&of_group).iter().all(|id| !of_project.contains(id)));
    let truth = world.truth_of_groups(world.config().ends_at());
    assert_eq!(truth.iter().filter(|row| row.table == "milestones").count(), of_group.len());
}

#[test]
fn a_comment_that_was_deleted_is_counted_no_more() {
    let (world, api) = api(|_| ());
    let sprint = world.sprint(0, 0);
    let (note, _) = (sprint.notes.iter().zip(0..))
        .find(|(note, _)| note.deleted_at.is_some() && matches!(note.on, Noteable::MergeRequest(_)))
        .unwrap();
    let Noteable::MergeRequest(number) = note.on else {
        panic!("on a merge request");
    };
    let place = Place { project: 0, sprint: 0, number };
    let address = format!(
        "/api/v4/projects/{}/merge_requests/{}",
        world.project(0).id,
        world.merge_request_iid(&sprint, place.number)
    );
    let count = |at: Millis| {
        api.options().clock.set(at);
        get(&api, &address).value()["user_notes_count"].as_u64().unwrap()
    };
    let deleted_at = note.deleted_at.unwrap();
    assert_eq!(count(deleted_at), count(deleted_at - 1) - 1);
}

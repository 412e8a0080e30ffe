mod webhooks;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::version::Version;

fn world(seed: u64) -> World {
    World::new(WorldConfig::new(seed, 9, 28))
}

/// Everything of a world as text, as far as its sprints contain it.
fn written(world: &World) -> String {
    let mut text = String::new();
    for project in 0..world.projects() {
        for sprint in 0..world.config().sprints() {
            text.push_str(&format!("{:?}\n", world.sprint(project, sprint)));
        }
    }
    text
}

#[test]
fn the_same_seed_makes_the_same_world_and_another_another() {
    assert_eq!(written(&world(7)), written(&world(7)));
    assert_ne!(written(&world(7)), written(&world(8)));
}

#[test]
fn a_sprint_is_the_same_whatever_was_asked_before() {
    let (one, other) = (world(7), world(7));
    for sprint in (0..one.config().sprints()).rev() {
        one.sprint(3, sprint);
    }
    assert_eq!(format!("{:?}", one.sprint(3, 1)), format!("{:?}", other.sprint(3, 1)));
}

#[test]
fn what_begins_in_a_sprint_ends_in_it() {
    let world = world(7);
    for project in 0..world.projects() {
        for number in 0..world.config().sprints() {
            let (sprint, config) = (world.sprint(project, number), world.config());
            let span = config.starts_at(number)..config.starts_at(number + 1);
            let inside =
                |at: Millis| assert!(span.contains(&at), "{at} in sprint {number} of project {project}");
            sprint.merge_requests.iter().flat_map(|request| &request.steps).for_each(|step| inside(step.at));
            sprint.issues.iter().flat_map(|issue| &issue.steps).for_each(|step| inside(step.at));
            sprint.pipelines.iter().flat_map(|pipeline| &pipeline.steps).for_each(|(at, _)| inside(*at));
            sprint.jobs.iter().filter_map(|job| job.finished_at).for_each(inside);
            sprint.deployments.iter().for_each(|deployment| inside(deployment.finished_at));
            sprint.activities.iter().for_each(|activity| inside(activity.at));
            sprint.notes.iter().filter_map(|note| note.deleted_at).for_each(inside);
            sprint.merge_requests.iter().filter_map(|request| request.deleted_at).for_each(inside);
            sprint.issues.iter().filter_map(|issue| issue.deleted_at).for_each(inside);
            sprint.pipelines.iter().filter_map(|pipeline| pipeline.deleted_at).for_each(inside);
            for note in sprint.notes.iter().filter(|note| note.deleted_at.is_some()) {
                assert!(note.deleted_at > Some(note.at), "{note:?}");
            }
        }
    }
}

#[test]
fn ids_follow_time() {
    let world = world(7);
    let sprint = world.sprint(0, 1);
    let is_ascending = |times: Vec<Millis>| assert!(times.is_sorted(), "{times:?}");
    is_ascending(sprint.pipelines.iter().map(|pipeline| pipeline.created_at).collect());
    is_ascending(sprint.jobs.iter().map(|job| job.created_at).collect());
    is_ascending(sprint.deployments.iter().map(|deployment| deployment.created_at).collect());
    is_ascending(sprint.merge_requests.iter().map(MergeRequest::opened_at).collect());
    is_ascending(sprint.pushes.iter().map(|push| push.at).collect());
    for request in &sprint.merge_requests {
        is_ascending(request.steps.iter().map(|step| step.at).collect());
    }
    for pipeline in &sprint.pipelines {
        is_ascending(pipeline.steps.iter().map(|(at, _)| *at).collect());
    }
    assert!(world.id_in(&world.sprint(0, 0), 500) < world.id_in(&sprint, 0));
    let place = Place { project: 5, sprint: 1, number: 77 };
    assert_eq!(world.place(world.id(place)), Some(place));
}

#[test]
fn numbers_within_a_project_have_no_gap_but_for_what_was_deleted() {
    let world = world(7);
    let now = world.config().ends_at();
    let sizes = world.sizes_at(0, now);
    let mut seen = Vec::new();
    for number in 0..world.config().sprints() {
        let sprint = world.sprint(0, number);
        seen.extend((0..sprint.pipelines.len() as u32).map(|pipeline| world.pipeline_iid(&sprint, pipeline)));
    }
    assert_eq!(seen, (1..=sizes.made.pipelines).collect::<Vec<u64>>());
    let made = sizes.made.merge_requests;
    let place = world.numbered(0, made, now, |sizes| sizes.made.merge_requests).unwrap();
    assert_eq!(world.merge_request_iid(&world.sprint(0, place.sprint), place.number), made);
    assert_eq!(world.numbered(0, made + 1, now, |sizes| sizes.made.merge_requests), None);
}

#[test]
fn every_parent_is_a_commit_of_the_project() {
    let world = world(7);
    for project in 0..world.projects() {
        let mut known: BTreeSet<Sha> = BTreeSet::new();
        for number in 0..world.config().sprints() {
            let sprint = world.sprint(project, number);
            known.extend(sprint.commits.iter().map(|commit| commit.sha));
            for commit in &sprint.commits {
                assert!(commit.parents.iter().all(|parent| known.contains(parent)), "{commit:?}");
            }
        }
    }
}

#[test]
fn pushes_of_a_ref_are_a_chain() {
    let world = world(7);
    for project in 0..world.projects() {
        let mut heads: BTreeMap<String, Sha> = BTreeMap::new();
        for number in 0..world.config().sprints() {
            let sprint = world.sprint(project, number);
            for push in &sprint.pushes {
                let name = push.to.name(&sprint);
                let head = heads.insert(name.clone(), push.after).unwrap_or(Sha::NOWHERE);
                assert_eq!(head, push.before, "{name}");
            }
        }
    }
}

#[test]
fn merges_land_as_the_project_merges() {
    let world = world(7);
    for project in 0..4 {
        let method = world.project(project).merge_method;
        let sprint = world.sprint(project, 1);
        let mut merged = 0;
        // A promotion is always merged by a merge commit.
        for request in sprint.merge_requests.iter().filter(|request| !request.story.promotes()) {
            let Some(What::Merged { merge_commit, squash_commit, landing }) =
                request.steps.last().map(|step| step.what.clone())
            else {
                continue;
            };
            merged += 1;
            assert_eq!(merge_commit.is_some(), method != MergeMethod::FastForward);
            assert_eq!(squash_commit.is_some(), method == MergeMethod::Squash);
            let state = request.at(Millis::MAX).unwrap();
            assert_eq!(landing, merge_commit.unwrap_or(state.head));
        }
        assert!(merged > 8, "{merged} of project {project}");
    }
}

#[test]
fn the_hard_cases_are_there() {
    let world = world(7);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut count = |case: &'static str, times: usize| *seen.entry(case).or_default() += times;
    for project in 0..world.projects() {
        for number in 0..world.config().sprints() {
            let sprint = world.sprint(project, number);
            let steps = || sprint.merge_requests.iter().flat_map(|request| &request.steps);
            count(
                "rewritten branch",
                steps().filter(|step| matches!(step.what, What::Pushed { rewritten: true, .. })).count(),
            );
            count("approvals reset", steps().filter(|step| step.what == What::ApprovalsReset).count());
            count("unapproved", steps().filter(|step| step.what == What::Unapproved).count());
            count("retargeted", steps().filter(|step| step.what == What::Retargeted).count());
            count("reopened", steps().filter(|step| step.what == What::Reopened).count());
            count(
                "approval without a note",
                steps().filter(|step| step.what == What::Approved(Noted::Never)).count(),
            );
            count(
                "fork",
                sprint.merge_requests.iter().filter(|request| request.story == Story::OfFork).count(),
            );
            count(
                "revert",
                sprint.commits.iter().filter(|commit| commit.message.contains("This reverts")).count(),
            );
            count(
                "cherry-pick",
                sprint.commits.iter().filter(|commit| commit.message.contains("cherry picked")).count(),
            );
            count(
                "clock behind",
                sprint
                    .commits
                    .iter()
                    .filter(|commit| commit.committed_at + 20 * DAY < commit.pushed_at)
                    .count(),
            );
            count("retried job", sprint.jobs.iter().filter(|job| job.retried_at.is_some()).count());
            count(
                "manual job never played",
                sprint.jobs.iter().filter(|job| job.manual && job.queued_at.is_none()).count(),
            );
            count("skipped job", sprint.jobs.iter().filter(|job| job.ends == Status::Skipped).count());
            count(
                "canceled",
                sprint
                    .pipelines
                    .iter()
                    .filter(|pipeline| {
                        pipeline.at(Millis::MAX).is_some_and(|state| state.status == Status::Canceled)
                    })
                    .count(),
            );
            count(
                "pipeline without jobs",
                sprint.pipelines.iter().filter(|pipeline| pipeline.jobs.is_empty()).count(),
            );
            count(
                "child pipeline",
                sprint.pipelines.iter().filter(|pipeline| pipeline.parent.is_some()).count(),
            );
            count(
                "failed deployment",
                sprint.deployments.iter().filter(|deployment| deployment.ends == Status::Failed).count(),
            );
            count(
                "blocked deployment",
                sprint.deployments.iter().filter(|deployment| deployment.approved.is_some()).count(),
            );
            count(
                "second production",
                sprint.deployments.iter().filter(|deployment| deployment.environment == OVERSEAS).count(),
            );
            count("rollback", sprint.met.get("2").map_or(0, |times| *times as usize));
            count(
                "deployment that brings several",
                sprint.deployments.iter().filter(|deployment| deployment.merge_requests.len() > 1).count(),
            );
            count(
                "push of many refs",
                sprint
                    .activities
                    .iter()
                    .filter(|activity| matches!(activity.what, Happened::PushedMany(_)))
                    .count(),
            );
            count("confidential issue", sprint.issues.iter().filter(|issue| issue.confidential).count());
            count("incident", sprint.issues.iter().filter(|issue| issue.is_incident).count());
            count("moved issue", sprint.issues.iter().filter(|issue| issue.moved_from.is_some()).count());
            count("internal note", sprint.notes.iter().filter(|note| note.internal).count());
            count("deleted note", sprint.notes.iter().filter(|note| note.deleted_at.is_some()).count());
            count(
                "deleted merge request",
                sprint.merge_requests.iter().filter(|request| request.deleted_at.is_some()).count(),
            );
            count("deleted issue", sprint.issues.iter().filter(|issue| issue.deleted_at.is_some()).count());
            count(
                "deleted pipeline",
                sprint.pipelines.iter().filter(|pipeline| pipeline.deleted_at.is_some()).count(),
            );
            count(
                "imported merge request",
                sprint.merge_requests.iter().filter(|request| request.imported_before > 0).count(),
            );
            count("imported issue", sprint.issues.iter().filter(|issue| issue.imported_before > 0).count());
            count("touched", steps().filter(|step| step.what == What::Touched).count());
        }
    }
    let missing: Vec<&&str> = seen.iter().filter(|(_, times)| **times == 0).map(|(case, _)| case).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_parent_has_two_trigger_jobs_and_two_children() {
    let world = world(7);
    let sprint = world.sprint(0, 0);
    let parents: BTreeSet<u32> = sprint.pipelines.iter().filter_map(|pipeline| pipeline.parent).collect();
    assert!(!parents.is_empty());
    for parent in parents {
        let jobs = &sprint.pipelines[parent as usize].jobs;
        assert!(jobs.iter().all(|job| sprint.jobs[*job as usize].is_trigger()));
        let children = sprint.pipelines.iter().filter(|pipeline| pipeline.parent == Some(parent)).count();
        assert_eq!((jobs.len(), children), (2, 2));
        assert!(sprint.pipelines[parent as usize].at(Millis::MAX).unwrap().status.is_over());
    }
}

#[test]
fn no_merge_request_is_linked_to_two_deployments_of_an_environment() {
    let world = world(7);
    let sprint = world.sprint(0, 0);
    let mut linked = BTreeSet::new();
    for deployment in &sprint.deployments {
        for request in &deployment.merge_requests {
            assert!(linked.insert((deployment.environment, *request)), "{deployment:?}");
        }
    }
    assert!(linked.iter().any(|(environment, _)| *environment == PRODUCTION));
}

#[test]
fn a_moved_issue_goes_on_in_the_next_project() {
    let world = world(7);
    let sprint = world.sprint(2, 0);
    let moved =
        sprint.issues.iter().filter_map(|issue| issue.at(Millis::MAX)).find(|state| state.is_moved).unwrap();
    let place = world.place(moved_to(&world, &sprint).unwrap()).unwrap();
    assert_eq!(place.project, 3);
    let arrived = &world.sprint(3, 0).issues[place.number as usize];
    assert_eq!(arrived.at(Millis::MAX).unwrap().created_at, moved.created_at);
    assert!(arrived.opened_at() > moved.created_at);
}

#[test]
fn few_sprints_are_held_however_many_are_asked_for() {
    let world = World::new(WorldConfig::new(7, 20, 140));
    for project in 0..world.projects() {
        for sprint in 0..world.config().sprints() {
            world.sprint(project, sprint);
        }
    }
    let (held, made) = world.held();
    assert!(held <= 48 && made == 210, "{held} of {made}");
}

#[test]
fn truth_has_a_row_for_each_thing() {
    let world = world(7);
    let now = world.config().ends_at();
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for row in world.truth_of(&world.project(0), now) {
        *rows.entry(row.table).or_default() += 1;
        assert_eq!(row.columns["project_id"], world.project(0).id, "{row:?}");
    }
    let sizes = world.sizes_at(0, now);
    assert_eq!(rows["merge_requests"], sizes.merge_requests);
    assert_eq!(rows["issues"], sizes.issues);
    assert_eq!(rows["notes"], sizes.notes);
    assert_eq!(rows["pipelines"], sizes.pipelines);
    assert_eq!(rows["jobs"], sizes.jobs + sizes.triggers);
    assert_eq!(rows["deployments"], sizes.deployments);
    assert_eq!(rows["commits"], sizes.commits);
    assert_eq!(rows["releases"], sizes.releases);
}

/// Takes one second of one core in a build without optimisation.
#[test]
fn a_year_of_fifty_projects_is_made_a_sprint_at_a_time() {
    let world = World::new(WorldConfig::new(7, 50, 365));
    let now = world.config().ends_at();
    let mut things = 0;
    for project in 0..50 {
        let sizes = world.sizes_at(project, now);
        things += sizes.merge_requests
            + sizes.issues
            + sizes.notes
            + sizes.pipelines
            + sizes.jobs
            + sizes.deployments;
    }
    let (held, made) = world.held();
    assert!(things > 500_000, "{things}");
    assert!(held <= 48 && made == 50 * u64::from(world.config().sprints()), "{held} of {made}");
}

#[test]
fn nothing_is_made_that_was_not_asked_for() {
    // More than four hundred million objects.
    let world = World::new(WorldConfig::new(7, 4_000, 3_650));
    let last = world.config().sprints() - 1;
    let sprint = world.sprint(3_999, last);
    assert!(world.id_in(&sprint, 0) < 1 << 53);
    assert!(!sprint.pipelines.is_empty());
    assert_eq!(world.held(), (1, 1));
}

//! What webhooks of the world say.

use super::*;

#[test]
fn webhooks_say_what_was_true_as_they_were_sent() {
    let world = world(7);
    let (project, config) = (world.project(0), world.config());
    let all = (config.began_at, config.ends_at());
    let hooks: Vec<hooks::Hook> = world.hooks(&project, Version::V19, all).collect();
    let headers: BTreeSet<&str> = hooks.iter().map(|hook| hook.event_header).collect();
    for header in [
        "Merge Request Hook",
        "Issue Hook",
        "Confidential Issue Hook",
        "Note Hook",
        "Confidential Note Hook",
        "Pipeline Hook",
        "Job Hook",
        "Deployment Hook",
        "Push Hook",
        "Tag Push Hook",
        "Release Hook",
    ] {
        assert!(headers.contains(header), "{header}");
    }
    assert!(hooks.iter().all(|hook| hook.body["object_kind"].is_string()));
    // A push of five branches sends none.
    assert!(hooks.iter().all(|hook| !hook.body["ref"].as_str().unwrap_or_default().contains("import/")));
    let merge = hooks.iter().find(|hook| hook.body["object_attributes"]["action"] == "merge").unwrap();
    assert_eq!(merge.body["object_attributes"]["state"], "merged");
    let count = |from: Millis, until: Millis| world.hooks(&project, Version::V19, (from, until)).count();
    let half = count(config.began_at, config.starts_at(1));
    let rest = count(config.starts_at(1), config.ends_at());
    assert_eq!(half + rest, hooks.len());
}

#[test]
fn older_versions_write_times_without_milliseconds_and_lack_what_came_later() {
    let world = world(7);
    let (project, config) = (world.project(1), world.config());
    let of = |version: Version| -> Vec<hooks::Hook> {
        world.hooks(&project, version, (config.began_at, config.ends_at())).collect()
    };
    let (old, middle, new) = (of(Version::V16), of(Version::V18), of(Version::V19));
    let first = |hooks: &[hooks::Hook], kind: &str| {
        hooks.iter().find(|hook| hook.body["object_kind"] == kind).unwrap().body.clone()
    };
    let shape =
        |body: &serde_json::Value| body["object_attributes"]["created_at"].as_str().unwrap().to_owned();
    for kind in ["merge_request", "issue", "note", "pipeline"] {
        for (hooks, is_old) in [(&old, true), (&middle, true), (&new, false)] {
            let at = shape(&first(hooks, kind));
            assert_eq!((at.ends_with(" UTC"), at.ends_with('Z')), (is_old, !is_old), "{kind}: {at}");
        }
    }
    let request = |hooks: &[hooks::Hook]| first(hooks, "merge_request")["object_attributes"].clone();
    assert!(request(&new).get("actioned_at").is_some() && request(&middle).get("actioned_at").is_none());
    assert!(request(&new).get("merged_at").is_some() && request(&middle).get("merged_at").is_none());
    let job = |hooks: &[hooks::Hook]| first(hooks, "build");
    assert!(job(&middle).get("project").is_some() && job(&old).get("project").is_none());
    let changed =
        |hooks: &[hooks::Hook]| first(hooks, "deployment")["status_changed_at"].as_str().unwrap().to_owned();
    assert!(changed(&middle).ends_with(" +0000") && changed(&new).ends_with(".000+00:00"));
    // Webhooks report approvals of deployments since 19.3.
    let approved =
        |hooks: &[hooks::Hook]| hooks.iter().filter(|hook| hook.body["status"] == "approved").count();
    assert!(approved(&new) > 0 && approved(&middle) == 0);
}

//! Hooks and their logs.

use std::collections::BTreeMap;

use super::*;
use crate::gitlab::hooks::delivery::{Delivery, HookConfig, Outcome};
use crate::load::Credentials;

const DAY: Millis = 86_400_000;
const SECRET: &str = "secret-of-the-hook";

/// An API whose hooks drop five of a hundred deliveries, asked by somebody who may see them.
fn dropping(version: Version, change: impl FnOnce(&mut HookConfig)) -> (Arc<World>, Api, HookConfig) {
    let mut hook =
        HookConfig::new(version, "https://gitpulse.example.com/hook", Credentials::Token(SECRET.to_owned()));
    (hook.seed, hook.dropped, hook.oversize) = (3, 50, 20);
    change(&mut hook);
    let (world, api) = api(|options| {
        options.version = version;
        options.hooks = Some(hook.clone());
        options.tokens = vec![Token { role: Role::Maintainer, ..Token::reader(TOKEN) }];
    });
    (world, api, hook)
}

fn log_path(world: &World, hook: &HookConfig, index: u32) -> String {
    let project = world.project(index);
    format!("/api/v4/projects/{}/hooks/{}/events", project.id, hook.id(&project))
}

/// Deliveries of a project's last seven days and the day before them, by their keys.
fn delivered(world: &World, hook: &HookConfig, index: u32) -> BTreeMap<String, Delivery> {
    let now = world.config().ends_at();
    let from = (now - 7 * DAY).div_euclid(DAY) * DAY;
    let all = world.deliveries(&world.project(index), hook, (from, now));
    all.map(|delivery| (delivery.key.clone().unwrap(), delivery)).collect()
}

#[test]
fn the_log_has_what_was_tried_and_nothing_of_what_was_not() {
    let (world, api, hook) = dropping(Version::V19, |_| ());
    let (entries, requests) = walk(&api, &log_path(&world, &hook, 0));
    let deliveries = delivered(&world, &hook, 0);
    let of = |outcome: fn(&Outcome) -> bool| deliveries.values().filter(|one| outcome(&one.outcome)).count();
    let (failed, silent) = (of(|one| matches!(one, Outcome::Failed(_))), of(|one| *one == Outcome::Silent));
    assert!(failed > 5 && silent > 5, "{failed} {silent} of {}", deliveries.len());
    let share = (failed + silent) as f64 / deliveries.len() as f64;
    assert!((0.03..0.07).contains(&share), "{share}");
    assert_eq!(entries.len(), deliveries.len() - silent);
    assert_eq!(requests, (entries.len() as u64).div_ceil(20));
    let times: Vec<&str> = entries.iter().map(|entry| entry["created_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, other| one >= other));
    for entry in &entries {
        let delivery = &deliveries[entry["request_headers"]["Idempotency-Key"].as_str().unwrap()];
        let status = match delivery.outcome {
            Outcome::Arrived => "200",
            Outcome::Failed(Some(500)) => "500",
            Outcome::Failed(None) => "internal error",
            other => panic!("{other:?}"),
        };
        assert_eq!(entry["response_status"], status);
        assert_eq!(entry["request_headers"]["X-Gitlab-Token"], "[REDACTED]");
        assert_eq!(entry["request_headers"]["X-Gitlab-Event"], delivery.hook.event_header);
        assert!(!entry.to_string().contains(SECRET) && !entry.to_string().contains("@example.com"));
        let is_oversize = entry["request_data"] == json!({"oversize": true});
        assert!(is_oversize || entry["request_data"]["object_kind"] == delivery.hook.body["object_kind"]);
    }
    assert!(entries.iter().any(|entry| entry["request_data"] == json!({"oversize": true})));
    assert!(entries.iter().any(|entry| entry["trigger"] == "merge_request_hooks"));
    assert_eq!(ids(&entries).into_iter().collect::<BTreeSet<u64>>().len(), entries.len());
}

#[test]
fn a_log_is_filtered_by_statuses_and_its_pages_are_short() {
    let (world, api, hook) = dropping(Version::V19, |_| ());
    let path = log_path(&world, &hook, 0);
    let count = |query: &str| walk(&api, &format!("{path}{query}")).0.len();
    let failures = count("?status=server_failure");
    assert_eq!(failures, count("?status=client_failure,server_failure"));
    assert!(count("?status=500") > 0 && count("?status=500") < failures);
    assert_eq!(count(""), failures + count("?status=successful"));
    assert_eq!(get(&api, &format!("{path}?per_page=20")).value().as_array().unwrap().len(), 20);
    let refused = get(&api, &format!("{path}?per_page=100"));
    assert_eq!(
        (refused.status, refused.value()["error"].clone()),
        (400, json!("per_page does not have a valid value"))
    );
    assert_eq!(get(&api, &format!("{path}?status=failed")).status, 400);
}

#[test]
fn what_arrives_is_what_did_not_fail_and_can_be_proved() {
    let (world, _, hook) = dropping(Version::V19, |_| ());
    let (project, config) = (world.project(0), world.config());
    let all = (config.began_at, config.ends_at());
    let arrived: Vec<Delivery> = world.arrivals(&project, &hook, all).collect();
    let sent = world.hooks(&project, Version::V19, all).count();
    assert!(arrived.len() < sent && arrived.len() > sent * 9 / 10);
    let headers: BTreeMap<&str, String> = arrived[0].headers(config.ends_at()).into_iter().collect();
    assert_eq!(headers["x-gitlab-token"], SECRET);
    assert_eq!(headers["X-Gitlab-Instance"], config.url);
    assert_eq!(headers["Idempotency-Key"].len(), 36);
    assert_eq!(serde_json::from_slice::<Value>(&arrived[0].body).unwrap(), arrived[0].hook.body);
    let signed = HookConfig {
        credentials: Credentials::SigningToken(
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
        ),
        ..hook.clone()
    };
    let first = world.arrivals(&project, &signed, all).next().unwrap();
    let headers: BTreeMap<&str, String> = first.headers(1_795_305_600_000).into_iter().collect();
    assert_eq!(headers["webhook-id"], headers["Idempotency-Key"]);
    assert_eq!(headers["webhook-timestamp"], "1795305600");
    assert!(headers["webhook-signature"].starts_with("v1,"));
    // Before 17.4 there is no key, before 19 no signature.
    let old = HookConfig { version: Version::V16, ..signed };
    let first = world.arrivals(&project, &old, all).next().unwrap();
    let names: Vec<&str> = first.headers(0).into_iter().map(|(name, _)| name).collect();
    assert!(!names.contains(&"Idempotency-Key") && !names.contains(&"webhook-signature"));
}

#[test]
fn a_disabled_hook_says_so_and_sends_nothing() {
    let (world, api, hook) = dropping(Version::V19, |_| ());
    let ends_at = world.config().ends_at();
    let disabled = ends_at - 3 * DAY..ends_at - 2 * DAY;
    let (world, api_disabled, hook_disabled) =
        dropping(Version::V19, |hook| hook.disabled = Some(disabled.clone()));
    let show = |at: Millis| {
        api_disabled.options().clock.set(at);
        let project = world.project(0);
        let address = format!("/api/v4/projects/{}/hooks", project.id);
        let listed = get(&api_disabled, &address).value();
        assert_eq!(get(&api_disabled, &format!("{address}/{}", hook.id(&project))).value(), listed[0]);
        (listed[0]["alert_status"].clone(), listed[0]["disabled_until"].clone())
    };
    let end = json!(crate::gitlab::text::time(disabled.end));
    assert_eq!(show(disabled.start - 1), (json!("executable"), Value::Null));
    assert_eq!(show(disabled.start), (json!("temporarily_disabled"), end));
    assert_eq!(show(disabled.end), (json!("executable"), Value::Null));
    api_disabled.options().clock.set(ends_at);
    let path = log_path(&world, &hook_disabled, 0);
    let (short, _) = walk(&api_disabled, &path);
    let (long, _) = walk(&api, &path);
    assert!(short.len() < long.len());
    let missing = world.deliveries(&world.project(0), &hook_disabled, (disabled.start, disabled.end));
    assert!(missing.map(|one| one.outcome).all(|outcome| outcome == Outcome::Disabled));
}

#[test]
fn hooks_are_for_maintainers_and_their_log_came_with_17() {
    let (world, api, hook) = dropping(Version::V16, |_| ());
    assert_eq!(get(&api, &log_path(&world, &hook, 0)).status, 404);
    let id = world.project(0).id;
    assert_eq!(get(&api, &format!("/api/v4/projects/{id}/hooks")).status, 200);
    assert_eq!(get(&api, &format!("/api/v4/projects/{id}/hooks/7")).status, 404);
    let (world, api) = super::api(|_| ());
    assert_eq!(get(&api, &format!("/api/v4/projects/{}/hooks", world.project(0).id)).status, 403);
}

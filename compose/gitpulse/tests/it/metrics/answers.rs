//! What the metric views say about deployments, in short. In: rows. Out: lines that a test compares. And beginnings of stories that several cases
//! share.

use serde_json::{Value, json};

use super::measure::{Faces, Measured};
use super::story::{Landing, MergeRequest, Story};

pub(super) const PRODUCTION: (&str, &str) = ("production", "production");
pub(super) const STAGING: (&str, &str) = ("staging", "staging");
pub(super) const MAIN: &str = "refs/heads/main";

/// The lead times of a project, as `iid deployment minutes` or `iid reason`, in order.
pub(super) fn lead_times(measured: &Measured, tier: &str) -> Vec<String> {
    let rows = measured.find("lead_times", json!({"tier": tier}));
    rows.iter()
        .map(|row| match row["reason"].as_str().unwrap() {
            "" => format!(
                "{} {} {}",
                row["iid"],
                row["deployment_id"],
                row["lead_time_seconds"].as_i64().unwrap() / 60
            ),
            reason => format!("{} {reason}", row["iid"]),
        })
        .collect()
}

/// What the deployments of an environment changed, in the order of their ids.
pub(super) fn changes(measured: &Measured, environment: &str) -> Vec<String> {
    let rows = measured.find("deployment_metrics", json!({"environment": environment}));
    rows.iter().map(|row| row["change"].as_str().unwrap().to_owned()).collect()
}

/// One column of a deployment.
#[track_caller]
pub(super) fn column<'m>(measured: &'m Measured, deployment: u64, column: &str) -> &'m Value {
    &measured.one("deployment_metrics", json!({"deployment_id": deployment}))[column]
}

/// All three sources show these lead times in production.
#[track_caller]
pub(super) fn assert_lead_times(faces: &Faces, expected: &[&str]) {
    for (face, measured) in faces.all() {
        assert_eq!(lead_times(measured, "production"), expected, "{face}");
    }
}

/// Merged with the merge commit `name`.
pub(super) fn merged(story: &mut Story, iid: u64, name: &'static str, opened: &'static str, merged: &str) {
    story.merged(&MergeRequest::new(iid, opened), merged, &Landing::Merge(name));
}

/// Five merge requests of 02 March at 10:00, 11:00, ... with the merge commits A to E.
pub(super) fn five() -> Story {
    let mut story = Story::default();
    for (iid, name, at) in [
        (1, "A", "03-02 10:00"),
        (2, "B", "03-02 11:00"),
        (3, "C", "03-02 12:00"),
        (4, "D", "03-02 13:00"),
        (5, "E", "03-02 14:00"),
    ] {
        merged(&mut story, iid, name, "03-02 08:00", at);
    }
    story
}

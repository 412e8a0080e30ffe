//! Branches and tags (<https://docs.gitlab.com/api/branches/>, <https://docs.gitlab.com/api/tags/>). In: a name and its target. Out: JSON.

use serde_json::{Value, json};

use super::merge_request::Stats;
use super::{Scribe, absent};
use crate::gitlab::text::time_of;
use crate::gitlab::{Head, Sprint};

impl Scribe<'_> {
    /// A branch.
    pub(in crate::api) fn branch(&self, head: &Head) -> Value {
        let is_main = head.name == "main";
        let commit = self.world.commit(self.project.index, head.sprint, head.sha);
        json!({
            "name": head.name, "commit": commit.map(|commit| self.commit(&commit, Stats::Absent)), "merged": false,
            "protected": is_main || head.name.starts_with("release/"), "developers_can_push": false, "developers_can_merge": false,
            "can_push": false, "default": is_main, "web_url": format!("{}/-/tree/{}", self.page(), head.name),
        })
    }

    /// A tag.
    pub(in crate::api) fn tag(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let tag = sprint.tags.get(number as usize)?;
        let commit = self.world.commit(sprint.project, sprint.number, tag.sha);
        let mut written = json!({
            "name": tag.name, "message": tag.annotated.map(|_| format!("Release {}", tag.name)).unwrap_or_default(),
            "target": tag.annotated.unwrap_or(tag.sha).to_string(),
            "commit": commit.map(|commit| self.commit(&commit, Stats::Absent)),
            "release": tag.released_at.map(|_| json!({"tag_name": tag.name, "description": ""})), "protected": true,
            "created_at": time_of(tag.annotated.map(|_| tag.at / 1_000 * 1_000)),
        });
        if !self.version.has_created_at_of_refs() {
            absent(&mut written, "created_at");
        }
        Some(written)
    }
}

//! Deployments and environments (<https://docs.gitlab.com/api/deployments/>, <https://docs.gitlab.com/api/environments/>). In: one of a sprint. Out:
//! JSON. The environment in a deployment has no tier: only the list of environments has it.

use serde_json::{Value, json};

use super::{Scribe, absent};
use crate::gitlab::text::time;
use crate::gitlab::{
    EnvironmentPlace, Millis, Sprint, environment, environment_id, environment_times, environments, tier,
};

impl Scribe<'_> {
    /// The environments of the project, in the order of their ids.
    pub(in crate::api) fn environments(&self) -> Vec<EnvironmentPlace> {
        environments(self.world, self.project, self.now)
    }

    /// In the format of the list of environments.
    pub(in crate::api) fn environment(&self, place: EnvironmentPlace) -> Value {
        let mut written = self.environment_of_deployment(place);
        let (created_at, stopped_at) = self.environment_times(place);
        let stopped_at = stopped_at.filter(|at| *at <= self.now);
        written["tier"] = json!(tier(place.number));
        written["state"] = json!(if stopped_at.is_some() { "stopped" } else { "available" });
        written["auto_stop_at"] = Value::Null;
        written["description"] = Value::Null;
        written["enable_advanced_logs_querying"] = json!(false);
        written["created_at"] = json!(time(created_at));
        written["updated_at"] = json!(time(stopped_at.unwrap_or(created_at)));
        if !self.version.has_created_at_of_refs() {
            absent(&mut written, "created_at");
            absent(&mut written, "updated_at");
        }
        written
    }

    fn environment_times(&self, place: EnvironmentPlace) -> (Millis, Option<Millis>) {
        environment_times(self.world, self.project, place)
    }

    fn environment_of_deployment(&self, place: EnvironmentPlace) -> Value {
        let name = environment(self.project, place.sprint, place.number);
        let slug = name.replace('/', "-");
        let id = environment_id(self.world, self.project.index, place);
        json!({
            "id": id, "name": name, "slug": slug, "external_url": format!("https://{slug}.{}.example.com", self.project.slug),
        })
    }

    /// In the common format of lists and single objects.
    pub(in crate::api) fn deployment(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let deployment = sprint.deployments.get(number as usize)?;
        let status = deployment.status(self.now)?;
        let updated_at = deployment.updated_at(self.now)?;
        let place = EnvironmentPlace::of(sprint.number, deployment.environment);
        Some(json!({
            "id": self.world.id_in(sprint, number), "iid": self.world.deployment_iid(sprint, number), "ref": deployment.on.name(sprint),
            "sha": deployment.sha.to_string(), "created_at": time(deployment.created_at), "updated_at": time(updated_at),
            "user": self.person(deployment.by), "environment": self.environment_of_deployment(place),
            "deployable": self.job(sprint, deployment.job), "status": status.as_str(),
        }))
    }

    /// As a single object, with its approvals.
    pub(in crate::api) fn deployment_alone(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let mut written = self.deployment(sprint, number)?;
        let waited = sprint.deployments.get(number as usize).and_then(|deployment| deployment.approved);
        let approved = waited.filter(|(at, _)| *at <= self.now);
        let approvals: Vec<Value> = (approved.iter())
            .map(|(at, by)| {
                json!({"user": self.person(*by), "status": "approved", "created_at": time(*at), "comment": ""})
            })
            .collect();
        written["pending_approval_count"] = json!(u8::from(waited.is_some() && approved.is_none()));
        written["approvals"] = json!(approvals);
        Some(written)
    }

    /// A release, in the format of the list of releases (<https://docs.gitlab.com/api/releases/>).
    pub(in crate::api) fn release(&self, sprint: &Sprint, number: u32) -> Option<Value> {
        let tag = sprint.tags.get(number as usize)?;
        let released_at = tag.released_at?;
        let commit = self.world.commit(sprint.project, sprint.number, tag.sha);
        let commit = commit.map(|commit| self.commit(&commit, super::merge_request::Stats::Absent));
        let name = &tag.name;
        let source = |format: &str| json!({"format": format, "url": format!("{}/-/archive/{name}.{format}", self.page())});
        let sources = ["zip", "tar.gz", "tar.bz2", "tar"].map(source);
        Some(json!({
            "name": format!("Release {name}"), "tag_name": name, "description": "", "created_at": time(tag.at + 60_000),
            "released_at": time(released_at), "upcoming_release": released_at > self.now, "author": self.person(tag.by),
            "commit": commit, "milestones": [self.milestone(sprint.number)],
            "assets": {"count": 4, "sources": sources, "links": []}, "evidences": [],
            "commit_path": format!("/-/commit/{}", tag.sha), "tag_path": format!("/-/tags/{name}"),
            "_links": {"self": format!("{}/-/releases/{name}", self.page())},
        }))
    }
}

//! Projects, groups and members (<https://docs.gitlab.com/api/projects/>, <https://docs.gitlab.com/api/groups/>,
//! <https://docs.gitlab.com/api/members/>). In: a number. Out: JSON.

use serde_json::{Value, json};

use super::Scribe;
use crate::gitlab::text::{date, time};
use crate::gitlab::{DAY, Group, Millis, Person, Project, Special, World, last_activity, shared_with};

impl Scribe<'_> {
    /// The project.
    pub(in crate::api) fn project(&self) -> Value {
        let config = self.world.config();
        let project = self.project;
        let group = self.world.group(project.group_at(config, self.now));
        let (path, name) = (self.path(), project.slug_at(config, self.now));
        let marked_at = Project::marked_at(config);
        let is_marked = project.special == Special::DeletionScheduled && marked_at <= self.now;
        let marked = is_marked.then(|| date(marked_at));
        let enabled = |is_enabled: bool| if is_enabled { "enabled" } else { "disabled" };
        let shared: Vec<Value> = self.shared_with().map(|group| shared_group(&group)).into_iter().collect();
        let api = format!("{}/api/v4/projects/{}", self.url(), project.id);
        json!({
            "id": project.id, "description": "", "name": name, "name_with_namespace": format!("{} / {name}", group.name),
            "path": path.rsplit('/').next(), "path_with_namespace": path, "created_at": time(project.created_at(config)),
            "default_branch": "main", "tag_list": [], "topics": [], "web_url": format!("{}/{path}", self.url()), "forks_count": 0,
            "avatar_url": null, "star_count": 0, "last_activity_at": time(self.last_activity()), "visibility": "private",
            "namespace": {
                "id": group.id, "name": group.name, "path": group.path.rsplit('/').next(), "kind": "group", "full_path": group.path,
                "parent_id": group.parent.map(|parent| self.world.group(parent).id), "avatar_url": null,
                "web_url": format!("{}/groups/{}", self.url(), group.path),
            },
            "_links": {"self": api}, "marked_for_deletion_at": marked.clone(), "marked_for_deletion_on": marked,
            "packages_enabled": true, "empty_repo": false, "archived": project.special == Special::Archived,
            "issues_enabled": true, "merge_requests_enabled": true, "jobs_enabled": project.has_pipelines(),
            "builds_access_level": enabled(project.has_pipelines()), "environments_access_level": enabled(project.has_deployments()),
            "issues_access_level": "enabled", "repository_access_level": "enabled", "merge_requests_access_level": "enabled",
            "releases_access_level": "enabled", "creator_id": 4, "import_status": "none", "open_issues_count": 0,
            "updated_at": time(self.last_activity()), "ci_config_path": "", "shared_with_groups": shared,
            "merge_method": project.merge_method.as_str(), "squash_option": "default_off",
            "permissions": {"project_access": null, "group_access": {"access_level": 20, "notification_level": 3}},
        })
    }

    /// The last activity in the project.
    pub(in crate::api) fn last_activity(&self) -> Millis {
        last_activity(self.world, self.project, self.now)
    }

    /// The additional group that it is shared with.
    fn shared_with(&self) -> Option<Group> {
        shared_with(self.world, self.project)
    }
}

fn shared_group(group: &Group) -> Value {
    json!({
        "group_id": group.id, "group_name": group.name, "group_full_path": group.path, "group_access_level": 30, "expires_at": null,
    })
}

/// A group.
pub(in crate::api) fn group(world: &World, group: &Group) -> Value {
    let url = &world.config().url;
    json!({
        "id": group.id, "web_url": format!("{url}/groups/{}", group.path), "name": group.name, "path": group.path.rsplit('/').next(),
        "description": "", "visibility": "private", "share_with_group_lock": false, "full_name": group.name, "full_path": group.path,
        "created_at": time(world.config().began_at - DAY), "parent_id": group.parent.map(|parent| world.group(parent).id),
        "avatar_url": null, "request_access_enabled": true, "archived": false, "organization_id": 1, "marked_for_deletion_on": null,
    })
}

/// A member.
pub(in crate::api) fn member(world: &World, (person, access_level): (Person, u8)) -> Value {
    let mut written = person.listed(&world.config().url);
    written["access_level"] = json!(access_level);
    written["created_at"] = json!(time(world.config().began_at));
    written["expires_at"] = Value::Null;
    written["membership_state"] = json!("active");
    written
}

/// A user alone, or of `/users` (<https://docs.gitlab.com/api/users/>).
pub(in crate::api) fn user(world: &World, person: Person) -> Value {
    let mut written = person.listed(&world.config().url);
    written["bot"] = json!(person.is_bot());
    written["created_at"] = json!(time(world.config().began_at));
    written
}

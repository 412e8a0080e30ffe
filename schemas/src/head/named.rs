//! The other entities in a body. In: its head. Out: the project, the people and the group, in the form of their own events.

use super::{Head, Project, Text, present};
use crate::event::{group, project, user};
use crate::field::Field;

impl<'a> Head<'a> {
    /// The project inside the body of another entity's event.
    pub fn project(&self) -> Option<project::Project> {
        let project = self.project.get().or(self.target())?;
        // Old versions have the id only at the top level.
        project.told(Some(self.project_id()))
    }

    /// The source project of a merge request, if it differs from the target.
    pub fn source_project(&self) -> Option<project::Project> {
        let attributes = self.object_attributes.get()?;
        let source = attributes.source.get()?.told(attributes.source_project_id.get())?;
        (source.project_id != Field::Value(self.project_id())).then_some(source)
    }

    /// The target project of a merge request, as sent by old versions.
    pub(super) fn target(&self) -> Option<&Project<'a>> {
        self.object_attributes.get()?.target.get()
    }

    /// The actor in the body of another entity's event. Without an id there is none: user names may be reused.
    pub fn user(&self) -> Option<user::User> {
        // In the API, `user` of a merge request only says whether the reader may merge it.
        let user =
            [self.user.get(), self.author.get()].into_iter().flatten().find(|user| user.id.get().is_some());
        let (id, username, name, state) = match user {
            Some(user) => (user.id.get(), &user.username, &user.name, owned(&user.state)),
            None => (self.user_id.get(), &self.user_username, &self.user_name, Field::Absent),
        };
        let named = present(username).is_some() || present(name).is_some();
        Some(user::User {
            user_id: Field::Value(id.filter(|id| named && *id > 0)?),
            username: owned(username),
            name: owned(name),
            state,
            ..user::User::default()
        })
    }

    /// The group inside the body of another entity's event.
    pub fn group(&self) -> Option<group::Group> {
        let group = self.group.get()?;
        let named = present(&group.full_path).is_some() || present(&group.group_name).is_some();
        Some(group::Group {
            group_id: Field::Value(group.group_id.get().filter(|id| named && *id > 0)?),
            name: owned(&group.group_name),
            full_path: owned(&group.full_path),
            ..group::Group::default()
        })
    }
}

impl Project<'_> {
    /// The project that is described here. Nothing without a name and an id, which old versions have elsewhere in the body.
    fn told(&self, elsewhere: Option<u64>) -> Option<project::Project> {
        let project = self;
        let named = present(&project.path_with_namespace).is_some() || present(&project.name).is_some();
        let id = project.id.get().or(elsewhere).filter(|id| named && *id > 0)?;
        Some(project::Project {
            project_id: Field::Value(id),
            name: owned(&project.name),
            path_with_namespace: owned(&project.path_with_namespace),
            project_visibility: project.visibility_level.as_ref().map(u64::to_string),
            default_branch: owned(&project.default_branch),
            url: owned(&project.web_url),
            ..project::Project::default()
        })
    }
}

/// An owned copy of the field. An empty text counts as absent.
fn owned(field: &Text<'_>) -> Field<String> {
    match field {
        Field::Value(text) if text.is_empty() => Field::Absent,
        field => field.as_ref().map(|text| text.clone().into_owned()),
    }
}

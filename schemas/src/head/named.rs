//! Whom a body names beside what it is about. In: its head. Out: the project, the people and the group, as events of their own tell of them.

use super::{Head, Project, Text, present};
use crate::event::{group, project, user};
use crate::field::Field;

impl<'a> Head<'a> {
    /// The project inside a body that is about something else.
    pub fn project(&self) -> Option<project::Project> {
        let project = self.project.get().or(self.target())?;
        // Old versions leave the id to the top level.
        project.told(Some(self.project_id()))
    }

    /// The project that a merge request comes from, where that is another one.
    pub fn source_project(&self) -> Option<project::Project> {
        let attributes = self.object_attributes.get()?;
        let source = attributes.source.get()?.told(attributes.source_project_id.get())?;
        (source.project_id != Field::Value(self.project_id())).then_some(source)
    }

    /// The project that a merge request would be merged into, as old versions say it.
    pub(super) fn target(&self) -> Option<&Project<'a>> {
        self.object_attributes.get()?.target.get()
    }

    /// The actor of a body that is about something else. A body that names nobody by id has none: user names change hands.
    pub fn user(&self) -> Option<user::User> {
        // In the API, the `user` of a merge request says only whether the reader may merge it.
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

    /// The group inside a body that is about something else.
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
    /// What it tells of the project: nothing without an id, which stands elsewhere in bodies of old versions, and a name.
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

/// The field on its own. An empty text says nothing.
fn owned(field: &Text<'_>) -> Field<String> {
    match field {
        Field::Value(text) if text.is_empty() => Field::Absent,
        field => field.as_ref().map(|text| text.clone().into_owned()),
    }
}

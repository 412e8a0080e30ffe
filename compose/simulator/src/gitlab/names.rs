//! Names of branches and environments. In: numbers. Out: GitLab's names. No two have the same name in a project.

use super::deployment::{OVERSEAS, PRODUCTION, REVIEW, STAGING};
use super::sprint::{Ref, Sprint};
use super::tree::Project;

/// The branch of a merge request.
pub(crate) fn topic(sprint: u32, request: u32) -> String {
    format!("topic-{sprint}-{request}")
}

impl Ref {
    /// Its name, without `refs/heads/`.
    pub(crate) fn name(&self, sprint: &Sprint) -> String {
        match self {
            Ref::Main => "main".to_owned(),
            Ref::Release => format!("release/{}", sprint.number + 1),
            Ref::Production => "production".to_owned(),
            Ref::Topic(request) => topic(sprint.number, *request),
            Ref::Many(number) => format!("import/{}-{number}", sprint.number),
            Ref::Tag(number) => {
                sprint.tags.get(*number as usize).map_or_else(String::new, |tag| tag.name.clone())
            }
        }
    }

    /// Whether it is a tag.
    pub(crate) fn is_tag(&self) -> bool {
        matches!(self, Ref::Tag(_))
    }
}

/// Name of an environment.
pub(crate) fn environment(project: &Project, sprint: u32, number: u32) -> String {
    match number {
        STAGING => "staging".to_owned(),
        PRODUCTION => project.production().to_owned(),
        OVERSEAS => format!("{}-us", project.production()),
        _ => format!("review/{}", topic(sprint, 0)),
    }
}

/// Tier of an environment.
pub(crate) fn tier(number: u32) -> &'static str {
    match number {
        STAGING => "staging",
        PRODUCTION | OVERSEAS => "production",
        REVIEW => "development",
        _ => "other",
    }
}

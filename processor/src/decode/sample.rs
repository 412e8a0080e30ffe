//! Which deliveries are samples that GitLab invents for the Test button of a hook. In: a typed webhook. Out: whether it describes something that
//! never happened. Never true for a body that a real event could have.
//!
//! GitLab builds some tests from the newest real object and sends it unchanged. The invented parts of each test are in
//! <https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/services/concerns/integrations/project_test_data.rb>,
//! `app/services/test_hooks/system_service.rb` and `lib/gitlab/data_builder/` beside it.

use schemas::event::access_token::AccessToken;
use schemas::event::emoji::Emoji;
use schemas::event::project::Project;
use schemas::event::push::Push;
use schemas::event::vulnerability::{self, Vulnerability};
use schemas::field::{Embedded, Field};
use schemas::json::JsonError;
use schemas::{EventKind, Origin};
use serde::Deserialize;

use super::EventBody;

/// The SHA after the sample push for system hooks and empty repositories.
const SAMPLE_PUSH: &str = "da1560886d4f094c3e6c9ef40349f7d38b5d27d7";
/// The SHA after the sample change for system hooks.
const SAMPLE_CHANGE: &str = "4045ea7a3df38697b3730a20fb73c8bed8a3e69e";
/// Name of the token in the sample of an expiring token.
const SAMPLE_TOKEN: &str = "pat_for_webhook_event";
/// Title of the vulnerability in the sample of a confirmed one.
const SAMPLE_VULNERABILITY: &str = "REXML DoS vulnerability";

/// Whether the body is a sample. Objects of the API are always real.
pub(super) fn is_sample(kind: EventKind, origin: Origin, body: &EventBody, payload: &str) -> bool {
    match (origin, body) {
        (Origin::Api, _) => false,
        (_, EventBody::Push(push)) => is_sample_push(push),
        (_, EventBody::AccessToken(token)) => is_sample_token(token),
        (_, EventBody::Emoji(emoji)) => is_sample_emoji(emoji),
        (_, EventBody::Vulnerability(vulnerability)) => is_sample_vulnerability(vulnerability),
        (_, EventBody::Project(project)) => is_sample_project(project),
        (_, EventBody::Untyped) if kind == EventKind::Repository => {
            is_sample_change(payload).unwrap_or(false)
        }
        (_, _) => false,
    }
}

/// The sample has a constant SHA. For a repository with commits it claims to lead from the third newest commit to the newest, and lists both. A
/// real push does not list the commit that it starts from.
fn is_sample_push(push: &Push) -> bool {
    let (before, after) = (push.before.text(), push.after.text());
    let mut listed = push.commits.value().into_iter().flatten().filter_map(Embedded::get);
    after == SAMPLE_PUSH
        || (before == after && !before.is_empty())
        || listed.any(|commit| commit.id.text() == before)
}

fn is_sample_token(token: &AccessToken) -> bool {
    token
        .object_attributes
        .get()
        .is_some_and(|token| token.id.get() == Some(1) && token.name.text() == SAMPLE_TOKEN)
}

/// The award has id 1 and is on the newest comment. An instance has only one award with this id.
fn is_sample_emoji(emoji: &Emoji) -> bool {
    emoji.event_type().text() == "award"
        && emoji.object_attributes.get().is_some_and(|award| {
            award.id.get() == Some(1)
                && award.name.text() == "thumbsup"
                && award.awardable_type.text() == "Note"
        })
}

fn is_sample_vulnerability(vulnerability: &Vulnerability) -> bool {
    vulnerability.object_attributes.get().is_some_and(|vulnerability| {
        vulnerability::Attributes::number(vulnerability) == Some(1)
            && vulnerability.title.text() == SAMPLE_VULNERABILITY
    })
}

/// The project has id 1 and no times.
fn is_sample_project(project: &Project) -> bool {
    project.event_name.text() == "project_create"
        && matches!((&project.created_at, &project.updated_at), (Field::Absent, Field::Absent))
}

/// The fields of `repository_update`, from which nothing else is read.
#[derive(Deserialize)]
struct Repository {
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    after: Field<String>,
}

fn is_sample_change(payload: &str) -> Result<bool, JsonError> {
    let repository: Repository = serde_json::from_str(payload).map_err(JsonError::from)?;
    Ok(repository.changes.iter().any(|change| change.after.text() == SAMPLE_CHANGE))
}

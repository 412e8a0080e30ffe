//! Which projects are read. In: what the user names. Out: each project once, however many groups lead to it. Projects that are only shared with a
//! group belong to another, and are not of it.

use std::collections::BTreeMap;

use gitlab::{Client, FetchError, Limit, Page, segment};
use schemas::api::resource::Resource;
use schemas::api::subject::{Context, Owner};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::config::BackfillConfig;
use crate::publish::{BackfillPublishError, Destination};

/// Projects could not be found.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// GitLab did not answer as it should.
    #[error("{what} cannot be read")]
    Fetch {
        /// What was asked for.
        what: String,
        /// Why not.
        #[source]
        source: FetchError,
    },
    /// What was listed is no project.
    #[error("{what} holds an object that is no project")]
    Object {
        /// What was asked for.
        what: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Kafka did not take it.
    #[error(transparent)]
    Publish(#[from] BackfillPublishError),
}

impl ScopeError {
    /// What somebody has to do about it, if that is known.
    pub fn needs_attention(&self) -> Option<String> {
        match self {
            ScopeError::Fetch { source, .. } => source.needs_attention().or_else(|| {
                let is_hidden = source.is_absent() || source.is_forbidden();
                is_hidden
                    .then(|| "correct the name, or let the token's user see it (docs/TOKENS.md)".to_owned())
            }),
            ScopeError::Object { .. } => {
                Some("look at what stands between here and GitLab: such answers are not GitLab's".to_owned())
            }
            ScopeError::Publish(_) => None,
        }
    }
}

/// One project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Project {
    /// Its id, by which it is asked for.
    pub id: u64,
    /// Its path, for people.
    pub path_with_namespace: String,
}

/// Finds the projects, and publishes what GitLab says of them, if there is a destination.
pub async fn projects(
    client: &Client,
    config: &BackfillConfig,
    destination: Option<&Destination>,
    shutdown: &CancellationToken,
) -> Result<Vec<Project>, ScopeError> {
    let mut found = BTreeMap::new();
    let ordered = |more: &[(&'static str, &str)]| {
        let fixed = [("order_by", "id"), ("sort", "asc"), ("per_page", "100")];
        let query = fixed.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned()));
        Vec::from_iter(query)
    };
    for name in &config.project {
        let what = format!("project {name}");
        let path = format!("projects/{}", segment(name.trim_matches('/')));
        let object = client.object(Limit::Project, &path, &[]).await;
        let object = object.map_err(|source| ScopeError::Fetch { what: what.clone(), source })?;
        add(&mut found, &what, &[object], Owner::Instance, destination, shutdown).await?;
    }
    for name in &config.group {
        let what = format!("group {name}");
        let path = format!("groups/{}/projects", segment(name.trim_matches('/')));
        let query = ordered(&[("include_subgroups", "true"), ("with_shared", "false")]);
        all(client, Limit::GroupProjects, &path, &query, &what, &mut found, destination, shutdown).await?;
    }
    if config.instance {
        let query = ordered(&[("pagination", "keyset")]);
        let what = "the list of projects";
        all(client, Limit::Projects, "projects", &query, what, &mut found, destination, shutdown).await?;
    }
    Ok(found.into_values().collect())
}

#[expect(clippy::too_many_arguments, reason = "one list, where it goes and how it is called")]
async fn all(
    client: &Client,
    limit: Limit,
    path: &str,
    query: &[(&str, String)],
    what: &str,
    found: &mut BTreeMap<u64, Project>,
    destination: Option<&Destination>,
    shutdown: &CancellationToken,
) -> Result<(), ScopeError> {
    let failed = |source| ScopeError::Fetch { what: what.to_owned(), source };
    let mut page: Page = client.list(limit, path, query).await.map_err(failed)?;
    loop {
        add(found, what, &page.items, Owner::Instance, destination, shutdown).await?;
        let Some(next) = &page.next else { return Ok(()) };
        page = client.next(next).await.map_err(failed)?;
    }
}

async fn add(
    found: &mut BTreeMap<u64, Project>,
    what: &str,
    objects: &[Box<RawValue>],
    owner: Owner,
    destination: Option<&Destination>,
    shutdown: &CancellationToken,
) -> Result<(), ScopeError> {
    let mut new: Vec<&RawValue> = Vec::new();
    for object in objects {
        let project: Project = serde_json::from_str(object.get())
            .map_err(|source| ScopeError::Object { what: what.to_owned(), source })?;
        if found.insert(project.id, project).is_none() {
            new.push(object);
        }
    }
    if let Some(destination) = destination {
        let context = Context { owner, parent: None };
        let read_at = clock();
        destination.publish(Resource::Project, context, &new, read_at, shutdown).await?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the edge: when a list was read")]
fn clock() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

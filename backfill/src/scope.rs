//! Finds what to read. In: what the user names. Out: each project and group once, even if several groups lead to it. Projects that are only shared
//! with a group belong to another one and are not included.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use gitlab::{Client, FetchError, Limit, Page, segment};
use schemas::api::resource::Resource;
use schemas::api::subject::{self, Context};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::config::BackfillConfig;
use crate::publish::{BackfillPublishError, Destination, Item};

/// Why the projects and groups could not be found.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// GitLab did not answer as expected.
    #[error("{what} cannot be read")]
    Fetch {
        /// What was asked for.
        what: String,
        /// Why not.
        #[source]
        source: FetchError,
    },
    /// A listed object is neither a project nor a group.
    #[error("{what} holds an object without an id or a path")]
    Object {
        /// What was asked for.
        what: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Kafka did not accept it.
    #[error(transparent)]
    Publish(#[from] BackfillPublishError),
}

impl ScopeError {
    /// What a person has to do about it, if that is known.
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

/// A project or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Whether it is a group.
    pub is_group: bool,
    /// Its id, for requests to REST.
    pub id: u64,
    /// Its path, for GraphQL and for messages.
    pub path: String,
    /// The default branch of a project.
    pub default_branch: Option<String>,
    /// When something happened in a project last, with a precision of an hour.
    pub last_activity_at: Option<DateTime<Utc>>,
}

impl Owner {
    /// The project or group as a subject of events.
    pub fn subject(&self) -> subject::Owner {
        match self.is_group {
            true => subject::Owner::Group(self.id),
            false => subject::Owner::Project(self.id),
        }
    }
}

/// What to read, by id.
#[derive(Debug, Default)]
pub struct Scope {
    /// Groups.
    pub groups: BTreeMap<u64, Owner>,
    /// Projects.
    pub projects: BTreeMap<u64, Owner>,
    /// Requests that it took to find them.
    pub requests: u64,
}

/// A project by its id.
///
/// # Errors
/// GitLab does not show it, or the object is not a project.
pub async fn project(client: &Client, id: u64) -> Result<Owner, FetchError> {
    let object = client.object(Limit::Project, &format!("projects/{id}"), &[]).await?;
    owner(Resource::Project, &object).map_err(|_| FetchError::Shape { expected: "a project" })
}

/// Parses a project or group.
fn owner(resource: Resource, object: &RawValue) -> Result<Owner, serde_json::Error> {
    /// The full path, which projects and groups call differently; `path` is its last part.
    #[derive(Deserialize)]
    struct Listed {
        id: u64,
        #[serde(default)]
        path_with_namespace: Option<String>,
        #[serde(default)]
        full_path: Option<String>,
        #[serde(default)]
        default_branch: Option<String>,
        #[serde(default)]
        last_activity_at: Option<DateTime<Utc>>,
    }
    let listed: Listed = serde_json::from_str(object.get())?;
    let path = match resource {
        Resource::Group => listed.full_path,
        _ => listed.path_with_namespace,
    };
    let path = path.ok_or_else(|| serde::de::Error::missing_field("path_with_namespace"))?;
    let Listed { id, default_branch, last_activity_at, .. } = listed;
    Ok(Owner { is_group: resource == Resource::Group, id, path, default_branch, last_activity_at })
}

/// Finds projects and groups, and publishes their objects if there is a destination.
pub async fn find(
    client: &Client,
    config: &BackfillConfig,
    destination: Option<&Destination>,
    shutdown: &CancellationToken,
) -> Result<Scope, ScopeError> {
    let mut search = Search { client, destination, shutdown, scope: Scope::default() };
    for name in &config.project {
        let path = format!("projects/{}", segment(name.trim_matches('/')));
        search.one(Resource::Project, Limit::Project, &path, &format!("project {name}")).await?;
    }
    for name in &config.group {
        let path = format!("groups/{}", segment(name.trim_matches('/')));
        let what = format!("group {name}");
        search.one(Resource::Group, Limit::Group, &path, &what).await?;
        let below = format!("{path}/descendant_groups");
        search.all(Resource::Group, Limit::Groups, &below, &[], &what).await?;
        let projects = format!("{path}/projects");
        let query = [("include_subgroups", "true"), ("with_shared", "false")];
        search.all(Resource::Project, Limit::GroupProjects, &projects, &query, &what).await?;
    }
    if config.instance {
        search.all(Resource::Group, Limit::Groups, "groups", &[], "the list of groups").await?;
        let query = [("pagination", "keyset")];
        search.all(Resource::Project, Limit::Projects, "projects", &query, "the list of projects").await?;
    }
    Ok(search.scope)
}

struct Search<'s> {
    client: &'s Client,
    destination: Option<&'s Destination>,
    shutdown: &'s CancellationToken,
    scope: Scope,
}

impl Search<'_> {
    async fn one(
        &mut self,
        resource: Resource,
        limit: Limit,
        path: &str,
        what: &str,
    ) -> Result<(), ScopeError> {
        let object = self.client.object(limit, path, &[]).await;
        self.scope.requests += 1;
        let object = object.map_err(|source| ScopeError::Fetch { what: what.to_owned(), source })?;
        self.add(resource, vec![object], what).await
    }

    async fn all(
        &mut self,
        resource: Resource,
        limit: Limit,
        path: &str,
        more: &[(&'static str, &str)],
        what: &str,
    ) -> Result<(), ScopeError> {
        let fixed = [("order_by", "id"), ("sort", "asc"), ("per_page", "100")];
        let query = fixed.iter().chain(more).map(|(name, value)| (*name, (*value).to_owned()));
        let query: Vec<(&str, String)> = query.collect();
        let failed = |source| ScopeError::Fetch { what: what.to_owned(), source };
        let mut page: Page = self.client.list(limit, path, &query).await.map_err(failed)?;
        loop {
            self.scope.requests += 1;
            self.add(resource, std::mem::take(&mut page.items), what).await?;
            let Some(next) = &page.next else { return Ok(()) };
            page = self.client.next(next).await.map_err(failed)?;
        }
    }

    async fn add(
        &mut self,
        resource: Resource,
        objects: Vec<Box<RawValue>>,
        what: &str,
    ) -> Result<(), ScopeError> {
        let mut items = Vec::new();
        for object in objects {
            let owner = owner(resource, &object)
                .map_err(|source| ScopeError::Object { what: what.to_owned(), source })?;
            let found = match resource {
                Resource::Group => &mut self.scope.groups,
                _ => &mut self.scope.projects,
            };
            if found.insert(owner.id, owner).is_none() {
                let context = Context { owner: subject::Owner::Instance, parent: None };
                items.push(Item { resource, context, object });
            }
        }
        if let Some(destination) = self.destination {
            destination.publish(&items, clock(), self.shutdown).await?;
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge: when a list was read")]
fn clock() -> DateTime<Utc> {
    Utc::now()
}

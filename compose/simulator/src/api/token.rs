//! Authentication. In: a token of a request. Out: what it may see. Never accepts a token that was not given to the server.

use std::fmt;

use serde_json::{Value, json};

use super::permission::Permission;
use crate::gitlab::Person;

/// A scope of a legacy token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Api,
    /// Reading through the API.
    ReadApi,
    /// Reading one's own user.
    ReadUser,
    /// Reading repositories over git: useless for the API.
    ReadRepository,
}

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Scope::Api => "api",
            Scope::ReadApi => "read_api",
            Scope::ReadUser => "read_user",
            Scope::ReadRepository => "read_repository",
        }
    }
}

/// The role of its owner in every group and project; each role sees everything that lower ones see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees issues that are not confidential, milestones, releases and members.
    Guest,
    /// Sees code, merge requests, pipelines, confidential issues and internal notes.
    Reporter,
    /// May push.
    Developer,
    /// Sees hooks.
    Maintainer,
    /// Sees everything.
    Owner,
}

/// A token.
#[derive(Clone)]
pub struct Token {
    /// The secret, sent in `Private-Token` or as a bearer token.
    pub secret: String,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: Person,
    /// Its scopes, of a legacy token.
    pub scopes: Vec<Scope>,
    /// Its permissions, if it is a fine-grained token: then scopes are ignored.
    pub permissions: Option<Vec<Permission>>,
    /// The role of its owner.
    pub role: Role,
    /// The group it can see, by GitLab id, with all below it; `None` for all groups.
    pub group: Option<u64>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Token {
    /// A legacy token that may read everything.
    pub fn reader(secret: &str) -> Token {
        Token {
            secret: secret.to_owned(),
            name: "gitpulse".to_owned(),
            owner: Person::TRANSLATOR,
            scopes: vec![Scope::ReadApi],
            permissions: None,
            role: Role::Reporter,
            group: None,
        }
    }

    /// Whether it may read through the API at all.
    pub(super) fn reads_api(&self) -> bool {
        self.permissions.is_some()
            || self.scopes.iter().any(|scope| matches!(scope, Scope::Api | Scope::ReadApi))
    }

    /// Whether it may read its own user.
    pub(super) fn reads_user(&self) -> bool {
        self.reads_api() || self.scopes.contains(&Scope::ReadUser)
    }

    /// Whether it has a permission.
    pub(super) fn may(&self, permission: Permission) -> bool {
        self.permissions.as_ref().is_none_or(|permissions| permissions.contains(&permission))
    }

    /// Its own description (<https://docs.gitlab.com/api/personal_access_tokens/>).
    pub(super) fn write(&self) -> Value {
        let scopes: Vec<&str> = match self.permissions {
            Some(_) => vec!["granular"],
            None => self.scopes.iter().map(|scope| scope.as_str()).collect(),
        };
        json!({
            "id": 9611, "name": self.name, "revoked": false, "created_at": "2025-10-01T08:00:00.000Z", "description": null,
            "scopes": scopes, "user_id": self.owner.id(), "last_used_at": null, "active": true, "expires_at": "2027-10-01",
        })
    }
}

//! GraphQL, for lists in which it has what REST only has object by object. In: a list, and the data of an answer. Out: a query; objects in REST's
//! shape, and further things to ask about. Makes no request.
//!
//! REST lists of pipelines have neither start, finish nor duration. REST lists of merge requests have neither notes nor the size of changes; but
//! GraphQL lacks some fields of the REST list (<https://docs.gitlab.com/api/graphql/reference/#mergerequest>: no `squash_commit_sha`), so both are
//! read.

mod merge_request;
mod pipeline;

use chrono::{DateTime, Utc};
use schemas::api::resource::Resource;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::list::List;
use crate::pending::Part;
use crate::publish::Item;

/// Initial rows per page; fewer after GitLab found a query too complex, or was too slow.
pub const ROWS: u32 = 100;

/// A page of GraphQL.
#[derive(Debug, Default)]
pub struct Told {
    /// Objects, as REST would give them.
    pub items: Vec<Item>,
    /// Further things to ask about.
    pub parts: Vec<Part>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<String>,
}

/// Why an answer is unusable.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// It has an unexpected shape.
    #[error("an answer of GraphQL has not the shape that was asked for")]
    Shape(#[from] serde_json::Error),
    /// The project does not exist under this path, or is not shown to this token.
    #[error("GraphQL shows no project of this path")]
    NoProject,
    /// There is another page, but no cursor for it.
    #[error("GraphQL says that there is another page, and not where")]
    NoCursor,
    /// A row lacks a field that identifies it.
    #[error("a row of GraphQL lacks its {0}")]
    Row(&'static str),
    /// The project exists, but the list in it is not shown.
    #[error("GraphQL does not show it to this token (it is switched off, or the role does not suffice)")]
    Hidden,
}

/// Whether a list is read with GraphQL, if GitLab has it.
pub fn tells(list: List) -> bool {
    matches!(list, List::Pipelines | List::ChildPipelines | List::MergeRequestDetails)
}

/// The query for a list.
pub fn query(list: List) -> String {
    let (fields, arguments) = match list {
        List::MergeRequestDetails => {
            (merge_request::FIELDS, "mergeRequests(first: $first, after: $after, sort: UPDATED_DESC, ")
        }
        List::ChildPipelines => {
            (pipeline::FIELDS, "pipelines(first: $first, after: $after, source: \"parent_pipeline\", ")
        }
        _ => (pipeline::FIELDS, "pipelines(first: $first, after: $after, "),
    };
    format!(
        "query($path: ID!, $first: Int!, $after: String, $from: Time, $until: Time) {{ project(fullPath: $path) {{ \
         list: {arguments}updatedAfter: $from, updatedBefore: $until) {{ \
         pageInfo {{ endCursor hasNextPage }} nodes {{ {fields} }} }} }} }}"
    )
}

/// A query for one row of a project with all fields of all lists: it shows whether GitLab knows them.
pub fn probe() -> String {
    let (pipeline, request) = (pipeline::FIELDS, merge_request::FIELDS);
    format!(
        "query($path: ID!) {{ project(fullPath: $path) {{ pipelines(first: 1) {{ nodes {{ {pipeline} }} }} \
         mergeRequests(first: 1, sort: UPDATED_DESC) {{ nodes {{ {request} }} }} }} }}"
    )
}

/// Reads the answer to the query of a list. `base_url` is GitLab's address, without a slash at the end.
pub fn read(list: List, project_id: u64, base_url: &str, data: &RawValue) -> Result<Told, TellError> {
    let answer: Answer = serde_json::from_str(data.get())?;
    let project = answer.project.ok_or(TellError::NoProject)?;
    let Connection { nodes, page_info } = project.list.ok_or(TellError::Hidden)?;
    let mut told = Told::default();
    for node in nodes.into_iter().flatten() {
        match list {
            List::MergeRequestDetails => merge_request::add(project_id, node, &mut told)?,
            _ => pipeline::add(project_id, base_url, node, &mut told)?,
        }
    }
    if page_info.has_next_page {
        told.next = Some(page_info.end_cursor.ok_or(TellError::NoCursor)?);
    }
    Ok(told)
}

#[derive(Deserialize)]
struct Answer {
    project: Option<Project>,
}

#[derive(Deserialize)]
struct Project {
    list: Option<Connection>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    nodes: Vec<Option<Value>>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    #[serde(default)]
    end_cursor: Option<String>,
    has_next_page: bool,
}

/// A user in REST's shape.
fn user(user: &Value) -> Value {
    if user.is_null() {
        return Value::Null;
    }
    serde_json::json!({"id": number(&user["id"]), "username": user["username"], "name": user["name"]})
}

/// The number in a global id, 42 in `gid://gitlab/Ci::Pipeline/42`; `null` if there is none.
fn number(id: &Value) -> Value {
    let number = id.as_str().and_then(|id| id.rsplit('/').next()).and_then(|id| id.parse::<u64>().ok());
    number.map_or(Value::Null, Value::from)
}

/// A time of an object; a missing one counts as long ago.
fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(DateTime::UNIX_EPOCH)
}

fn item(resource: Resource, project_id: u64, object: &Value) -> Result<Item, TellError> {
    let context = schemas::api::subject::Context::project(project_id);
    Ok(Item { resource, context, object: to_raw_value(object)? })
}

#[cfg(test)]
mod tests;

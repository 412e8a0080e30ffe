//! GraphQL, where it tells in a list what REST tells one by one. In: a list, and the data of an answer. Out: a query; objects in the shape in which REST
//! gives them, and what is to be asked about further. Never asks.
//!
//! Of pipelines a list of REST has neither start, finish nor duration. Of merge requests it has neither notes nor the size of their changes; but GraphQL
//! does not have all that the list of REST has (<https://docs.gitlab.com/api/graphql/reference/#mergerequest>: no `squash_commit_sha`), so that
//! it tells them in addition.

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

/// Rows of a page to begin with; fewer after GitLab found a query too complex, or was too slow.
pub const ROWS: u32 = 100;

/// What a page of GraphQL told.
#[derive(Debug, Default)]
pub struct Told {
    /// Objects, as REST would give them.
    pub items: Vec<Item>,
    /// What is to be asked about further.
    pub parts: Vec<Part>,
    /// Behind which row the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// An answer that tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// It has another shape.
    #[error("an answer of GraphQL has not the shape that was asked for")]
    Shape(#[from] serde_json::Error),
    /// The project is not there under this path, or not for this token.
    #[error("GraphQL shows no project of this path")]
    NoProject,
    /// There is another page, of which nobody says where it is.
    #[error("GraphQL says that there is another page, and not where")]
    NoCursor,
    /// A row does not say what it is.
    #[error("a row of GraphQL lacks its {0}")]
    Row(&'static str),
    /// The project is there, and what it has is not shown.
    #[error("GraphQL does not show it to this token (it is switched off, or the role does not suffice)")]
    Hidden,
}

/// Whether GraphQL is asked for a list, where GitLab has it.
pub fn tells(list: List) -> bool {
    matches!(list, List::Pipelines | List::ChildPipelines | List::MergeRequestDetails)
}

/// The query of a list.
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

/// A query that asks for all that the queries of lists ask for, of one row of a project: whether GitLab knows it.
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

/// Somebody, as REST gives them.
fn user(user: &Value) -> Value {
    if user.is_null() {
        return Value::Null;
    }
    serde_json::json!({"id": number(&user["id"]), "username": user["username"], "name": user["name"]})
}

/// The number of a global id, as 42 of `gid://gitlab/Ci::Pipeline/42`; `null` where it is none.
fn number(id: &Value) -> Value {
    let number = id.as_str().and_then(|id| id.rsplit('/').next()).and_then(|id| id.parse::<u64>().ok());
    number.map_or(Value::Null, Value::from)
}

/// A time of an object; where it has none, as if it had changed long ago.
fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(DateTime::UNIX_EPOCH)
}

fn item(resource: Resource, project_id: u64, object: &Value) -> Result<Item, TellError> {
    let context = schemas::api::subject::Context::project(project_id);
    Ok(Item { resource, context, object: to_raw_value(object)? })
}

#[cfg(test)]
mod tests;

//! Fields of merge requests that REST lists omit. In: a node. Out: the size of its changes as a part of the merge request, its notes as REST gives
//! them (<https://docs.gitlab.com/api/notes/>), and which of its people are bots, which REST only reports with one request per user.

use std::collections::BTreeSet;

use schemas::api::resource::Resource;
use schemas::api::subject::{Context, Owner};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::{TellError, Told, item, number, time, user};
use crate::list::List;
use crate::pending::Part;
use crate::publish::Item;

/// The fields of a merge request to ask for. GraphQL reports for any user whether it is a bot
/// (<https://docs.gitlab.com/api/graphql/reference/#usercore>, `bot`).
pub(super) const FIELDS: &str = "id iid updatedAt commitCount diffStatsSummary { additions deletions fileCount } \
     author { id username name bot } mergeUser { id username name bot } \
     notes(first: 100) { pageInfo { hasNextPage } nodes { id body system internal createdAt updatedAt resolvable resolved resolvedAt \
     author { id username name bot } resolvedBy { id username name } } }";

pub(super) fn add(project_id: u64, node: Value, told: &mut Told) -> Result<(), TellError> {
    let id = number(&node["id"]);
    let iid = node["iid"].as_str().and_then(|iid| iid.parse::<u64>().ok()).ok_or(TellError::Row("iid"))?;
    let mut request = json!({
        "id": id, "iid": iid, "project_id": project_id, "updated_at": node["updatedAt"], "commit_count": node["commitCount"],
    });
    let stats = &node["diffStatsSummary"];
    if !stats.is_null() {
        request["diff_stats"] = json!({
            "additions": stats["additions"], "deletions": stats["deletions"], "file_count": stats["fileCount"],
        });
    }
    told.items.push(item(Resource::MergeRequest, project_id, &request)?);
    add_bots(&node, told)?;
    for note in node["notes"]["nodes"].as_array().into_iter().flatten().filter(|note| !note.is_null()) {
        let note = json!({
            "id": number(&note["id"]), "body": note["body"], "system": note["system"], "internal": note["internal"],
            "noteable_type": "MergeRequest", "noteable_id": id, "noteable_iid": iid, "project_id": project_id,
            "author": user(&note["author"]), "created_at": note["createdAt"], "updated_at": note["updatedAt"],
            "resolvable": note["resolvable"], "resolved": note["resolved"], "resolved_at": note["resolvedAt"],
            "resolved_by": user(&note["resolvedBy"]),
        });
        told.items.push(item(Resource::Note, project_id, &note)?);
    }
    if node["notes"]["pageInfo"]["hasNextPage"].as_bool() == Some(true) {
        told.parts.push(Part {
            list: List::MergeRequestNotes,
            id: iid,
            version: node["updatedAt"].as_str().unwrap_or_default().to_owned(),
            changed_at: time(&node["updatedAt"]),
        });
    }
    Ok(())
}

/// Adds the participants that are bots, each once per merge request. Others are not added: users count as people by default.
fn add_bots(node: &Value, told: &mut Told) -> Result<(), TellError> {
    let writers = node["notes"]["nodes"].as_array().into_iter().flatten().map(|note| &note["author"]);
    let mut known = BTreeSet::new();
    for one in [&node["author"], &node["mergeUser"]].into_iter().chain(writers) {
        let id = number(&one["id"]);
        if one["bot"].as_bool() == Some(true) && known.insert(id.as_u64()) {
            let bot = json!({"id": id, "username": one["username"], "name": one["name"], "bot": true});
            // A user belongs to no project.
            let context = Context { owner: Owner::Instance, parent: None };
            told.items.push(Item { resource: Resource::User, context, object: to_raw_value(&bot)? });
        }
    }
    Ok(())
}

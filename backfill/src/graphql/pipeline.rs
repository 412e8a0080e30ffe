//! Pipelines. In: a node. Out: the pipeline as REST gives one alone (<https://docs.gitlab.com/api/pipelines/#get-a-single-pipeline>).

use schemas::api::resource::Resource;
use serde_json::{Value, json};

use super::{TellError, Told, item, number, time, user};
use crate::list::List;
use crate::pending::Part;

/// The fields of a pipeline to ask for. Pipelines below it show whether it has trigger jobs.
pub(super) const FIELDS: &str = "id iid name sha ref source status createdAt updatedAt startedAt finishedAt duration queuedDuration coverage path \
     user { id username name } upstream { id } downstream(first: 1) { nodes { id } }";

pub(super) fn add(project_id: u64, base_url: &str, node: Value, told: &mut Told) -> Result<(), TellError> {
    let id = number(&node["id"]);
    if id.is_null() {
        return Err(TellError::Row("id"));
    }
    let iid = node["iid"].as_str().and_then(|iid| iid.parse::<u64>().ok());
    let web_url = node["path"].as_str().map(|path| format!("{base_url}{path}"));
    let mut pipeline = json!({
        "id": id, "iid": iid, "project_id": project_id, "name": node["name"], "sha": node["sha"], "ref": node["ref"],
        "source": node["source"], "status": node["status"].as_str().map(str::to_lowercase), "web_url": web_url,
        "created_at": node["createdAt"], "updated_at": node["updatedAt"], "started_at": node["startedAt"],
        "finished_at": node["finishedAt"], "duration": node["duration"], "queued_duration": node["queuedDuration"],
        "coverage": node["coverage"], "user": user(&node["user"]),
    });
    if !node["upstream"].is_null() {
        pipeline["upstream"] = json!({"id": number(&node["upstream"]["id"])});
    }
    let has_downstream = node["downstream"]["nodes"].as_array().is_some_and(|nodes| !nodes.is_empty());
    if let Some(id) = id.as_u64().filter(|_| has_downstream) {
        told.parts.push(Part {
            list: List::TriggerJobs,
            id,
            version: node["updatedAt"].as_str().unwrap_or_default().to_owned(),
            changed_at: time(&node["updatedAt"]),
        });
    }
    told.items.push(item(Resource::Pipeline, project_id, &pipeline)?);
    Ok(())
}

//! Pipelines as listed by the API, or one pipeline (<https://docs.gitlab.com/api/pipelines/>). A list has no start times, finish times or
//! durations.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::event::User;
use crate::event::pipeline::{
    Attributes, MergeRequest, Pipeline, SourcePipeline, SourceProject, branch_and_merge_request,
};
use crate::field::{Embedded, Field};

/// A pipeline.
#[derive(Debug, Default, Deserialize)]
pub struct Listed {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    iid: Field<u64>,
    #[serde(default)]
    name: Field<String>,
    #[serde(default, rename = "ref")]
    ref_name: Field<String>,
    #[serde(default)]
    tag: Field<bool>,
    #[serde(default)]
    sha: Field<String>,
    #[serde(default)]
    before_sha: Field<String>,
    #[serde(default)]
    source: Field<String>,
    #[serde(default)]
    status: Field<String>,
    #[serde(default)]
    user: Embedded<User>,
    #[serde(default)]
    created_at: Field<DateTime<Utc>>,
    #[serde(default)]
    updated_at: Field<DateTime<Utc>>,
    #[serde(default)]
    started_at: Field<DateTime<Utc>>,
    #[serde(default)]
    finished_at: Field<DateTime<Utc>>,
    #[serde(default)]
    duration: Field<f64>,
    #[serde(default)]
    queued_duration: Field<f64>,
    // A string: `"68.49"`.
    #[serde(default)]
    coverage: Field<f64>,
    #[serde(default)]
    web_url: Field<String>,
    /// The pipeline that started it, added by backfill from GraphQL (<https://docs.gitlab.com/api/graphql/reference/#pipeline>). Null also if the
    /// token may not see that pipeline, so null says nothing.
    #[serde(default)]
    upstream: Embedded<Upstream>,
}

/// The pipeline that started another one.
#[derive(Debug, Default, Deserialize)]
struct Upstream {
    #[serde(default)]
    id: Field<u64>,
    #[serde(default)]
    project_id: Field<u64>,
}

impl From<Listed> for Pipeline {
    fn from(listed: Listed) -> Self {
        let (ref_name, merge_request_iid) = branch_and_merge_request(listed.ref_name);
        let attributes = Attributes {
            id: listed.id,
            iid: listed.iid,
            name: listed.name,
            ref_name,
            tag: listed.tag,
            sha: listed.sha,
            before_sha: listed.before_sha,
            source: listed.source,
            status: listed.status,
            created_at: listed.created_at,
            updated_at: listed.updated_at,
            started_at: listed.started_at,
            finished_at: listed.finished_at,
            duration: listed.duration,
            queued_duration: listed.queued_duration,
            coverage: listed.coverage,
            url: listed.web_url,
            ..Attributes::default()
        };
        Pipeline {
            object_attributes: Embedded::from(attributes),
            merge_request: Embedded::from(MergeRequest { iid: merge_request_iid, ..MergeRequest::default() }),
            user: listed.user,
            source_pipeline: match listed.upstream.get() {
                Some(upstream) => Embedded::from(SourcePipeline {
                    pipeline_id: upstream.id.clone(),
                    project: Embedded::from(SourceProject { id: upstream.project_id.clone() }),
                    ..SourcePipeline::default()
                }),
                None => Embedded::default(),
            },
            ..Pipeline::default()
        }
    }
}

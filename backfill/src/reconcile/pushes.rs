//! Unreported pushes. In: the events of a project since the last run. Out: those of pushes that no table has. GitLab sends no webhook for a push of
//! more refs than `push_event_hooks_limit` (three), and does not retry one that fails.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemas::Envelope;
use schemas::api::resource::Resource;
use schemas::api::subject::Context;
use schemas::envelope::ApiItem;
use schemas::field::Field;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::error::ReconcileError;
use super::events::{older, since_day};
use super::report::{Findings, What};
use super::run::Step;
use super::stored::Transition;

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    push_data: Option<PushData>,
    #[serde(default)]
    created_at: Field<String>,
}

#[derive(Deserialize)]
struct PushData {
    #[serde(default)]
    commit_to: Field<String>,
    #[serde(default)]
    commit_from: Field<String>,
    #[serde(default, rename = "ref")]
    ref_name: Field<String>,
    #[serde(default)]
    ref_type: Field<String>,
}

/// Reads the pushes of a project since a time.
pub(super) async fn read(
    step: &Step<'_>,
    project_id: u64,
    since: DateTime<Utc>,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    let path = format!("projects/{project_id}/events");
    let mut page = since_day(step, &path, ("action", "pushed"), since).await?;
    loop {
        let oldest = take(step, project_id, &path, &page.items, page.read_at, findings).await?;
        let Some(next) = older(&page, oldest, since) else { return Ok(()) };
        page = step.asking.next(next).await?;
    }
}

/// Publishes the unreported pushes of a page. Returns when the last push of the page was made.
async fn take(
    step: &Step<'_>,
    project_id: u64,
    path: &str,
    objects: &[Box<RawValue>],
    read_at: DateTime<Utc>,
    findings: &mut Findings,
) -> Result<Option<DateTime<Utc>>, ReconcileError> {
    let events = objects.iter().map(|object| serde_json::from_str(object.get()));
    let events: Vec<Event> = events
        .collect::<Result<_, _>>()
        .map_err(|source| ReconcileError::Object { path: path.to_owned(), source })?;
    let transitions: Vec<Option<Transition>> = events.iter().map(transition).collect();
    let refs: BTreeSet<String> = transitions.iter().flatten().map(|push| push.ref_name.clone()).collect();
    let stored = step.stored.pushes(project_id, &Vec::from_iter(refs)).await?;
    // For a push of many refs GitLab names none: only its event identifies it.
    let envelopes = objects.iter().map(|object| envelope(step, project_id, object, read_at));
    let (ids, kinds): (Vec<Uuid>, BTreeSet<&str>) =
        envelopes.map(|envelope| (envelope.id(), envelope.kind().as_str())).unzip();
    let arrived = step.stored.arrived(&[project_id], &Vec::from_iter(kinds), &ids).await?;
    let chosen = objects.iter().zip(&transitions).zip(&ids).filter_map(|((object, transition), id)| {
        let is_known = match transition {
            Some(transition) => stored.contains(transition),
            None => arrived.contains(id),
        };
        (!is_known).then_some(&**object)
    });
    let chosen: Vec<&RawValue> = chosen.collect();
    step.publish(Resource::PushEvent, Context::project(project_id), &chosen, read_at).await?;
    *step.outcome(findings.of(What::Pushes)) += chosen.len() as u64;
    Ok(events.last().and_then(|event| schemas::time::parse(event.created_at.text())))
}

/// The envelope of an event of the list.
fn envelope(step: &Step<'_>, project_id: u64, object: &RawValue, read_at: DateTime<Utc>) -> Envelope {
    let item = ApiItem {
        resource: Resource::PushEvent,
        object,
        context: Context::project(project_id),
        tenant: &step.destination.tenant,
        asked_instance: &step.destination.instance,
        read_at,
        traceparent: None,
    };
    Envelope::api(&item).envelope
}

/// The change that a push of one ref made.
fn transition(event: &Event) -> Option<Transition> {
    let push = event.push_data.as_ref()?;
    let name = push.ref_name.value()?;
    let folder = match push.ref_type.text() {
        "tag" => "refs/tags/",
        _ => "refs/heads/",
    };
    let (before, after) = (push.commit_from.text(), push.commit_to.text());
    Some(Transition::new(format!("{folder}{name}"), before, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_of_the_list_is_the_transition_of_the_webhook() {
        let check = |json: &str, expected: Option<Transition>| {
            assert_eq!(transition(&serde_json::from_str(json).unwrap()), expected);
        };
        let zeros = "0".repeat(64);
        check(
            r#"{"push_data":{"ref_type":"branch","ref":"main","commit_from":"a","commit_to":"b"}}"#,
            Some(Transition::new("refs/heads/main".to_owned(), "a", "b")),
        );
        check(
            r#"{"push_data":{"ref_type":"tag","ref":"v1","commit_from":null,"commit_to":"b"}}"#,
            Some(Transition::new("refs/tags/v1".to_owned(), &zeros, "b")),
        );
        check(r#"{"push_data":{"ref_type":"branch","ref":null,"ref_count":5}}"#, None);
    }
}

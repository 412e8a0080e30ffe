//! Unreported comments. In: the events of a project since the last run. Out: those comments that no table has. GitLab's own notes make no events.

use chrono::{DateTime, Utc};
use schemas::api::resource::Resource;
use schemas::api::subject::Context;
use schemas::field::Field;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::ReconcileError;
use super::events::{older, since_day};
use super::report::{Findings, What};
use super::run::Step;

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    note: Option<Box<RawValue>>,
    #[serde(default)]
    created_at: Field<String>,
}

#[derive(Deserialize)]
struct Note {
    id: u64,
}

/// Reads the comments of a project since a time.
pub(super) async fn read(
    step: &Step<'_>,
    project_id: u64,
    since: DateTime<Utc>,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    let path = format!("projects/{project_id}/events");
    let unreadable = |source| ReconcileError::Object { path: path.clone(), source };
    let mut page = since_day(step, &path, ("target_type", "note"), since).await?;
    loop {
        let (mut notes, mut oldest): (Vec<(u64, Box<RawValue>)>, _) = (Vec::new(), None);
        for object in &page.items {
            let event: Event = serde_json::from_str(object.get()).map_err(unreadable)?;
            oldest = schemas::time::parse(event.created_at.text());
            // For a deleted note only the event is left.
            let Some(note) = event.note.filter(|note| note.get() != "null") else { continue };
            notes.push((serde_json::from_str::<Note>(note.get()).map_err(unreadable)?.id, note));
        }
        let ids: Vec<u64> = notes.iter().map(|(id, _)| *id).collect();
        let known = step.stored.notes(project_id, &ids).await?;
        let missing = notes.iter().filter(|(id, _)| !known.contains(id)).map(|(_, note)| &**note);
        let missing: Vec<&RawValue> = missing.collect();
        step.publish(Resource::Note, Context::project(project_id), &missing, page.read_at).await?;
        *step.outcome(findings.of(What::Notes)) += missing.len() as u64;
        let Some(next) = older(&page, oldest, since) else { return Ok(()) };
        page = step.asking.next(next).await?;
    }
}

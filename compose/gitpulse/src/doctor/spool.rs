//! Checks the spool. In: its folder and limit. Out: what waits in it and what is wrong with it. Never changes it: that is for ingest.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use indicatif::{HumanBytes, HumanDuration};
use runtime::spool::{Inspection, SpoolConfig, Waiting, inspect};

use super::finding::Finding;
use crate::roles;

/// Checks the spool of `gitpulse ingest`.
pub(super) async fn check(config: &SpoolConfig) -> Vec<Finding> {
    let folder = roles::spool_folder(config).to_owned();
    let limit = u64::from(config.spool_max_mib) * 1024 * 1024;
    let inspected = folder.clone();
    // A panic was reported when it happened.
    let inspection = tokio::task::spawn_blocking(move || inspect(&inspected)).await;
    match inspection.unwrap_or_else(|error| Err(error.into())) {
        Ok(inspection) => findings(&folder, limit, &inspection),
        Err(error) if error.kind() == ErrorKind::NotFound => vec![Finding::Note(format!(
            "spool: {} is not there; `ingest` makes it, and `up` has its own in its data folder",
            folder.display()
        ))],
        Err(error) => vec![Finding::Bad(
            format!("spool: {} cannot be read: {error}", folder.display()),
            "run doctor as the user of ingest, or correct GITPULSE_SPOOL_DIR".to_owned(),
        )],
    }
}

fn findings(folder: &Path, limit: u64, inspection: &Inspection) -> Vec<Finding> {
    let name = folder.display();
    let mut findings = Vec::new();
    match &inspection.waiting {
        None => findings.push(Finding::Good(format!(
            "spool: ingest uses {name}; /readyz and /metrics (gitpulse_spool_...) of its admin listener tell what waits in it"
        ))),
        Some(waiting) => findings.extend(left_behind(folder, waiting)),
    }
    if !inspection.is_writable {
        findings.push(Finding::Bad(
            format!("spool: {name} cannot be written"),
            "give it to the user of ingest, or choose another folder by GITPULSE_SPOOL_DIR".to_owned(),
        ));
    }
    if !inspection.is_private {
        findings.push(Finding::Bad(
            format!("spool: others may enter {name}, which holds payloads"),
            format!("`chmod 700 {name}`, or name a folder by GITPULSE_SPOOL_DIR that ingest makes itself"),
        ));
    }
    if let Some(files) = some(&inspection.set_aside, "file") {
        findings.push(Finding::Bad(
            format!("spool: {files} with unreadable records, set aside in {name}"),
            "the log of ingest says why; after a power cut it is mostly a record that was never answered. Deliver what is missing again from \
             the hook's recent events, then delete the file"
                .to_owned(),
        ));
    }
    findings.push(room(limit.saturating_sub(inspection.bytes), inspection.free));
    findings
}

/// What the next start on the folder finds.
fn left_behind(folder: &Path, waiting: &Waiting) -> Vec<Finding> {
    let name = folder.display();
    let mut findings = vec![match waiting.records {
        0 => Finding::Good(format!("spool: nothing waits in {name}")),
        records => Finding::Bad(
            format!(
                "spool: {records} event(s) wait in {name}, the oldest for {}, and no ingest uses it",
                HumanDuration(waiting.oldest)
            ),
            "start `gitpulse ingest` with this GITPULSE_SPOOL_DIR: it brings them to Kafka".to_owned(),
        ),
    }];
    if let Some(segments) = some(&waiting.damaged, "segment") {
        findings.push(Finding::Bad(
            format!("spool: {segments} with damaged bytes in {name}"),
            "start `gitpulse ingest`: it publishes what is before the damage and sets the rest aside"
                .to_owned(),
        ));
    }
    if let Some(segments) = some(&waiting.unreadable, "segment") {
        findings.push(Finding::Bad(
            format!("spool: {segments} in {name} that cannot be read"),
            "check the disk and the owner of the files; ingest tries again at its next start".to_owned(),
        ));
    }
    findings
}

/// Whether the disk has room for what the spool may still use.
fn room(may_take: u64, free: u64) -> Finding {
    let (may_take_text, free_text) = (HumanBytes(may_take), HumanBytes(free));
    match free < may_take {
        false => Finding::Good(format!("spool: it may take {may_take_text} more, the disk has {free_text}")),
        true => Finding::Bad(
            format!("spool: it may take {may_take_text} more, but the disk has only {free_text}"),
            "make room, lower GITPULSE_SPOOL_MAX_MIB, or choose a folder on another disk by GITPULSE_SPOOL_DIR"
                .to_owned(),
        ),
    }
}

/// The number of files and the name of the first; `None` if there are none.
fn some(files: &[PathBuf], what: &str) -> Option<String> {
    let first = files.first()?.file_name()?.to_string_lossy();
    Some(format!("{} {what}(s), {first} among them,", files.len()))
}

#[cfg(test)]
mod tests;

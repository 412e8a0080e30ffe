//! What is gone. In: everything that GitLab lists of a project. Out: a tombstone for each row of a thing that it lists no more.

use super::error::ReconcileError;
use super::report::Findings;
use super::run::Step;
use crate::scope::Project;

/// Marks rows of things of a project that GitLab no longer has.
pub(super) async fn find(
    _step: &Step<'_>,
    _project: &Project,
    _findings: &mut Findings,
) -> Result<(), ReconcileError> {
    Ok(())
}

//! Fills gaps in the numbers of a project. In: what a table has and what was listed. Out: missing things, in Kafka; numbers that GitLab does not
//! have, saved; the rest, counted. Never requests a number again that GitLab did not have.

use chrono::DateTime;
use serde_json::value::RawValue;

use super::compare::{Compared, take};
use super::error::ReconcileError;
use super::numbers::{Numbers, Span};
use super::pipelines;
use super::report::{Findings, What};
use super::run::{Mode, Step};
use super::state::ProjectState;
use super::stored::{Gap, Known};
use super::watched::{PER_PAGE, Watched};

/// Fills the gaps of a list of a project, and counts how complete its table is.
pub(super) async fn fill(
    step: &Step<'_>,
    project_id: u64,
    watched: Watched,
    compared: &mut Compared,
    state: &mut ProjectState,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    let known = step.stored.known(watched, project_id).await?;
    let (mut left, mut filled) = (0, Ok(()));
    if watched.is_numbered() {
        let gaps = all_gaps(step.stored.gaps(watched, project_id).await?, known, compared);
        let absent = state.absent.entry(watched.as_str().to_owned()).or_default();
        let missing = Numbers::of(gaps.iter().map(|gap| gap.span)).without(&listed(compared)).without(absent);
        filled = match (step.plan.mode, watched) {
            (Mode::Look, _) => Ok(()),
            (Mode::Mend, Watched::Pipelines) => {
                pipelines::find(step, project_id, &gaps, &missing, compared, absent, findings).await
            }
            (Mode::Mend, _) => {
                numbered(step, project_id, watched, &missing, compared, absent, findings).await
            }
        };
        let still = missing.without(&listed(compared)).without(absent);
        left = still.count();
        let open = gaps.iter().filter(|gap| still.touches(gap.span)).filter_map(|gap| gap.before);
        findings.oldest_gap = open.chain(findings.oldest_gap).min();
        findings.of(What::Missing(watched)).left += left;
        findings.missing += left;
        findings.known += known.numbers;
    } else {
        findings.known += known.rows;
    }
    let counted = count(step, project_id, watched, known, left, compared, findings).await;
    match step.plan.mode {
        Mode::Mend => findings.known += compared.added.len() as u64,
        Mode::Look => findings.missing += compared.added.len() as u64,
    }
    filled.and(counted)
}

fn listed(compared: &Compared) -> Numbers {
    Numbers::of_list(compared.listed.iter().copied())
}

/// The gaps of the table, including the one between its greatest number and the greatest that was listed.
fn all_gaps(mut gaps: Vec<Gap>, known: Known, compared: &Compared) -> Vec<Gap> {
    if compared.highest > known.highest {
        let span = Span { first: known.highest + 1, last: compared.highest };
        let after = known.newest.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        gaps.push(Gap { span, after, before: None });
    }
    gaps
}

/// Requests missing numbers, greatest first; several at once if several are missing.
async fn numbered(
    step: &Step<'_>,
    project_id: u64,
    watched: Watched,
    missing: &Numbers,
    compared: &mut Compared,
    absent: &mut Numbers,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    for numbers in missing.newest_first(PER_PAGE) {
        let objects: Vec<Box<RawValue>> = match numbers.as_slice() {
            [number] => {
                let path = watched.path_of(project_id, *number);
                match step.asking.targeted_object(watched.limit(), &path).await {
                    Ok(object) => vec![object],
                    Err(error) if error.is_absent() => Vec::new(),
                    Err(error) => return Err(error),
                }
            }
            numbers => {
                let (path, query) = (watched.path(project_id), watched.numbered(numbers));
                step.asking.targeted_list(watched.limit(), &path, &query).await?.items
            }
        };
        // Requested just now, so nothing that arrived since can be older.
        take(step, project_id, watched, &objects, step.now, compared, findings).await?;
        let gone = Numbers::of_list(numbers).without(&listed(compared));
        findings.of(What::Missing(watched)).gone += gone.count();
        *absent = absent.with(&gone);
    }
    Ok(())
}

/// Compares GitLab's count with the table's, and reads through the list for missing things.
async fn count(
    step: &Step<'_>,
    project_id: u64,
    watched: Watched,
    known: Known,
    left: u64,
    compared: &mut Compared,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    let Some(total) = compared.total else { return Ok(()) };
    let has = |compared: &Compared| known.rows + (compared.added.len() + compared.revived.len()) as u64;
    let lacks = |compared: &Compared| total.saturating_sub(has(compared) + left);
    let mut walked = Ok(());
    if lacks(compared) > 0 && step.plan.mode == Mode::Mend {
        walked = walk(step, project_id, watched, compared, &lacks, findings).await;
    }
    let lacks = lacks(compared);
    findings.of(What::Missing(watched)).left += lacks;
    findings.missing += lacks;
    let more = has(compared).saturating_sub(total);
    if more > 0 {
        findings.note(format!(
            "project {project_id}: the table has {more} {} more than GitLab lists to this token: they are deleted or hidden, and --deletions \
             marks what is gone",
            watched.as_str(),
        ));
    }
    walked
}

/// Reads through a list, newest first, until nothing is missing.
async fn walk(
    step: &Step<'_>,
    project_id: u64,
    watched: Watched,
    compared: &mut Compared,
    lacks: &impl Fn(&Compared) -> u64,
    findings: &mut Findings,
) -> Result<(), ReconcileError> {
    let path = watched.path(project_id);
    let mut page = step.asking.targeted_list(watched.limit(), &path, &watched.newest(PER_PAGE)).await?;
    loop {
        take(step, project_id, watched, &page.items, page.read_at, compared, findings).await?;
        let Some(next) = page.next.as_ref().filter(|_| lacks(compared) > 0) else { return Ok(()) };
        page = step.asking.targeted_next(next).await?;
    }
}

//! The findings of a run. In: findings of single projects and groups. Out: their sum, how complete each project is, and whether anything is left.
//! Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::error::ReconcileError;
use super::watched::Watched;

/// Notes kept per project or group; further ones are only counted.
const MAX_NOTES: usize = 20;

/// What a run searches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// Failed deliveries in the logs of hooks that never arrived.
    Deliveries,
    /// Deliveries that were too large for the log: their content is read from the lists.
    Oversize,
    /// Pushes in the log whose authors' addresses GitLab blanked.
    BlankedAddresses,
    /// Things that a table did not have.
    Missing(Watched),
    /// Things that have changed since the table was last updated.
    Behind(Watched),
    /// Unreported pushes.
    Pushes,
    /// Unreported comments.
    Notes,
    /// Pipelines that were unfinished for long, or finished without their times.
    Unfinished,
    /// Merge requests that were merged or closed, and whose approvals could not be read.
    Approvals,
    /// Rows of things that GitLab no longer has.
    Deleted,
}

impl What {
    /// All variants, in the order of a run.
    pub fn all() -> Vec<What> {
        let mut all = vec![What::Deliveries, What::Oversize, What::BlankedAddresses];
        all.extend(
            Watched::ALL.into_iter().flat_map(|watched| [What::Missing(watched), What::Behind(watched)]),
        );
        all.extend([What::Pushes, What::Notes, What::Unfinished, What::Approvals, What::Deleted]);
        all
    }

    /// Its name, in the table on the terminal and in metric labels.
    pub fn as_str(self) -> &'static str {
        match self {
            What::Deliveries => "deliveries",
            What::Oversize => "oversize_deliveries",
            What::BlankedAddresses => "blanked_addresses",
            What::Missing(watched) => watched.as_str(),
            What::Behind(Watched::MergeRequests) => "merge_requests_behind",
            What::Behind(Watched::Issues) => "issues_behind",
            What::Behind(Watched::Pipelines) => "pipelines_behind",
            What::Behind(Watched::ChildPipelines) => "child_pipelines_behind",
            What::Behind(Watched::Deployments) => "deployments_behind",
            What::Pushes => "pushes",
            What::Notes => "notes",
            What::Unfinished => "unfinished_pipelines",
            What::Approvals => "approvals",
            What::Deleted => "deleted",
        }
    }
}

/// The results for one kind of finding. **Invariant:** found is the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Read from GitLab, and in Kafka.
    pub mended: u64,
    /// GitLab does not have it, or does not show it to the token: it is not requested again.
    pub gone: u64,
    /// Still missing.
    pub left: u64,
}

impl Tally {
    /// All that was found.
    pub fn found(self) -> u64 {
        self.mended + self.gone + self.left
    }
}

/// The findings of one project or group.
#[derive(Debug, Default)]
pub struct Findings {
    /// Results by kind.
    pub tallies: BTreeMap<What, Tally>,
    /// Things that the tables have, including what this run published.
    pub known: u64,
    /// Things that they still lack.
    pub missing: u64,
    /// The oldest missing thing was created before this time.
    pub oldest_gap: Option<DateTime<Utc>>,
    /// Merge requests whose approvals were read after the merge or close, whether or not anything was new.
    pub read_again: u64,
    /// Hooks that GitLab currently does not call.
    pub disabled_hooks: u64,
    /// Hooks that lead to GitPulse.
    pub hooks: u64,
    /// Notes for the user.
    pub notes: Vec<String>,
    /// Number of notes that were not kept.
    pub more_notes: u64,
    /// Steps that failed.
    pub failures: u64,
}

impl Findings {
    /// The results for one kind.
    pub fn of(&mut self, what: What) -> &mut Tally {
        self.tallies.entry(what).or_default()
    }

    /// Adds a note for the user.
    pub fn note(&mut self, note: String) {
        match self.notes.len() < MAX_NOTES {
            true => self.notes.push(note),
            false => self.more_notes += 1,
        }
    }

    /// Notes why a step failed; returns an error that ends the whole run.
    pub fn ended(&mut self, step: &str, error: ReconcileError) -> Result<(), ReconcileError> {
        if error.ends_the_run() {
            return Err(error);
        }
        // What a spent budget leaves is counted, not noted.
        if !error.is_hidden() && !matches!(error, ReconcileError::Spent) {
            self.failures += 1;
        }
        self.note(match error.needs_attention() {
            Some(remedy) => format!("{step}: {error}; {remedy}"),
            None => format!("{step}: {error}"),
        });
        Ok(())
    }

    /// The share of things that is in the tables: 1 if there are no things.
    pub fn completeness(&self) -> f64 {
        match self.known + self.missing {
            0 => 1.0,
            all => self.known as f64 / all as f64,
        }
    }

    /// Adds other findings, without their notes.
    pub fn add(&mut self, other: &Findings) {
        for (what, tally) in &other.tallies {
            let sum = self.of(*what);
            sum.mended += tally.mended;
            sum.gone += tally.gone;
            sum.left += tally.left;
        }
        self.known += other.known;
        self.missing += other.missing;
        self.oldest_gap = [self.oldest_gap, other.oldest_gap].into_iter().flatten().min();
        self.disabled_hooks += other.disabled_hooks;
        self.hooks += other.hooks;
        self.failures += other.failures;
        self.read_again += other.read_again;
    }

    /// Adds other findings, with their notes.
    pub fn take(&mut self, other: Findings) {
        self.add(&other);
        self.more_notes += other.more_notes;
        for note in other.notes {
            self.note(note);
        }
    }

    /// Whether nothing that could be done is left.
    pub fn is_whole(&self) -> bool {
        self.failures == 0 && self.missing == 0 && self.tallies.values().all(|tally| tally.left == 0)
    }
}

/// The report of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// By the path of the project or group.
    pub places: BTreeMap<String, Findings>,
    /// Requests that were made.
    pub requests: u64,
    /// Number of projects.
    pub projects: u64,
}

impl Report {
    /// The sum of all.
    pub fn sum(&self) -> Findings {
        let mut sum = Findings::default();
        for findings in self.places.values() {
            sum.add(findings);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<&str> = What::all().into_iter().map(What::as_str).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_project_is_as_complete_as_what_it_lacks() {
        let of = |known, missing| Findings { known, missing, ..Findings::default() };
        assert_eq!(of(0, 0).completeness(), 1.0);
        assert_eq!(of(3, 1).completeness(), 0.75);
        assert!(of(3, 0).is_whole() && !of(3, 1).is_whole());
        let mut left = of(3, 0);
        left.of(What::Deliveries).left = 1;
        assert!(!left.is_whole());
        let mut sum = of(1, 0);
        sum.add(&left);
        assert_eq!((sum.known, sum.tallies[&What::Deliveries].found()), (4, 1));
    }

    #[test]
    fn what_is_hidden_is_said_and_no_failure() {
        let forbidden = || gitlab::FetchError::Forbidden { token: "t".to_owned(), message: "403".to_owned() };
        let mut findings = Findings::default();
        assert!(findings.ended("deployments of shop/checkout", forbidden().into()).is_ok());
        assert_eq!((findings.failures, findings.notes.len()), (0, 1));
        assert!(findings.ended("issues", gitlab::FetchError::Limited.into()).is_ok());
        assert_eq!((findings.failures, findings.is_whole()), (1, false));
        let foreign = gitlab::FetchError::ForeignLink { host: "a".to_owned(), base: "b".to_owned() };
        assert!(findings.ended("issues", foreign.into()).is_ok());
        assert!(findings.notes.last().unwrap().ends_with("(external_url)"), "{:?}", findings.notes);
        assert!(findings.ended("issues", ReconcileError::Stopped).is_err());
    }
}

//! Estimates the cost of a run. In: how many things a project has. Out: requests of each list, and how certain that is. Pure; [`crate::count`] makes
//! the requests.
//!
//! A number is exact if GitLab counted the things and a page has a fixed size. For other lists only the first page is certain, and one-by-one
//! requests are limited by the number of things that may need one.

use crate::graphql;
use crate::list::{List, PER_PAGE, Way};

/// How many things a project has; `None` if GitLab does not report it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Merge requests, in any state.
    pub merge_requests: Option<u64>,
    /// Issues, in any state.
    pub issues: Option<u64>,
    /// Pipelines.
    pub pipelines: Option<u64>,
    /// Jobs, retried ones included.
    pub jobs: Option<u64>,
    /// Deployments.
    pub deployments: Option<u64>,
}

/// How certain a number of requests is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Counted by GitLab.
    Counted,
    /// It may be more: GitLab does not count these.
    AtLeast,
    /// It may be less: only some of the things need a request.
    AtMost,
}

/// Requests of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Things that are read; `None` if they are not counted.
    pub things: Option<u64>,
    /// Requests.
    pub requests: u64,
    /// How certain that is.
    pub certainty: Certainty,
}

impl Cost {
    /// The sum of two costs; it is as certain as the less certain one.
    pub fn and(self, other: Cost) -> Cost {
        Cost {
            things: self.things.zip(other.things).map(|(one, other)| one + other),
            requests: self.requests + other.requests,
            certainty: self.certainty.max(other.certainty),
        }
    }
}

/// The cost of reading a list for the first time.
pub fn first_run(list: List, counts: &Counts, by_graphql: bool) -> Cost {
    let things = match list {
        List::MergeRequests
        | List::MergeRequestDetails
        | List::MergeRequestCommits
        | List::MergeRequestNotes => counts.merge_requests,
        List::Issues | List::IssueNotes => counts.issues,
        List::Pipelines | List::PipelineDetails | List::TriggerJobs => counts.pipelines,
        List::Jobs => counts.jobs,
        List::Deployments | List::DeploymentMergeRequests => counts.deployments,
        _ => None,
    };
    if list.way() == Way::Each {
        return one_by_one(list, things, by_graphql);
    }
    let rows = match list {
        // Without GraphQL, notes are requested one by one, and this list is not read.
        List::MergeRequestDetails if !by_graphql => {
            return Cost { things: Some(0), requests: 0, certainty: Certainty::Counted };
        }
        List::MergeRequestDetails => u64::from(graphql::ROWS),
        _ => PER_PAGE as u64,
    };
    match things {
        Some(count) => Cost { things, requests: count.div_ceil(rows).max(1), certainty: Certainty::Counted },
        None => Cost { things, requests: 1, certainty: Certainty::AtLeast },
    }
}

/// The cost of a list with one request per thing that other lists have found.
fn one_by_one(list: List, things: Option<u64>, by_graphql: bool) -> Cost {
    let none = Cost { things: Some(0), requests: 0, certainty: Certainty::AtLeast };
    match list {
        // Only for pipelines that change after their jobs were read, which a first run cannot know.
        List::PipelineJobs => none,
        // GraphQL lists them, with few exceptions.
        List::PipelineDetails | List::TriggerJobs | List::MergeRequestNotes if by_graphql => none,
        _ => match things {
            Some(count) => Cost { things, requests: count, certainty: Certainty::AtMost },
            None => Cost { things, ..none },
        },
    }
}

/// The cost of reading a finished list again: one request finds what changed.
pub fn next_run(list: List) -> Cost {
    let requests = u64::from(list.way() != Way::Each);
    Cost { things: None, requests, certainty: Certainty::AtLeast }
}

/// The cost of a list in which nothing can have changed since it was read.
pub fn unchanged() -> Cost {
    Cost { things: None, requests: 0, certainty: Certainty::Counted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: List, by_graphql: bool, expected: (u64, Certainty)) {
        let counts = Counts {
            merge_requests: Some(1_001),
            issues: Some(40),
            pipelines: Some(250),
            jobs: Some(0),
            deployments: None,
        };
        let cost = first_run(list, &counts, by_graphql);
        assert_eq!((cost.requests, cost.certainty), expected, "{list:?}");
    }

    #[test]
    fn pages_are_counted_where_things_are() {
        check(List::MergeRequests, true, (11, Certainty::Counted));
        check(List::MergeRequestDetails, true, (11, Certainty::Counted));
        check(List::MergeRequestDetails, false, (0, Certainty::Counted));
        check(List::Pipelines, true, (3, Certainty::Counted));
        // It takes a request to see that a list is empty.
        check(List::Jobs, true, (1, Certainty::Counted));
        check(List::Deployments, true, (1, Certainty::AtLeast));
        check(List::Branches, true, (1, Certainty::AtLeast));
    }

    #[test]
    fn what_is_asked_one_by_one_is_bounded_by_what_leads_to_it() {
        check(List::MergeRequestCommits, true, (1_001, Certainty::AtMost));
        check(List::IssueNotes, true, (40, Certainty::AtMost));
        check(List::PipelineDetails, true, (0, Certainty::AtLeast));
        check(List::PipelineDetails, false, (250, Certainty::AtMost));
        check(List::DeploymentMergeRequests, true, (0, Certainty::AtLeast));
    }

    #[test]
    fn a_sum_is_no_surer_than_its_parts() {
        let counted = Cost { things: Some(3), requests: 1, certainty: Certainty::Counted };
        let open = Cost { things: None, requests: 1, certainty: Certainty::AtLeast };
        let both = Cost { things: None, requests: 2, certainty: Certainty::AtLeast };
        assert_eq!((counted.and(open), open.and(counted)), (both, both));
    }
}

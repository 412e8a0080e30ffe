//! Reasons for missing numbers. In: the word of a metric view. Out: its meaning, and what would change it. Knows every word of the views; an unknown
//! word is returned as it is.

/// Every reason for which a merge request belongs to no deployment.
#[cfg(test)]
pub(super) const UNATTRIBUTED: [&str; 10] = [
    "baseline",
    "awaiting",
    "branch_not_deployed",
    "landing_unknown",
    "deployment_sha_unknown",
    "chain_gap",
    "rewritten",
    "tie",
    "tier_unknown",
    "promotion",
];

/// Every other reason for which a number of a report covers less.
#[cfg(test)]
pub(super) const UNCOVERED: [&str; 13] = [
    "unattributed",
    "open",
    "opened_unknown",
    "no_success_since",
    "first_commit_unknown",
    "clock",
    "unreviewed",
    "unapproved",
    "size_unknown",
    "first_attempt_unknown",
    "queue_unknown",
    "duration_unknown",
    "place_unknown",
];

/// The meaning of a reason, and what would change it.
pub(super) fn reason(word: &str) -> (String, String) {
    let (why, change) = match word {
        "baseline" => (
            "it was merged before the first deployment on record, so that nobody knows which one brought it",
            "older deployments: `gitpulse backfill` reads them",
        ),
        "awaiting" => (
            "nothing that was deployed since has reached its place on the branch",
            "the next deployment that does",
        ),
        "branch_not_deployed" => (
            "no commit of the branch that it was merged into was ever deployed to this tier",
            "a deployment of that branch, or of one that it is merged into",
        ),
        "landing_unknown" => (
            "nobody told which commit of the branch is its own: old webhooks do not name a squashed commit that was fast-forwarded",
            "its object of the API, which names it: `gitpulse backfill`",
        ),
        "deployment_sha_unknown" => (
            "a deployment that may have brought it does not name its commit, or so shortly that two commits fit",
            "that deployment's object of the API, which does: `gitpulse backfill`",
        ),
        "chain_gap" => (
            "between the commit that was deployed and its own a push is missing",
            "that push: `gitpulse reconcile` finds what GitLab did not deliver",
        ),
        "rewritten" => (
            "a force push took its commit off the branch before it was deployed",
            "nothing: the branch no longer has it",
        ),
        "tie" => (
            "another merge request was merged in the same second, and which of them was first is not known",
            "the pushes of both merges: `gitpulse reconcile` or `gitpulse backfill`",
        ),
        "tier_unknown" => (
            "nobody said to which tier the environment belongs",
            "the environments of the project: `gitpulse backfill`",
        ),
        "promotion" => (
            "it brings to a branch what was merged elsewhere before: those are counted, and it is not",
            "nothing: it is not missing",
        ),
        "unattributed" => (
            "its project deployed nothing to production within 24 hours before it",
            "a deployment in that time that is not on record: `gitpulse backfill`",
        ),
        "opened_unknown" => ("nobody told when it was opened", "its object of the API: `gitpulse backfill`"),
        "open" => ("it was opened, and is not closed yet", "closing it: then it was restored"),
        "no_success_since" => {
            ("nothing was deployed to its environment with success since it failed", "the next success there")
        }
        "first_commit_unknown" => (
            "nobody told when its first commit was written",
            "its commits, which the API lists: `gitpulse backfill`",
        ),
        "clock" => (
            "a clock was wrong: its first commit is younger than what came after it",
            "nothing: it is in no median",
        ),
        "unreviewed" => {
            ("nobody but its author and bots said anything before the merge", "nothing: that is how it was")
        }
        "unapproved" => (
            "it was reviewed, and nobody approved it: no approval, no time from there to the merge",
            "nothing: that is how it was",
        ),
        "size_unknown" => (
            "how many lines and files it changes the API alone tells",
            "its list of the API: `gitpulse backfill`",
        ),
        "first_attempt_unknown" => (
            "no webhook told how it ended first, and the API did not list its jobs",
            "its jobs, which the API lists: `gitpulse backfill`",
        ),
        "queue_unknown" => ("nobody told how long it waited", "its object of the API: `gitpulse backfill`"),
        "duration_unknown" => ("nobody told how long it ran", "its object of the API: `gitpulse backfill`"),
        "place_unknown" => (
            "where its commit stands on a branch is not known",
            "the commits of the default branch, which the API lists: `gitpulse backfill`",
        ),
        other => (other, "the metric view, which gives this reason, says more in its comments"),
    };
    (why.to_owned(), change.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_words_and_a_remedy() {
        for word in UNATTRIBUTED.into_iter().chain(UNCOVERED) {
            let (why, change) = reason(word);
            assert!(why.len() > 20 && change.len() > 10 && why != word, "{word}: {why}, {change}");
        }
        assert_eq!(reason("of_tomorrow").0, "of_tomorrow");
    }

    #[test]
    fn every_reason_stands_on_the_page() {
        let page = include_str!("../../../../docs/METRICS.md");
        for word in UNATTRIBUTED.into_iter().chain(UNCOVERED) {
            assert!(
                page.contains(&format!("\n| `{word}` | ")),
                "docs/METRICS.md does not say what {word} means"
            );
        }
    }
}

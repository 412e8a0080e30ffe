//! Why a number is missing. In: the word that a metric view gives. Out: what it means, and what would change it. Knows every word of the views; one that it does not
//! know is repeated as it is.

/// Every reason why a merge request belongs to no deployment.
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

/// What a reason means, and what would change it.
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
            "nobody said as which commit it landed: old webhooks do not name a squashed commit that was fast-forwarded",
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
        other => (other, "the metric view, which gives this reason, says more in its comments"),
    };
    (why.to_owned(), change.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_words_and_a_remedy() {
        for word in UNATTRIBUTED.into_iter().chain(["unattributed"]) {
            let (why, change) = reason(word);
            assert!(why.len() > 20 && change.len() > 10 && why != word, "{word}: {why}, {change}");
        }
        assert_eq!(reason("of_tomorrow").0, "of_tomorrow");
    }
}

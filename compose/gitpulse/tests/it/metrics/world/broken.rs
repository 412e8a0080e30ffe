//! Rules of the metric views, each broken on purpose. In: the text of a view. Out: another text, which a comparison with the truth must detect.

use schemas::migration::Target;
use schemas::view::{METRICS, Rights, VIEWS, View};

/// A rule to break: `rule` is a part of the view's text.
pub(super) struct Broken {
    /// The resulting fault.
    pub(super) name: &'static str,
    pub(super) view: &'static str,
    rule: &'static str,
    instead: &'static str,
    /// The view in which it must be visible.
    pub(super) seen_in: &'static str,
}

/// The statements that create a view.
pub(super) fn made(name: &str, database: &str) -> Vec<String> {
    let view: &View = METRICS.iter().chain(VIEWS).find(|view| view.name == name).unwrap();
    view.statements(&Target { database: database.to_owned(), cluster: None }, Rights::Reader)
}

impl Broken {
    /// The statements that create the broken view.
    pub(super) fn made(&self, database: &str) -> Vec<String> {
        let statements = made(self.view, database);
        let broken: Vec<String> =
            statements.iter().map(|statement| statement.replace(self.rule, self.instead)).collect();
        assert_ne!(statements, broken, "{}: {} says {:?} no more", self.name, self.view, self.rule);
        broken
    }
}

macro_rules! broken {
    ($($name:literal: $view:literal, $rule:literal => $instead:literal, $seen_in:literal;)*) => {
        /// All rules to break, by the resulting fault.
        pub(super) const BROKEN: &[Broken] = &[
            $(Broken { name: $name, view: $view, rule: $rule, instead: $instead, seen_in: $seen_in },)*
        ];
    };
}

broken! {
    // Reasons.
    "a promotion is delivered itself": "deliveries", "word = 'promotion', 'promotion'," => "word = 'nothing', 'promotion',", "lead_times";
    "the first success on record delivers what was merged before": "deliveries", "delivery.4 OR delivery.2 = first OR (delivery.2 = branch_first AND merged_second <= first)" => "delivery.4", "lead_times";
    "the first success of any branch delivers nothing": "deliveries", "delivery.2 = branch_first AND merged_second <= first" => "delivery.2 = branch_first", "lead_times";
    "what a force push took away waits for ever": "deliveries", "is_gone, 'rewritten'," => "false, 'rewritten',", "lead_times";
    "a branch from which nothing is deployed is waited for": "deliveries", "branch_first = 0, if(" => "branch_first < 0, if(", "lead_times";
    // Lead times.
    "the last deployment delivers": "deliveries", "minIf((second, by_id, " => "maxIf((second, by_id, ", "lead_times";
    "a deployment delivers what is beyond it": "deliveries", "ORDER BY place DESC RANGE" => "ORDER BY place ASC RANGE", "lead_times";
    "places of branches are compared with each other": "deliveries", "PARTITION BY instance, project_id, scope, branch ORDER BY" => "PARTITION BY instance, project_id, scope ORDER BY", "lead_times";
    "a pick delivers nothing": "deliveries", "by_pick.2 > 0 AND" => "by_pick.2 > 18446744073709551614 AND", "lead_times";
    "a failed deployment delivers": "deliveries", "WHERE deployments.status = 'success' AND" => "WHERE deployments.status IN ('success', 'failed') AND", "lead_times";
    "tiers are one": "deliveries", "ifNull(environment_tier, '') AS its_tier" => "'production' AS its_tier", "lead_times";
    "the first commit of a request is forgotten with the push that replaced it": "first_commits", "NOT has(shas, pushes[1].3)" => "false", "lead_times";
    // Deployments.
    "nothing is a rollback": "deployment_metrics", "reach < frontier" => "reach < 0", "deployment_metrics";
    "a push after a merge request stands where that does": "deployment_metrics", "stands * 2 + (stand.3 = 'walk')" => "stands * 2", "deployment_metrics";
    "what comes after a force push is behind what it took away": "deployment_metrics", "on_branch, chain ORDER BY" => "on_branch ORDER BY", "deployment_metrics";
    "a repeat is a change": "deployment_metrics", "earlier_of_sha = 0, 'change'," => "true, 'change',", "deployment_metrics";
    "the first success is a change": "deployment_metrics", "earlier_successes = 0, 'first'," => "false, 'first',", "deployment_metrics";
    "one commit in two environments of a tier counts twice": "deployment_metrics", "earlier_in_tier = 0" => "true", "deployment_metrics";
    "a rollback fails by the next one": "deployment_metrics", "does IN ('first', 'change') AND followed_by" => "does != '' AND followed_by", "deployment_metrics";
    "a revert is no rework": "deployment_metrics", "max(ifNull(reverted_at > delivered_at, false))" => "max(false)", "deployment_metrics";
    "an approval is waited for no time": "deployment_metrics", "status = 'approved' AND" => "status = 'blocked' AND", "deployment_metrics";
    "every deployment recovers": "deployment_metrics", "is_failed AND followed_by.2 > 0" => "followed_by.2 > 0", "deployment_metrics";
    "of several incidents the first that is closed restores": "deployment_metrics", "max(toInt64(toUnixTimestamp(incident_metrics.closed_at)))" => "min(toInt64(toUnixTimestamp(incident_metrics.closed_at)))", "deployment_metrics";
    // GitLab's own numbers.
    "GitLab links to no deployment but the first": "gitlab_dora_daily", "quantileExactInclusiveIf(0.5)(thing.3, thing.2 = 'link')" => "minIf(thing.3, thing.2 = 'link')", "gitlab_dora_daily";
    "GitLab counts incidents when they are closed": "gitlab_dora_daily", "countIf(thing.2 = 'incident') AS incidents_count" => "countIf(thing.2 = 'restore') AS incidents_count", "gitlab_dora_daily";
    // Incidents and issues.
    "an incident is blamed on what was deployed long before": "incident_metrics", "RANGE BETWEEN 86400 PRECEDING" => "RANGE BETWEEN 8640000 PRECEDING", "incident_metrics";
    "an incident is blamed on any tier": "incident_metrics", "deployments.environment_tier = 'production'" => "deployments.environment_tier != ''", "incident_metrics";
    "any issue is an incident": "incident_metrics", "issues.type = 'incident'" => "issues.type != ''", "incident_metrics";
    "what was moved away counts": "issue_metrics", "toBool(NOT is_moved) AS counts_opened" => "true AS counts_opened", "issue_metrics";
    "closings are reopenings": "issue_metrics", "WHERE action = 'reopened'" => "WHERE action = 'closed'", "issue_metrics";
    // Merge requests.
    "an author reviews": "merge_request_reviews", " AND event.3 != author" => "", "merge_request_metrics";
    "a bot reviews": "merge_request_reviews", "AND NOT event.4 AND" => "AND", "merge_request_metrics";
    "a bot is known by its name alone": "merge_request_reviews", "WHERE ifNull(is_bot, false) OR" => "WHERE", "merge_request_metrics";
    "a review may come after the merge": "merge_request_reviews", "arrayFilter(event -> event.1 <= ended, all_events)" => "all_events", "merge_request_metrics";
    "a comment after the merge counts": "merge_request_reviews", "arrayFilter(event -> event.2 = 8, events).5" => "arrayFilter(event -> event.2 = 8, all_events).5", "merge_request_metrics";
    "a draft is ready": "merge_request_reviews", "empty(drafted), opened," => "true, opened,", "merge_request_metrics";
    "a draft that is reviewed is waited for": "merge_request_reviews", "reviewed IS NOT NULL AND arrayCount(" => "false AND arrayCount(", "merge_request_metrics";
    "the first approval ends the review": "merge_request_reviews", "if(empty(approvals_standing), arrayMax(approvals_given.1), arrayMax(approvals_standing.1))" => "arrayMin(approvals_given.1)", "merge_request_metrics";
    "an approval that was told twice counts twice": "merge_request_reviews", "event.1 - before.1 <= 5" => "false", "merge_request_metrics";
    "every action of a reviewer is a round": "merge_request_reviews", "event.2 != 4 AND before = 4" => "event.2 != 4", "merge_request_metrics";
    "a cycle begins with the opening": "merge_request_metrics", "if(ifNull(first_commit_at < opened_at, false), first_commit_at, opened_at) AS began_at" => "opened_at AS began_at", "merge_request_metrics";
    "a clock that is ahead makes coding negative": "merge_request_metrics", "if(first_commit_at > ready_at, 0, " => "if(false, 0, ", "merge_request_metrics";
    "a reopening begins no span": "merge_request_open_spans", "arrayPushFront(arrayFilter(turn -> NOT turn.2, turns).1, opened) AS begun" => "[opened] AS begun", "merge_request_open_spans";
    // Pipelines and jobs.
    "nothing is superseded": "pipeline_outcomes", "'superseded'," => "'canceled',", "pipeline_metrics";
    "the last status is the first": "pipeline_metrics", "first.2, nullIf(first.1, '')," => "true, status,", "pipeline_metrics";
    "a success that is run again was in vain": "pipeline_metrics", "arraySum(run -> if(run.4 OR run.6, run.7, 0), retried_runs)" => "arraySum(run -> run.7, retried_runs)", "pipeline_metrics";
    "a superseded pipeline was not in vain": "pipeline_metrics", "if(outcome IN ('superseded', 'canceled'), run_seconds, " => "if(false, run_seconds, ", "pipeline_metrics";
    "what never ran is an attempt": "pipeline_metrics", "started_at IS NOT NULL OR status = 'failed'" => "true", "pipeline_metrics";
    "a child is a root": "pipeline_outcomes", "source != 'parent_pipeline' AND" => "true OR", "pipeline_metrics";
    "what never ran is a run": "job_attempts", "countIf(outcome != 'none')" => "count()", "job_metrics";
    "the first run is the last": "job_attempts", "job_id = max(job_id)" => "job_id = min(job_id)", "job_metrics";
    "a script that failed is the runner's fault": "job_attempts", "'script_failure', " => "", "job_metrics";
    "parts of parallel jobs are jobs of their own": "job_attempts", "trimBoth(replaceRegexpOne(name, '" => "trimBoth(replaceRegexpOne(name, '^nothing", "job_metrics";
    "a success that is run again was a waste": "job_metrics", "NOT is_final AND runs.outcome != 'success', 'retried'" => "NOT is_final, 'retried'", "job_metrics";
    "a job that never passed is flaky": "flaky_jobs", "AND arrayMax(successes.1) > arrayMin(failures.1)" => "AND true", "flaky_jobs";
    // Contributors and releases.
    "a commit of any branch is a contribution": "contributions", "WHERE has(commits.origins, 'api') OR ifNull(has(commits.refs, projects.default_ref), false)" => "WHERE true", "contributions";
    "a release brings promotions": "release_metrics", "NOT is_promotion AND rewritten_at" => "rewritten_at", "release_metrics";
    "a release brings what a force push took away": "release_metrics", "AND rewritten_at IS NULL AS counts" => "AS counts", "release_metrics";
    "a release brings what the one before brought": "release_metrics", "all_before - lagInFrame(all_before, 1, 0) OVER line" => "all_before", "release_metrics";
}

//! The business series. In: nothing. Out: queries over the rollups, and the families made from their rows. docs/PROMETHEUS.md lists them, and a
//! test compares the two.
//!
//! Each query returns instance, project, labels and values. `{days}` is the window, `{rows}` the maximum number of rows, `{<name>}` the bounds of a
//! histogram. A window ends now, and selects by the time of the thing itself, so late events count where they belong, and a backfill causes no
//! spike. Hence these are not counters, and `rate()` of them means nothing. The quantiles of a histogram are those of the window.

/// The type of a family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// A value.
    Gauge,
    /// The number of recorded things.
    Counter,
    /// Counts up to each of these bounds, in seconds, then the sum, then the count.
    Histogram(&'static [f64]),
}

/// One family.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    /// Its labels besides `project`: the first labels of the row.
    pub(super) labels: &'static [&'static str],
    /// The index of its first value in the row.
    pub(super) at: usize,
}

/// How projects beyond the budget are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    /// They are added up as project `other`.
    Added,
    /// They are left out: the last of several things cannot be added up.
    LeftOut,
}

/// A query and its families.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query {
    pub(super) sql: &'static str,
    pub(super) families: &'static [Family],
    pub(super) beyond: Beyond,
}

const RUN: &[f64] = &[30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0];
const QUEUE: &[f64] = &[1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
const RECOVERY: &[f64] =
    &[300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0, 259200.0, 604800.0];
/// From an hour to three months.
const WORK: &[f64] = &[
    3600.0, 14400.0, 28800.0, 86400.0, 172800.0, 259200.0, 432000.0, 604800.0, 1209600.0, 2592000.0,
    7776000.0,
];

/// The bounds, by their names in queries.
pub(super) const BOUNDS: [(&str, &[f64]); 4] =
    [("{run}", RUN), ("{queue}", QUEUE), ("{recovery}", RECOVERY), ("{work}", WORK)];

/// The number of things in the window, per project: the busiest projects have their own series.
pub(super) const ACTIVITY: &str = "\
SELECT instance, project_id, sum(things) AS things FROM (
    SELECT instance, project_id, count() AS things FROM pipeline_rollups
    WHERE is_root AND created_at > now() - INTERVAL {days} DAY GROUP BY instance, project_id
    UNION ALL
    SELECT instance, project_id, count() FROM merge_request_rollups
    WHERE state = 'opened' OR merged_at > now() - INTERVAL {days} DAY GROUP BY instance, project_id
    UNION ALL
    SELECT instance, project_id, count() FROM deployment_rollups
    WHERE coalesce(finished_at, created_at) > now() - INTERVAL {days} DAY GROUP BY instance, project_id
) GROUP BY instance, project_id ORDER BY things DESC, instance, project_id";

/// All queries.
pub(super) const QUERIES: &[Query] = &[
    Query {
        sql: "\
SELECT instance, project_id, [ref_kind, toString(outcome)] AS labels, [toFloat64(count())] AS values FROM (
    SELECT instance, project_id, outcome, multiIf(merge_request_iid IS NOT NULL, 'merge_request',
        (instance, project_id, pipeline_id) IN (
            SELECT instance, project_id, id FROM pipelines WHERE tag AND pipelines.created_at > now() - INTERVAL {days} DAY
        ), 'tag', 'branch') AS ref_kind
    FROM pipeline_rollups WHERE is_root AND created_at > now() - INTERVAL {days} DAY
) GROUP BY instance, project_id, ref_kind, outcome",
        families: &[Family {
            name: "gitpulse_pipeline_runs",
            help: "Pipelines created in the window, without child pipelines, by what they were started for and how they ended",
            kind: Kind::Gauge,
            labels: &["ref_kind", "outcome"],
            at: 0,
        }],
        beyond: Beyond::Added,
    },
    Query {
        sql: "\
SELECT instance, project_id, CAST([] AS Array(String)) AS labels, arrayConcat(
    sumForEachIf(arrayMap(le -> toFloat64(ifNull(duration_seconds, 0) <= le), {run}), ran),
    [sumIf(toFloat64(ifNull(duration_seconds, 0)), ran), toFloat64(countIf(ran))],
    sumForEachIf(arrayMap(le -> toFloat64(ifNull(queued_seconds, 0) <= le), {queue}), queued_seconds IS NOT NULL),
    [sum(toFloat64(ifNull(queued_seconds, 0))), toFloat64(count(queued_seconds))]
) AS values
FROM (
    SELECT instance, project_id, duration_seconds, queued_seconds,
        outcome IN ('success', 'failed') AND duration_seconds IS NOT NULL AS ran
    FROM pipeline_rollups WHERE is_root AND created_at > now() - INTERVAL {days} DAY
) GROUP BY instance, project_id",
        families: &[
            Family {
                name: "gitpulse_pipeline_duration_seconds",
                help: "Running time of the pipelines of the window that succeeded or failed, without child pipelines",
                kind: Kind::Histogram(RUN),
                labels: &[],
                at: 0,
            },
            Family {
                name: "gitpulse_pipeline_queued_seconds",
                help: "How long the pipelines of the window waited before they ran, without child pipelines",
                kind: Kind::Histogram(QUEUE),
                labels: &[],
                at: RUN.len() + 2,
            },
        ],
        beyond: Beyond::Added,
    },
    Query {
        sql: "\
SELECT instance, project_id, [toString(waste)] AS labels, [toFloat64(sum(run_seconds)), toFloat64(sum(wasted_seconds))] AS values
FROM pipeline_rollups WHERE created_at > now() - INTERVAL {days} DAY AND run_seconds > 0
GROUP BY instance, project_id, waste",
        families: &[
            Family {
                name: "gitpulse_pipeline_run_seconds",
                help: "Seconds that jobs of the pipelines of the window ran, by why the pipeline wasted time (empty: it did not)",
                kind: Kind::Gauge,
                labels: &["waste"],
                at: 0,
            },
            Family {
                name: "gitpulse_pipeline_wasted_seconds",
                help: "Seconds of those that were for nothing, by why",
                kind: Kind::Gauge,
                labels: &["waste"],
                at: 1,
            },
        ],
        beyond: Beyond::Added,
    },
    Query {
        sql: "\
SELECT instance, project_id, CAST([] AS Array(String)) AS labels, [toFloat64(count())] AS values
FROM merge_request_rollups WHERE state = 'opened' GROUP BY instance, project_id",
        families: &[Family {
            name: "gitpulse_merge_request_open",
            help: "Merge requests that are open now",
            kind: Kind::Gauge,
            labels: &[],
            at: 0,
        }],
        beyond: Beyond::Added,
    },
    Query {
        sql: "\
SELECT instance, project_id, [if(is_unreviewed, 'false', 'true')] AS labels, [toFloat64(count())] AS values
FROM merge_request_rollups WHERE merged_at > now() - INTERVAL {days} DAY AND NOT is_promotion
GROUP BY instance, project_id, is_unreviewed",
        families: &[Family {
            name: "gitpulse_merge_request_merged",
            help: "Merge requests merged in the window, without promotions from branch to branch, by whether a person other than the author reviewed them",
            kind: Kind::Gauge,
            labels: &["reviewed"],
            at: 0,
        }],
        beyond: Beyond::Added,
    },
    Query {
        sql: "\
SELECT instance, project_id, CAST([] AS Array(String)) AS labels, arrayConcat(
    sumForEachIf(arrayMap(le -> toFloat64(ifNull(cycle_seconds, 0) <= le), {work}), cycle_seconds IS NOT NULL),
    [sum(toFloat64(ifNull(cycle_seconds, 0))), toFloat64(count(cycle_seconds))],
    sumForEachIf(arrayMap(le -> toFloat64(ifNull(pickup_seconds, 0) <= le), {work}), pickup_seconds IS NOT NULL),
    [sum(toFloat64(ifNull(pickup_seconds, 0))), toFloat64(count(pickup_seconds))],
    sumForEachIf(arrayMap(le -> toFloat64(ifNull(review_seconds, 0) <= le), {work}), review_seconds IS NOT NULL),
    [sum(toFloat64(ifNull(review_seconds, 0))), toFloat64(count(review_seconds))]
) AS values
FROM merge_request_rollups WHERE merged_at > now() - INTERVAL {days} DAY AND NOT is_promotion
GROUP BY instance, project_id",
        families: &[
            Family {
                name: "gitpulse_merge_request_cycle_seconds",
                help: "From the first commit, else from opening, to the merge, of the merge requests merged in the window",
                kind: Kind::Histogram(WORK),
                labels: &[],
                at: 0,
            },
            Family {
                name: "gitpulse_merge_request_pickup_seconds",
                help: "From ready to the first review by a person, of the merge requests merged in the window that were reviewed",
                kind: Kind::Histogram(WORK),
                labels: &[],
                at: WORK.len() + 2,
            },
            Family {
                name: "gitpulse_merge_request_review_seconds",
                help: "From the first review to the approval, else to the merge, of the merge requests merged in the window",
                kind: Kind::Histogram(WORK),
                labels: &[],
                at: 2 * (WORK.len() + 2),
            },
        ],
        beyond: Beyond::Added,
    },
    Query {
        sql: "\
SELECT instance, project_id, [toString(tier), toString(status), toString(change)] AS labels, [toFloat64(count())] AS values
FROM deployment_rollups WHERE coalesce(finished_at, created_at) > now() - INTERVAL {days} DAY
GROUP BY instance, project_id, tier, status, change",
        families: &[Family {
            name: "gitpulse_deployment_runs",
            help: "Deployments of the window by tier, status, and what a successful one changed: first, change, repeat or rollback",
            kind: Kind::Gauge,
            labels: &["tier", "status", "change"],
            at: 0,
        }],
        beyond: Beyond::Added,
    },
    Query {
        sql: "\
SELECT instance, project_id, [toString(tier), failed.1] AS labels, [toFloat64(count())] AS values
FROM deployment_rollups
ARRAY JOIN arrayFilter(by -> by.2, [('status', is_failed), ('rollback', failed_by_rollback), ('incident', toBool(incidents > 0)), ('rework', failed_by_rework)]) AS failed
WHERE coalesce(finished_at, created_at) > now() - INTERVAL {days} DAY
GROUP BY instance, project_id, tier, failed.1",
        families: &[Family {
            name: "gitpulse_deployment_failures",
            help: "Deployments of the window that failed, by what says so: their status, a rollback, an incident, a revert; one may be counted by several",
            kind: Kind::Gauge,
            labels: &["tier", "by"],
            at: 0,
        }],
        beyond: Beyond::Added,
    },
    Query {
        sql: "\
SELECT instance, project_id, [toString(tier), recovery.1] AS labels,
    arrayConcat(sumForEach(arrayMap(le -> toFloat64(assumeNotNull(recovery.2) <= le), {recovery})), [toFloat64(sum(assumeNotNull(recovery.2))), toFloat64(count())]) AS values
FROM deployment_rollups
ARRAY JOIN arrayFilter(by -> by.2 IS NOT NULL, [('retry', retry_recovery_seconds), ('rollback', rollback_recovery_seconds), ('incident', incident_restore_seconds)]) AS recovery
WHERE coalesce(finished_at, created_at) > now() - INTERVAL {days} DAY
GROUP BY instance, project_id, tier, recovery.1",
        families: &[Family {
            name: "gitpulse_deployment_recovery_seconds",
            help: "How long the failures of the window lasted, by what ended them: the next success, a rollback, the end of the incident",
            kind: Kind::Histogram(RECOVERY),
            labels: &["tier", "by"],
            at: 0,
        }],
        beyond: Beyond::Added,
    },
    Query {
        sql: "\
SELECT instance, project_id, [toString(tier)] AS labels,
    arrayConcat(sumForEach(arrayMap(le -> toFloat64(assumeNotNull(lead_time_seconds) <= le), {work})), [toFloat64(sum(assumeNotNull(lead_time_seconds))), toFloat64(count())]) AS values
FROM lead_time_rollups
WHERE deployed_at > now() - INTERVAL {days} DAY AND reason = '' AND lead_time_seconds IS NOT NULL
GROUP BY instance, project_id, tier",
        families: &[Family {
            name: "gitpulse_deployment_lead_time_seconds",
            help: "From the merge of a merge request to the deployment that brought it to the tier, of those deployed in the window",
            kind: Kind::Histogram(WORK),
            labels: &["tier"],
            at: 0,
        }],
        beyond: Beyond::Added,
    },
    Query {
        sql: "\
SELECT instance, project_id, [toString(tier), if(reason = '', 'attributed', toString(reason))] AS labels, [toFloat64(count())] AS values
FROM lead_time_rollups WHERE merged_at > now() - INTERVAL {days} DAY
GROUP BY instance, project_id, tier, reason",
        families: &[Family {
            name: "gitpulse_deployment_lead_time_merge_requests",
            help: "Merge requests merged in the window by whether their deployment is known, or why not: what the lead time covers",
            kind: Kind::Gauge,
            labels: &["tier", "reason"],
            at: 0,
        }],
        beyond: Beyond::Added,
    },
    Query {
        sql: "\
SELECT instance, project_id, [toString(tier), environment] AS labels, [toFloat64(toUnixTimestamp(max(assumeNotNull(finished_at))))] AS values
FROM deployment_rollups WHERE is_successful AND finished_at > now() - INTERVAL {days} DAY AND tier IN ('production', 'staging')
GROUP BY instance, project_id, tier, environment ORDER BY values DESC LIMIT {rows}",
        families: &[Family {
            name: "gitpulse_deployment_last_success_timestamp_seconds",
            help: "When an environment of production or staging was last deployed to with success, within the window",
            kind: Kind::Gauge,
            labels: &["tier", "environment"],
            at: 0,
        }],
        beyond: Beyond::LeftOut,
    },
    // The names and labels of gitlab-ci-pipelines-exporter. Its labels `topics` and `variables` are empty by default, which Prometheus treats as
    // absent.
    Query {
        sql: "\
WITH newest AS (
    SELECT instance, project_id, merge_request_iid IS NOT NULL AS of_merge_request,
        if(of_merge_request, toString(merge_request_iid), ref) AS name,
        max(pipeline_id) AS id,
        argMax(toString(source), pipeline_id) AS source, argMax(toString(status), pipeline_id) AS status,
        argMax(tuple(created_at), pipeline_id).1 AS created_at, argMax(tuple(finished_at), pipeline_id).1 AS finished_at,
        argMax(tuple(duration_seconds), pipeline_id).1 AS duration_seconds, argMax(tuple(queued_seconds), pipeline_id).1 AS queued_seconds
    FROM pipeline_rollups WHERE is_root AND pipeline_rollups.created_at > now() - INTERVAL {days} DAY
    GROUP BY instance, project_id, of_merge_request, name ORDER BY created_at DESC, instance, project_id, id LIMIT {rows}
)
SELECT newest.instance AS instance, newest.project_id AS project_id,
    [multiIf(newest.of_merge_request, 'merge-request', ifNull(told.tag, false), 'tag', 'branch'), newest.name, newest.source, newest.status] AS labels,
    [toFloat64(newest.id), toFloat64(toUnixTimestamp(coalesce(toDateTime(told.updated_at), newest.finished_at, newest.created_at))),
        toFloat64(ifNull(newest.duration_seconds, nan)), toFloat64(ifNull(newest.queued_seconds, nan)),
        toFloat64(ifNull(told.coverage, nan)), toFloat64(counted.runs), 1.0] AS values
FROM newest
LEFT JOIN (
    SELECT instance, project_id, merge_request_iid IS NOT NULL AS of_merge_request,
        if(of_merge_request, toString(merge_request_iid), ref) AS name, count() AS runs
    FROM pipeline_rollups WHERE is_root AND (instance, project_id, if(merge_request_iid IS NOT NULL, toString(merge_request_iid), ref)) IN
        (SELECT instance, project_id, name FROM newest)
    GROUP BY instance, project_id, of_merge_request, name
) AS counted ON counted.instance = newest.instance AND counted.project_id = newest.project_id
    AND counted.of_merge_request = newest.of_merge_request AND counted.name = newest.name
LEFT JOIN (
    SELECT instance, project_id, id, pipelines.updated_at AS updated_at, coverage, tag FROM pipelines
    WHERE (instance, project_id, id) IN (SELECT instance, project_id, id FROM newest)
) AS told ON told.instance = newest.instance AND told.project_id = newest.project_id AND told.id = newest.id",
        families: &[
            Family {
                name: "gitlab_ci_pipeline_id",
                help: "Id of the newest pipeline of a ref",
                kind: Kind::Gauge,
                labels: &["kind", "ref", "source"],
                at: 0,
            },
            Family {
                name: "gitlab_ci_pipeline_timestamp",
                help: "When the newest pipeline of a ref last changed",
                kind: Kind::Gauge,
                labels: &["kind", "ref", "source"],
                at: 1,
            },
            Family {
                name: "gitlab_ci_pipeline_duration_seconds",
                help: "Running time of the newest pipeline of a ref, once it is known",
                kind: Kind::Gauge,
                labels: &["kind", "ref", "source"],
                at: 2,
            },
            Family {
                name: "gitlab_ci_pipeline_queued_duration_seconds",
                help: "How long the newest pipeline of a ref waited before it ran, without the time in which it waited for a person",
                kind: Kind::Gauge,
                labels: &["kind", "ref", "source"],
                at: 3,
            },
            Family {
                name: "gitlab_ci_pipeline_coverage",
                help: "Coverage in percent of the newest pipeline of a ref",
                kind: Kind::Gauge,
                labels: &["kind", "ref", "source"],
                at: 4,
            },
            Family {
                name: "gitlab_ci_pipeline_run_count",
                help: "Pipelines of a ref on record, each once however often it changed",
                kind: Kind::Counter,
                labels: &["kind", "ref"],
                at: 5,
            },
            Family {
                name: "gitlab_ci_pipeline_status",
                help: "1 for the status of the newest pipeline of a ref; there is no series for those that it does not have",
                kind: Kind::Gauge,
                labels: &["kind", "ref", "source", "status"],
                at: 6,
            },
        ],
        beyond: Beyond::LeftOut,
    },
];

//! Lead times. In: a tier, or an environment. Out: sections of the DORA report, over the tier, and by environment. Knows for which single
//! environments there are lead times, and how expensive they are.

use super::super::measure::{Coverage, Measure, Section, Unit, day, within};
use super::{DoraArgs, MEANT};

/// Whether some project has several production environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Productions {
    /// Every project has at most one.
    One,
    #[default]
    Several,
}

/// Lead times by environment. A project with a single environment of a tier has them only in `lead_times`, where the first deployment in the tier is
/// the first in that environment.
pub(crate) fn environment_lead_times(productions: Productions) -> String {
    // The view is expensive even if it has no rows.
    let several = match productions {
        Productions::One => "",
        Productions::Several => {
            "SELECT instance, project_id, iid, toString(environment) AS environment, merged_at, deployment_id, deployed_at, lead_time_seconds, evidence, reason \
             FROM environment_lead_times WHERE ${scope} UNION ALL "
        }
    };
    format!(
        "(\
    SELECT told.instance AS instance, told.project_id AS project_id, told.iid AS iid, told.environment AS environment, told.merged_at AS merged_at, \
        told.deployment_id AS deployment_id, told.deployed_at AS deployed_at, told.lead_time_seconds AS lead_time_seconds, told.evidence AS evidence, told.reason AS reason, \
        beginnings.first_commit_at AS first_commit_at, \
        if(beginnings.first_commit_at <= told.merged_at, dateDiff('second', beginnings.first_commit_at, told.deployed_at), NULL) AS first_commit_lead_time_seconds \
    FROM ({several}\
          SELECT lead_times.instance AS instance, lead_times.project_id AS project_id, iid, only.its_only AS environment, merged_at, deployment_id, deployed_at, lead_time_seconds, evidence, reason \
          FROM (SELECT * FROM ${{lead_times}} WHERE ${{scope}}) AS lead_times \
          INNER JOIN (SELECT instance, project_id, tier, any(toString(environment)) AS its_only FROM ${{deployment_metrics}} \
                      WHERE ${{scope}} AND is_successful GROUP BY instance, project_id, tier HAVING uniqExact(environment) = 1) AS only \
          ON only.instance = lead_times.instance AND only.project_id = lead_times.project_id AND only.tier = lead_times.tier) AS told \
    LEFT ANY JOIN (SELECT instance, project_id, iid, first_commit_at FROM ${{lead_times}} WHERE ${{scope}} AND tier = 'production') AS beginnings \
    ON beginnings.instance = told.instance AND beginnings.project_id = told.project_id AND beginnings.iid = told.iid)"
    )
}

/// Lead times, by tier or by environment, of what was deployed in a span; their coverage is of what was merged in it.
pub(super) fn lead_times(args: &DoraArgs, productions: Productions) -> Section {
    let view = match args.environment {
        Some(_) => {
            format!("{} WHERE environment = {{environment:String}}", environment_lead_times(productions))
        }
        None => "${lead_times} WHERE ${scope} AND tier = {tier:String}".to_owned(),
    };
    let attributed = "role = 'deployed' AND reason = ''";
    let merged = "role = 'merged' AND reason NOT IN ('awaiting', 'promotion')";
    let from_merge = Coverage {
        // Merge requests that are still awaited, and promotions, are not gaps, but are reported.
        reasons: "sumMapIf(map(toString(reason), toUInt64(1)), role = 'merged' AND reason != '')".to_owned(),
        ..Coverage::new("reason = ''", merged, "reason").of("merged")
    };
    let with_first_commit = Coverage {
        reasons: "sumMapIf(map(multiIf(reason != '', toString(reason), first_commit_at IS NULL, 'first_commit_unknown', 'clock'), toUInt64(1)), role = 'merged' AND first_commit_lead_time_seconds IS NULL)".to_owned(),
        ..Coverage::new("reason = '' AND first_commit_lead_time_seconds IS NOT NULL", merged, "reason").of("merged")
    };
    let quantile = |name, label, level, column| {
        Measure::quantile(name, label, Unit::Seconds, (level, column), attributed).less_is_better()
    };
    let first_commit = "first_commit_lead_time_seconds";
    Section {
        title: "Lead time",
        rows: format!(
            "SELECT *, [('deployed', {}), ('merged', {})] AS days, CAST([], 'Array(String)') AS subjects FROM {view} AND (({}) OR ({}))",
            day("deployed_at"),
            day("toNullable(merged_at)"),
            within("deployed_at"),
            within("merged_at"),
        ),
        measures: vec![
            Measure::count("deployed_merge_requests_count", "merge requests deployed", attributed)
                .more_is_better(),
            quantile("lead_time_from_merge_p50_seconds", "from merge, median", 0.5, "lead_time_seconds")
                .covering(&from_merge),
            quantile(
                "lead_time_from_merge_p90_seconds",
                "from merge, 90 of 100 within",
                0.9,
                "lead_time_seconds",
            ),
            quantile(
                "lead_time_from_first_commit_p50_seconds",
                "from first commit, median",
                0.5,
                first_commit,
            )
            .covering(&with_first_commit),
            quantile(
                "lead_time_from_first_commit_p90_seconds",
                "from first commit, 90 of 100 within",
                0.9,
                first_commit,
            ),
        ],
    }
}

/// Lead times by environment: a merge request that two environments got has one in each.
pub(super) fn lead_times_by_environment(productions: Productions) -> Section {
    let lead_times = environment_lead_times(productions);
    Section {
        title: "",
        rows: format!(
            "SELECT *, [('deployed', {})] AS days, [environment] AS subjects FROM {lead_times} \
             WHERE {} AND (instance, project_id, environment) IN \
             (SELECT instance, project_id, toString(environment) FROM ${{deployment_metrics}} WHERE ${{scope}} AND {MEANT})",
            day("deployed_at"),
            within("deployed_at"),
        ),
        measures: vec![Measure::quantile(
            "environment_lead_time_from_merge_p50_seconds",
            "lead time from merge, median",
            Unit::Seconds,
            (0.5, "lead_time_seconds"),
            "reason = ''",
        )],
    }
}

//! Failures and recovery. In: nothing. Out: sections of the DORA report, GitLab's own formulas last. Never adds one definition to another.

use super::super::measure::{Coverage, Measure, Section, Unit, day, within};
use super::{Blamed, TOLD, of_deployments};

/// How often a deployment fails, by each definition. By incident only if incidents can be blamed on it.
pub(super) fn failures(blamed: Blamed) -> Section {
    let share = |name, label, part| Measure::share(name, label, part, "is_successful").less_is_better();
    let by_incident = match blamed {
        Blamed::Production => vec![share("change_failure_by_incident_ratio", "by incident", "incidents > 0")],
        Blamed::Never => Vec::new(),
    };
    let others = vec![
        share("change_failure_by_rollback_ratio", "by rollback", "failed_by_rollback"),
        share("change_failure_by_rework_ratio", "by rework (a revert was deployed)", "failed_by_rework"),
        Measure::share(
            "failed_deployments_ratio",
            "deployments that failed",
            "is_failed",
            "is_successful OR is_failed",
        )
        .less_is_better(),
    ];
    Section {
        title: "Change failure rate",
        rows: of_deployments(),
        measures: by_incident.into_iter().chain(others).collect(),
    }
}

/// Incidents, and how long they last.
pub(super) fn incidents() -> Section {
    let coverage =
        Coverage::new("reason = ''", "role = 'created'", "reason").of("opened: blamed on a deployment");
    let closed = "role = 'closed'";
    let open = Coverage::still_open("role = 'created'");
    Section {
        title: "Incidents",
        rows: format!(
            "SELECT *, [('created', {}), ('closed', {})] AS days, CAST([], 'Array(String)') AS subjects FROM incident_metrics \
             WHERE ${{scope}} AND (({}) OR ({}))",
            day("toNullable(created_at)"),
            day("closed_at"),
            within("created_at"),
            within("closed_at"),
        ),
        measures: vec![
            Measure::count("incidents_count", "opened", "role = 'created'")
                .less_is_better()
                .covering(&coverage),
            Measure::quantile(
                "restore_by_incident_p50_seconds",
                "time to restore, median",
                Unit::Seconds,
                (0.5, "restore_seconds"),
                closed,
            )
            .less_is_better()
            .covering(&open),
            Measure::quantile(
                "restore_by_incident_p90_seconds",
                "time to restore, 90 of 100 within",
                Unit::Seconds,
                (0.9, "restore_seconds"),
                closed,
            )
            .less_is_better(),
        ],
    }
}

/// How soon a failed deployment is fixed by another deployment.
pub(super) fn restores() -> Section {
    let quantile = |name, label, column| {
        Measure::quantile(name, label, Unit::Seconds, (0.5, column), "1").less_is_better()
    };
    Section {
        title: "Recovery",
        rows: of_deployments(),
        measures: vec![
            quantile(
                "recovery_by_rollback_p50_seconds",
                "until the rollback, median",
                "rollback_recovery_seconds",
            )
            .covering(&Coverage::new(
                "rollback_recovery_seconds IS NOT NULL",
                "failed_by_rollback",
                "'no_success_since'",
            )),
            quantile(
                "recovery_of_failed_deployments_p50_seconds",
                "failed deployment to next success, median",
                "retry_recovery_seconds",
            )
            .covering(&Coverage::new(
                "retry_recovery_seconds IS NOT NULL",
                "is_failed",
                "'no_success_since'",
            )),
        ],
    }
}

/// GitLab's own formulas, for comparison. It counts incidents in production environments only.
pub(super) fn as_gitlab(blamed: Blamed) -> Section {
    let of_incidents = match blamed {
        Blamed::Never => Vec::new(),
        Blamed::Production => vec![
            Measure {
                whole: Some("sum(deployment_frequency)".to_owned()),
                ..Measure::aggregate(
                    "gitlab_change_failure_ratio",
                    "incidents by deployments",
                    Unit::Ratio,
                    "sum(incidents_count)",
                )
            }
            .less_is_better(),
            Measure::aggregate(
                "gitlab_time_to_restore_seconds",
                "time to restore, median of days",
                Unit::Seconds,
                "quantileExactInclusive(0.5)(time_to_restore_seconds)",
            )
            .less_is_better(),
        ],
    };
    let others = vec![
        Measure::aggregate(
            "gitlab_deployments_per_day",
            "deployments a day",
            Unit::PerDay,
            "sum(deployment_frequency)",
        )
        .more_is_better(),
        Measure::aggregate(
            "gitlab_lead_time_seconds",
            "lead time, median of days",
            Unit::Seconds,
            "quantileExactInclusive(0.5)(lead_time_for_changes_seconds)",
        )
        .less_is_better(),
    ];
    Section {
        title: "As GitLab computes it",
        rows: format!(
            "SELECT *, [('day', toNullable(day))] AS days, CAST([], 'Array(String)') AS subjects FROM (\
             SELECT * FROM gitlab_dora_daily WHERE ${{scope}} AND day >= {{before_since:Date}} AND day <= {{until:Date}} \
             AND (instance, project_id, environment) IN (SELECT instance, project_id, ifNull(toString(environment), '') FROM deployments WHERE ${{scope}} AND {TOLD}))"
        ),
        measures: others.into_iter().chain(of_incidents).collect(),
    }
}

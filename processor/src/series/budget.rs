//! Which projects have their own series. In: the rows of all queries, the projects by activity, a maximum number of series. Out: rows whose series
//! stay within the maximum: the other projects are added up as `other`. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::families::{Beyond, Family, Kind, Query};

/// The name for all projects beyond the budget.
pub(super) const OTHER: &str = "other";

/// A GitLab, and the id of a project there.
pub(super) type ProjectKey = (String, u64);

/// A row of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) project: ProjectKey,
    pub(super) labels: Vec<String>,
    pub(super) values: Vec<f64>,
}

/// The rows of a query, by project name and labels, each once.
pub(super) type Named = BTreeMap<(String, Vec<String>), Vec<f64>>;

/// How many series one row of a query becomes.
pub(super) fn series_of(query: &Query) -> usize {
    let of = |family: &Family| match family.kind {
        Kind::Gauge | Kind::Counter => 1,
        // Its bounds, infinity, sum and count.
        Kind::Histogram(bounds) => bounds.len() + 3,
    };
    query.families.iter().map(of).sum()
}

/// The projects with their own series, the busiest first, so that all series with [`Beyond::Added`] stay within `max`.
pub(super) fn by_name<'r>(
    answers: &'r [(&Query, Vec<Told>)],
    busiest: &'r [ProjectKey],
    max: usize,
) -> BTreeSet<&'r ProjectKey> {
    let mut of_project: BTreeMap<&ProjectKey, usize> = BTreeMap::new();
    let mut other = 0;
    for (query, rows) in answers.iter().filter(|(query, _)| query.beyond == Beyond::Added) {
        let distinct: BTreeSet<&Vec<String>> = rows.iter().map(|row| &row.labels).collect();
        other += distinct.len() * series_of(query);
        for row in rows {
            *of_project.entry(&row.project).or_default() += series_of(query);
        }
    }
    let all: usize = of_project.values().sum();
    if all <= max {
        return of_project.into_keys().collect();
    }
    let mut left = max.saturating_sub(other);
    let mut chosen = BTreeSet::new();
    for project in busiest {
        let series = of_project.get(project).copied().unwrap_or(0);
        if series > left {
            break;
        }
        left -= series;
        chosen.insert(project);
    }
    chosen
}

/// The rows of a query, by project name.
pub(super) fn named(
    query: &Query,
    rows: Vec<Told>,
    by_name: &BTreeSet<&ProjectKey>,
    name: impl Fn(&ProjectKey) -> String,
) -> Named {
    let mut named = Named::new();
    for Told { project, labels, values } in rows {
        let is_named = by_name.contains(&project) || query.beyond == Beyond::LeftOut;
        let project = if is_named { name(&project) } else { OTHER.to_owned() };
        let sums = named.entry((project, labels)).or_insert_with(|| vec![0.0; values.len()]);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QUERY: Query = Query {
        sql: "",
        families: &[Family { name: "runs", help: "", kind: Kind::Gauge, labels: &["status"], at: 0 }],
        beyond: Beyond::Added,
    };

    fn project(id: u64) -> ProjectKey {
        ("https://gitlab.example.com".to_owned(), id)
    }

    fn told(id: u64, status: &str, value: f64) -> Told {
        Told { project: project(id), labels: vec![status.to_owned()], values: vec![value] }
    }

    #[test]
    fn what_is_beyond_the_budget_is_added_up() {
        let rows = vec![
            told(1, "success", 5.0),
            told(1, "failed", 1.0),
            told(2, "success", 3.0),
            told(4, "success", 1.0),
            told(3, "success", 2.0),
        ];
        let busiest = [1, 2, 3, 4].map(project);
        let answers = [(&QUERY, rows.clone())];
        let chosen = by_name(&answers, &busiest, 4);
        let shown = named(&QUERY, rows.clone(), &chosen, |(_, id)| id.to_string());
        let shown: Vec<_> = shown
            .into_iter()
            .map(|((project, labels), values)| (project, labels[0].clone(), values[0]))
            .collect();
        let expected = [("1", "failed", 1.0), ("1", "success", 5.0), (OTHER, "success", 6.0)];
        assert_eq!(
            shown,
            expected.map(|(project, status, value)| (project.to_owned(), status.to_owned(), value))
        );
        assert_eq!(by_name(&answers, &busiest[..0], 5).len(), 4, "all fit, however busy");
    }

    proptest! {
        #[test]
        fn no_more_series_are_told_than_may_be_and_nothing_is_lost(
            rows in prop::collection::btree_map((1_u64..20, 0_usize..4), 1_u32..100, 0..60),
            max in 4_usize..80,
        ) {
            let rows: Vec<Told> =
                rows.into_iter().map(|((id, status), value)| told(id, ["a", "b", "c", "d"][status], f64::from(value))).collect();
            let busiest: Vec<ProjectKey> = (1..20).map(project).collect();
            let answers = [(&QUERY, rows.clone())];
            let chosen = by_name(&answers, &busiest, max);
            let shown = named(&QUERY, rows.clone(), &chosen, |(_, id)| id.to_string());
            prop_assert!(shown.len() <= max, "{} of {max}", shown.len());
            let sum = |values: Vec<f64>| values.into_iter().sum::<f64>();
            prop_assert_eq!(
                sum(shown.into_values().flatten().collect()),
                sum(rows.into_iter().flat_map(|row| row.values).collect())
            );
        }
    }
}

//! Reads the series. In: queries. Out: families for `/metrics`, or an error. A project is named by its current path.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::{Client, Row};
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use serde::Deserialize;

use super::budget::{Named, ProjectKey, Told, by_name, named, series_of};
use super::families::{ACTIVITY, BOUNDS, Beyond, Family, Kind, Query};
use super::gauge;
use crate::config::SeriesConfig;

/// The series could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the series of {family} could not be read")]
pub(super) struct ReadError {
    family: &'static str,
    #[source]
    source: clickhouse::error::Error,
}

#[derive(Row, Deserialize)]
struct ToldRow {
    instance: String,
    project_id: u64,
    labels: Vec<String>,
    values: Vec<f64>,
}

#[derive(Row, Deserialize)]
struct BusyRow {
    instance: String,
    project_id: u64,
    #[expect(dead_code, reason = "the order is what is wanted")]
    things: u64,
}

#[derive(Row, Deserialize)]
struct PathRow {
    instance: String,
    project_id: u64,
    path: String,
    is_there: bool,
}

/// Reads within a budget.
pub(super) struct Reader {
    client: Client,
    days: u64,
    max: usize,
}

impl Reader {
    pub(super) fn new(client: Client, config: &SeriesConfig) -> Reader {
        Reader { client, days: config.series_window_days, max: config.series_max as usize }
    }

    /// All families, from the current rollups.
    pub(super) async fn read(&self, queries: &'static [Query]) -> Result<Vec<MetricFamily>, ReadError> {
        let failed = |family| move |source| ReadError { family, source };
        let busiest: Vec<BusyRow> = self
            .client
            .query(&self.filled(ACTIVITY, 0))
            .fetch_all()
            .await
            .map_err(failed("the busiest projects"))?;
        let busiest: Vec<ProjectKey> =
            busiest.into_iter().map(|row| (row.instance, row.project_id)).collect();
        // Half of the budget for families that are added up, half for the others.
        let of_each =
            self.max / 2 / queries.iter().filter(|query| query.beyond == Beyond::LeftOut).count().max(1);
        let mut answers = Vec::new();
        for query in queries {
            let family = query.families.first().map_or("no family", |family| family.name);
            let sql = self.filled(query.sql, of_each / series_of(query).max(1));
            // Whatever the columns of a view are, labels become strings, and unknown values become NaN.
            let sql = format!(
                "SELECT instance, project_id, arrayMap(label -> ifNull(toString(label), ''), labels) AS labels, \
                 arrayMap(value -> ifNull(toFloat64(value), nan), values) AS values FROM ({sql})"
            );
            let rows: Vec<ToldRow> = self.client.query(&sql).fetch_all().await.map_err(failed(family))?;
            let told = |row: ToldRow| Told {
                project: (row.instance, row.project_id),
                labels: row.labels,
                values: row.values,
            };
            answers.push((query, Vec::from_iter(rows.into_iter().map(told))));
        }
        let names = self.names().await.map_err(failed("the paths of projects"))?;
        let name = |project: &ProjectKey| names.get(project).cloned().unwrap_or_else(|| unnamed(project));
        let chosen: BTreeSet<ProjectKey> =
            by_name(&answers, &busiest, self.max / 2).into_iter().cloned().collect();
        let chosen: BTreeSet<&ProjectKey> = chosen.iter().collect();
        let beyond = busiest.iter().filter(|project| !chosen.contains(project)).count();
        let mut families = Vec::new();
        for (query, rows) in answers {
            let rows = named(query, rows, &chosen, name);
            families.extend(query.families.iter().map(|family| told(family, &rows)));
        }
        families.retain(|family| !family.get_metric().is_empty());
        families.push(gauge("gitpulse_series_other_projects", OTHER_HELP, beyond as f64));
        let now: f64 =
            self.client.query("SELECT toFloat64(now64(3))").fetch_one().await.map_err(failed("the time"))?;
        families.push(gauge("gitpulse_series_read_timestamp_seconds", READ_HELP, now));
        Ok(families)
    }

    /// The names of projects: their path, with GitLab and id added if another project has the same path, such as a deleted one or one of another
    /// GitLab.
    async fn names(&self) -> clickhouse::error::Result<BTreeMap<ProjectKey, String>> {
        let query = "SELECT instance, project_id, ifNull(path, '') AS path, toBool(deleted_at IS NULL) AS is_there FROM projects WHERE path != ''";
        let mut rows: Vec<PathRow> = self.client.query(query).fetch_all().await?;
        // If several share a path, the newest existing project keeps it.
        rows.sort_by(|one, other| {
            (one.is_there, one.project_id, &one.instance)
                .cmp(&(other.is_there, other.project_id, &other.instance))
                .reverse()
        });
        let mut taken = BTreeSet::new();
        let mut names = BTreeMap::new();
        for PathRow { instance, project_id, path, .. } in rows {
            let name = match taken.insert(path.clone()) {
                true => path,
                false => format!("{path} ({instance} {project_id})"),
            };
            names.insert((instance, project_id), name);
        }
        Ok(names)
    }

    fn filled(&self, sql: &str, rows: usize) -> String {
        let mut sql = sql.replace("{days}", &self.days.to_string()).replace("{rows}", &rows.to_string());
        for (name, bounds) in BOUNDS {
            sql = sql.replace(name, &format!("{bounds:?}"));
        }
        // The client uses a question mark as a placeholder.
        sql.replace('?', "??")
    }
}

const OTHER_HELP: &str = "Projects that are added up as project other, because the budget of series is used up (GITPULSE_SERIES_MAX)";
const READ_HELP: &str = "When the business series were read; who alerts on them alerts on this as well";

/// The name of a project without a known path.
fn unnamed((instance, project_id): &ProjectKey) -> String {
    format!("{instance} {project_id}")
}

/// A family from the rows of its query. An unknown value has no series: it is not 0.
pub(super) fn told(family: &Family, rows: &Named) -> MetricFamily {
    let mut told: BTreeMap<Vec<&str>, Vec<f64>> = BTreeMap::new();
    for ((project, labels), values) in rows {
        let own = labels.iter().take(family.labels.len()).map(String::as_str);
        let key = Vec::from_iter([project.as_str()].into_iter().chain(own));
        let values = values.get(family.at..).unwrap_or_default();
        let is_known = match family.kind {
            Kind::Gauge | Kind::Counter => values.first().is_some_and(|value| !value.is_nan()),
            Kind::Histogram(bounds) => values.get(bounds.len() + 1).is_some_and(|count| *count > 0.0),
        };
        if is_known {
            told.entry(key).or_insert_with(|| values.to_vec());
        }
    }
    let metrics = told.into_iter().map(|(labels, values)| metric(family, &labels, &values));
    let mut proto = MetricFamily::default();
    proto.set_metric(metrics.collect());
    proto.set_name(family.name.to_owned());
    proto.set_help(family.help.to_owned());
    proto.set_field_type(match family.kind {
        Kind::Gauge => MetricType::GAUGE,
        Kind::Counter => MetricType::COUNTER,
        Kind::Histogram(_) => MetricType::HISTOGRAM,
    });
    proto
}

fn metric(family: &Family, labels: &[&str], values: &[f64]) -> Metric {
    let names = ["project"].into_iter().chain(family.labels.iter().copied());
    let pairs = names.zip(labels).map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    let mut metric = Metric::from_label(pairs.collect());
    let first = values.first().copied().unwrap_or_default();
    match family.kind {
        Kind::Gauge => {
            let mut gauge = Gauge::default();
            gauge.set_value(first);
            metric.set_gauge(gauge);
        }
        Kind::Counter => {
            let mut counter = Counter::default();
            counter.set_value(first);
            metric.set_counter(counter);
        }
        Kind::Histogram(bounds) => {
            let mut histogram = Histogram::default();
            let buckets = bounds.iter().zip(values).map(|(bound, count)| {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(*count as u64);
                bucket
            });
            histogram.set_bucket(buckets.collect());
            let rest = values.get(bounds.len()..).unwrap_or_default();
            histogram.set_sample_sum(rest.first().copied().unwrap_or_default());
            histogram.set_sample_count(rest.get(1).copied().unwrap_or_default() as u64);
            metric.set_histogram(histogram);
        }
    }
    metric
}

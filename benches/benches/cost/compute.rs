//! The cost of computing a project: its places and its rollups, with the processor's own code. In: the facts. Out: the time for a middle project, for
//! the largest one, and for a group of twenty small ones; and the rollups of all, which are read afterwards.

use crate::Options;
use crate::engine::{Engine, median};
use crate::facts::INSTANCE;
use crate::question::{LARGEST, MIDDLE};
use crate::report::{Measured, Report};

/// Merge requests that are computed at once, limited by the engine's memory.
const AT_ONCE: u64 = 30_000;
/// Projects of the small group.
const SMALL: u64 = 20;

/// Computes all projects, and three of the cases again, as often as asked.
pub(crate) async fn all(engine: &Engine, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let sizes = "SELECT project_id, uniqExact(iid) FROM merge_request_facts WHERE instance = ? GROUP BY project_id ORDER BY project_id";
    let sizes: Vec<(u64, u64)> = engine.clickhouse.client.query(sizes).bind(INSTANCE).fetch_all().await?;
    let (mut group, mut rows) = (Vec::new(), 0);
    let mut groups = Vec::new();
    for (project, size) in sizes.into_iter().filter(|(project, _)| *project <= options.projects) {
        if rows + size > AT_ONCE && !group.is_empty() {
            groups.push(std::mem::take(&mut group));
            rows = 0;
        }
        group.push(project);
        rows += size;
    }
    groups.push(group);
    let mut generation = 1;
    let (computed, took) = engine
        .cost(async {
            for group in &groups {
                compute(engine, group, generation).await?;
            }
            Ok(groups.len())
        })
        .await?;
    report.note(format!(
        "rollups of all projects: computed in {computed} groups, {:.0} s, {:.0} s of the engine's CPU",
        took.wall_ms / 1e3,
        took.cpu_ms / 1e3
    ));

    let small = Vec::from_iter(options.projects - SMALL + 1..=options.projects);
    for (what, projects) in [
        ("a middle project", vec![MIDDLE]),
        ("the largest project", vec![LARGEST]),
        ("20 small projects", small),
    ] {
        let mut costs = Vec::new();
        for _ in 0..options.repeats {
            generation += 1;
            let ((), cost) = engine.cost(compute(engine, &projects, generation)).await?;
            costs.push(cost);
        }
        let cost = median(&costs);
        report.push(Measured::free("places and rollups computed", what, cost));
    }
    Ok(())
}

async fn compute(engine: &Engine, projects: &[u64], generation: u64) -> anyhow::Result<()> {
    let projects: Vec<(u64, u64)> = projects.iter().map(|project| (*project, generation)).collect();
    Ok(processor::rollup::compute(&engine.clickhouse, INSTANCE, &projects).await?)
}

//! Speed of making and serving a world. In: nothing. Out: one line each for a year of fifty projects, pages of jobs, pages of merge requests with
//! GraphQL. A plain loop on one core: `cargo bench -p simulator`.

#![allow(clippy::print_stdout, reason = "what was measured")]

use std::sync::Arc;
use std::time::Instant;

use simulator::api::{Api, Options, Request};
use simulator::gitlab::{World, WorldConfig};

const TOKEN: &str = "glpat-of-a-bench";
const PAGES: u32 = 300;

fn main() {
    let config = WorldConfig::new(7, 50, 365);
    let ends_at = config.ends_at();
    let started = Instant::now();
    let world = Arc::new(World::new(config));
    let sizes = (0..50).map(|project| world.sizes_at(project, ends_at));
    let things: u64 = sizes
        .map(|sizes| sizes.jobs + sizes.pipelines + sizes.merge_requests + sizes.notes + sizes.issues)
        .sum();
    println!("a year of 50 projects, {things} things: {:.1} s", started.elapsed().as_secs_f64());

    let (started, mut rows) = (Instant::now(), 0);
    for project in 0..50 {
        for metrics in world.metrics(&world.project(project)) {
            rows += metrics.job_metrics.len() + metrics.pipeline_metrics.len() + metrics.lead_times.len();
        }
    }
    println!(
        "what metrics have to say of it, {rows} rows and more: {:.1} s",
        started.elapsed().as_secs_f64()
    );

    let api = Api::new(world.clone(), Options::new(&world, TOKEN));
    let first = format!(
        "/api/v4/projects/{}/jobs?pagination=keyset&order_by=id&sort=desc&per_page=100",
        world.project(0).id
    );
    let (started, mut bytes, mut address) = (Instant::now(), 0, first.clone());
    for _ in 0..PAGES {
        let answer = api.answer(&Request::get(&address, TOKEN), 0);
        bytes += answer.body.len();
        let next = answer.header("Link").and_then(|link| {
            let link = link.split_once('>')?.0.trim_start_matches('<');
            Some(link.split_once("/api/")?.1.to_owned())
        });
        address = next.map_or_else(|| first.clone(), |next| format!("/api/{next}"));
    }
    say("pages of a hundred jobs", started, bytes);

    let query = r"query($path: ID!, $after: String) { project(fullPath: $path) { mergeRequests(first: 100, after: $after, sort: UPDATED_ASC) {
        nodes { iid state commitCount approvedBy { nodes { id } } diffStatsSummary { additions deletions }
            notes(first: 100) { nodes { id body system createdAt author { id username } } } } pageInfo { endCursor hasNextPage } } } }";
    let path = world.project(0).path(world.config());
    let (started, mut bytes, mut after) = (Instant::now(), 0, serde_json::Value::Null);
    for _ in 0..PAGES {
        let variables = serde_json::json!({"path": path, "after": after});
        let body = serde_json::json!({"query": query, "variables": variables}).to_string().into_bytes();
        let request = Request { method: "POST".to_owned(), body, ..Request::get("/api/graphql", TOKEN) };
        let answer = api.answer(&request, 0);
        bytes += answer.body.len();
        let page = &answer.value()["data"]["project"]["mergeRequests"]["pageInfo"];
        after = page["endCursor"].clone();
    }
    say("pages of a hundred merge requests with notes", started, bytes);
}

fn say(what: &str, started: Instant, bytes: usize) {
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{what}: {:.0} a second, {:.0} MB a second",
        f64::from(PAGES) / seconds,
        bytes as f64 / seconds / 1_000_000.0
    );
}

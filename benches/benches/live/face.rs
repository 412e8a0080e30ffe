//! A GitLab with only jobs, as many as are asked for. In: how many projects, how many jobs. Out: pages, invented when they are requested; none is
//! kept. Supports only what backfill requests.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use runtime::http::HttpLimits;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use warp::Filter;
use warp::http::{Response, StatusCode};
use warp::path::FullPath;

/// The argument that makes this program the GitLab of jobs.
pub(crate) const ROLE: &str = "face-of-jobs";
/// The group of its projects.
pub(crate) const GROUP: &str = "factory";
/// Jobs per page, GitLab's maximum (<https://docs.gitlab.com/api/rest/#pagination>).
pub(crate) const PER_PAGE: u64 = 100;
/// Distance between the job ids of two projects.
const PROJECT: u64 = 1_000_000_000;
/// Placeholder for the id in the example.
const ID: u64 = 9_007_199_254_740_991;

/// The size of the history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jobs {
    /// Projects, by ids from 1.
    pub(crate) projects: u64,
    /// Jobs of all of them.
    pub(crate) objects: u64,
}

/// A job in GitLab's list format, split around its id.
struct Example(Vec<String>);

impl Jobs {
    /// Jobs of each project.
    fn of_each(self) -> u64 {
        self.objects / self.projects
    }

    /// The number of all jobs, rounded to whole projects.
    pub(crate) fn all(self) -> u64 {
        self.of_each() * self.projects
    }
}

impl Example {
    fn read() -> anyhow::Result<Example> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/fixtures/job/success.api.json");
        let mut job: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        *job.get_mut("id").context("the example of a job has no id")? = ID.into();
        Ok(Example(job.to_string().split(&ID.to_string()).map(str::to_owned).collect()))
    }

    fn write(&self, id: u64, page: &mut String) {
        let mut parts = self.0.iter();
        page.extend(parts.next().map(String::as_str));
        for part in parts {
            // Writing to a String cannot fail.
            let _ = write!(page, "{id}{part}");
        }
    }
}

/// Serves until a signal.
pub(crate) async fn serve(address: SocketAddr, jobs: Jobs) -> anyhow::Result<()> {
    let shutdown = runtime::shutdown::on_signal()?;
    let listener = TcpListener::bind(address).await?;
    let limits = HttpLimits {
        max_connections: 1024,
        header_timeout: std::time::Duration::from_secs(10),
        drain_timeout: std::time::Duration::from_secs(2),
    };
    let example = Arc::new(Example::read()?);
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let routes = warp::path::full().and(query).map(move |path: FullPath, query: String| {
        let answered = answer(jobs, &example, path.as_str(), &query);
        let (status, link, body) = answered.unwrap_or_else(|| {
            (StatusCode::NOT_FOUND, None, json!({ "message": "404 Not Found" }).to_string())
        });
        let built = Response::builder().status(status).header("content-type", "application/json");
        let built = match link {
            Some(query) => built.header("link", format!("<http://{address}/?{query}>; rel=\"next\"")),
            None => built,
        };
        built.body(body)
    });
    runtime::http::serve(listener, limits, routes, shutdown).await;
    Ok(())
}

/// Status, the query of the next page, and the body; `None` for an unknown request.
fn answer(
    jobs: Jobs,
    example: &Example,
    path: &str,
    query: &str,
) -> Option<(StatusCode, Option<String>, String)> {
    let ok = |body: Value| Some((StatusCode::OK, None, body.to_string()));
    let project = |id: u64| json!({ "id": id, "path_with_namespace": format!("{GROUP}/{id}") });
    let parts: Vec<&str> = path.trim_start_matches("/api/v4/").split('/').collect();
    match parts.as_slice() {
        ["groups", GROUP] => ok(json!({ "id": 1, "full_path": GROUP })),
        ["groups", GROUP, "descendant_groups"] => ok(json!([])),
        ["groups", GROUP, "projects"] => ok((1..=jobs.projects).map(project).collect()),
        ["projects", id, "jobs"] => {
            let id: u64 = id.parse().ok().filter(|id| (1..=jobs.projects).contains(id))?;
            let cursor = query.split('&').find_map(|pair| pair.strip_prefix("cursor="));
            let highest = match cursor {
                Some(cursor) => cursor.parse().ok().filter(|cursor| *cursor <= jobs.of_each())?,
                None => jobs.of_each(),
            };
            let lowest = highest.saturating_sub(PER_PAGE);
            let mut page = String::from("[");
            for number in (lowest + 1..=highest).rev() {
                if number < highest {
                    page.push(',');
                }
                example.write(id * PROJECT + number, &mut page);
            }
            page.push(']');
            let next = (lowest > 0).then(|| {
                format!("pagination=keyset&order_by=id&sort=desc&per_page={PER_PAGE}&cursor={lowest}")
            });
            Some((StatusCode::OK, next, page))
        }
        _ => None,
    }
}

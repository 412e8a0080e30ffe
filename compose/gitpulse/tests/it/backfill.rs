//! `gitpulse backfill` against the API of a world whose truth is known: every merge request, issue, pipeline and deployment arrives as the API
//! tells it, through Kafka and the processor; a second run asks for next to nothing; a run that is killed is gone on with.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use simulator::api::{self, Clock, Options};
use simulator::gitlab::{World, WorldConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::deployment::Deployment;

const GITLAB_TOKEN: &str = "glpat-of-a-test";

/// A table, what identifies its rows within a project, and columns that the lists tell.
const TABLES: [(&str, &str, &[&str]); 4] = [
    (
        "merge_requests",
        "iid",
        &["state", "title", "source_branch", "target_branch", "author_id", "merged_at"],
    ),
    ("issues", "id", &["state", "title", "author_id", "closed_at"]),
    ("pipelines", "id", &["status", "ref", "sha", "source"]),
    ("deployments", "id", &["status", "ref"]),
];

/// A GitLab that is served until the token is cancelled.
async fn serve(mut config: WorldConfig) -> (Arc<World>, CancellationToken, api::Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    config.url = format!("http://{}", listener.local_addr().unwrap());
    let world = Arc::new(World::new(config));
    let mut options = Options::new(&world, GITLAB_TOKEN);
    options.clock = Clock::at(world.config().ends_at());
    let (requests, stop) = (options.requests.clone(), CancellationToken::new());
    tokio::spawn(api::serve(world.clone(), options, listener, stop.clone()));
    (world, stop, requests)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The rows of a table by project and id, each with the columns that are compared.
async fn stored(
    deployment: &Deployment,
    table: &str,
    id: &str,
    columns: &[&str],
) -> BTreeMap<String, String> {
    let sql = format!(
        "SELECT toString(project_id) AS project, toString({id}) AS id, {} FROM {table}",
        columns.join(", ")
    );
    let mut cursor = deployment.client.query(&sql).fetch_bytes("JSONEachRow").unwrap();
    let bytes = cursor.collect().await.unwrap();
    let rows = std::str::from_utf8(&bytes).unwrap().lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        let values = columns.iter().map(|column| text(&row[*column])).collect::<Vec<_>>().join(" | ");
        (format!("{} {}", text(&row["project"]), text(&row["id"])), values)
    });
    rows.collect()
}

/// What a run says.
fn read_history(deployment: &Deployment) -> String {
    let output = deployment.command(&["backfill", "--group", "factory"]).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_groups_history_arrives_as_the_api_tells_it_and_is_read_once() {
    let (world, stop, requests) = serve(WorldConfig::new(7, 4, 56)).await;
    let deployment = Deployment::new("backfill")
        .with("GITLAB_URL", &world.config().url)
        .with("GITLAB_TOKEN", GITLAB_TOKEN)
        .with("GITPULSE_GITLAB_REQUESTS_PER_MINUTE", "60000");
    let _processor = deployment.processor();

    // Killed in the midst of it: what was read before is not read again.
    let mut first = deployment.command(&["backfill", "--group", "factory"]).spawn().unwrap();
    let pages = "SELECT count() FROM backfill_checkpoints";
    deployment.until_count(pages, 3).await;
    first.kill().unwrap();
    first.wait().unwrap();

    let said = read_history(&deployment);
    assert!(said.contains("0 failed, 0 interrupted"), "{said}");
    let asked = requests.total();

    let now = world.config().ends_at();
    for (table, id, columns) in TABLES {
        let told: BTreeMap<String, String> = world
            .truth(now)
            .filter(|row| row.table == table)
            .map(|row| {
                let value = |name: &str| row.columns.get(name).map_or_else(|| "null".to_owned(), text);
                let values = columns.iter().map(|column| value(column)).collect::<Vec<_>>().join(" | ");
                (format!("{} {}", value("project_id"), value(id)), values)
            })
            .collect();
        assert!(told.len() > 20, "{table}: {}", told.len());
        deployment.until_count(&format!("SELECT count() FROM {table}"), told.len() as u64).await;
        let found = stored(&deployment, table, id, columns).await;
        let wrong: Vec<_> =
            told.iter().filter(|(key, values)| found.get(*key) != Some(values)).take(3).collect();
        assert!(wrong.is_empty(), "{table}: {wrong:?}, but {:?}", found.get(wrong[0].0));
        assert_eq!(found.len(), told.len(), "{table}");
    }

    let again = read_history(&deployment);
    assert!(again.contains("0 failed, 0 interrupted"), "{again}");
    let of_the_second = requests.total() - asked;
    assert!(of_the_second * 2 < asked, "{of_the_second} of {asked}: {again}");
    stop.cancel();
}

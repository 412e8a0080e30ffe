//! Business series in Prometheus: promtool accepts the output of each role, and a real Prometheus scrapes it. Both are installed by `.ci/run` if Go
//! is there; otherwise these tests report that they are skipped.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::delivery::{Answer, client, send};
use crate::deployment::{Deployment, Role, eventually};
use crate::engines::free_address;
use crate::rollups::{agree, rolled_up};

/// A program of Prometheus, by its name; `None` if it is not installed.
fn program(name: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("GITPULSE_TEST_PROMETHEUS") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".cache/gitpulse/prometheus-0.316.0"),
    };
    Some(folder.join(name)).filter(|path| path.is_file())
}

/// Stopped when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn pipeline(project: u64, id: u64, reference: &str, status: &str, created_at: &str) -> Vec<u8> {
    format!(
        r#"{{"object_kind":"pipeline","project":{{"id":{project},"path_with_namespace":"shop/p{project}"}},"object_attributes":{{"id":{id},"status":"{status}",
        "ref":"{reference}","source":"push","created_at":"{created_at}","duration":75,"queued_duration":4}},"builds":[]}}"#
    )
    .into_bytes()
}

/// Pipelines of three projects, one of which changed three times and was reported twice each time.
async fn deliver(deployment: &Deployment, ingest: &Role) {
    let now = deployment.value::<String>("SELECT formatDateTime(now(), '%Y-%m-%dT%H:%i:%SZ')").await;
    let mut number = 0;
    for (project, id, reference, status) in [
        (1, 11, "main", "running"),
        (1, 11, "main", "failed"),
        (1, 11, "main", "success"),
        (1, 12, "odd \\\"ref", "failed"),
        (2, 21, "main", "success"),
        (3, 31, "main", "running"),
        (3, 32, "main", "success"),
    ] {
        for _ in 0..2 {
            number += 1;
            let body = pipeline(project, id, reference, status, &now);
            assert_eq!(
                send(&client(), &ingest.webhooks(), &number.to_string(), body).await,
                Answer::Status(200)
            );
        }
    }
}

async fn metrics(address: &str) -> String {
    client().get(format!("http://{address}/metrics")).send().await.unwrap().text().await.unwrap()
}

/// The value of one series, by its printed name and labels.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn fast(name: &str) -> Deployment {
    rolled_up(name).with("GITPULSE_SERIES_MAX", "20000").with("GITPULSE_SERIES_REFRESH_SECONDS", "1")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_processors_tells_and_another_takes_over() {
    let deployment = fast("teller");
    let ingest = deployment.ingest();
    let mut processors = vec![deployment.processor(), deployment.processor()];
    deliver(&deployment, &ingest).await;
    let telling = async |processors: &[Role]| -> Vec<(usize, String)> {
        let mut telling = Vec::new();
        for (number, role) in processors.iter().enumerate() {
            let text = metrics(&role.address).await;
            if text.contains("\ngitpulse_pipeline_runs{") {
                telling.push((number, text));
            }
        }
        telling
    };
    let expected = [
        (r#"gitlab_ci_pipeline_run_count{project="shop/p1",kind="branch",ref="main"}"#, 1.0),
        (
            r#"gitlab_ci_pipeline_status{project="shop/p1",kind="branch",ref="main",source="push",status="success"}"#,
            1.0,
        ),
        (r#"gitlab_ci_pipeline_run_count{project="shop/p3",kind="branch",ref="main"}"#, 2.0),
        (r#"gitlab_ci_pipeline_id{project="shop/p3",kind="branch",ref="main",source="push"}"#, 32.0),
        (r#"gitpulse_pipeline_runs{project="shop/p1",ref_kind="branch",outcome="success"}"#, 1.0),
        (r#"gitpulse_pipeline_duration_seconds_bucket{project="shop/p2",le="60"}"#, 0.0),
        (r#"gitpulse_pipeline_duration_seconds_bucket{project="shop/p2",le="120"}"#, 1.0),
    ];
    let told = async |processors: &[Role]| {
        eventually("one tells", async || match &telling(processors).await[..] {
            [(_, text)] => {
                let wrong: Vec<_> = expected
                    .iter()
                    .filter(|(series, expected)| value(text, series) != Some(*expected))
                    .collect();
                if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong:?} of\n{text}")) }
            }
            telling => Err(format!("{} tell", telling.len())),
        })
        .await;
    };
    told(&processors).await;
    let (teller, _) = telling(&processors).await.remove(0);
    processors.remove(teller).kill();
    told(&processors).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_beyond_the_budget_are_added_up() {
    let deployment = fast("budget").with("GITPULSE_SERIES_MAX", "80");
    let (ingest, processor) = (deployment.ingest(), deployment.processor());
    deliver(&deployment, &ingest).await;
    eventually("the others are added up", async || {
        let text = metrics(&processor.address).await;
        let series = text
            .lines()
            .filter(|line| line.starts_with("gitpulse_pipeline") || line.starts_with("gitlab_ci"))
            .count();
        let others = value(&text, "gitpulse_series_other_projects");
        match others {
            Some(others) if others > 0.0 && text.contains(r#"project="other""#) && series <= 80 => Ok(()),
            _ => Err(format!("{others:?}, {series} series\n{text}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_accepts_what_every_role_tells() {
    let Some(promtool) = program("promtool") else {
        return testing::skipped("promtool is not installed");
    };
    let deployment = fast("promtool");
    let admin = free_address().to_string();
    let (ingest, processor) =
        (deployment.clone().with("GITPULSE_ADMIN_LISTEN", &admin).ingest(), deployment.processor());
    deliver(&deployment, &ingest).await;
    eventually("series are told", async || match metrics(&processor.address).await {
        text if text.contains("\ngitlab_ci_pipeline_run_count{") => Ok(()),
        text => Err(text),
    })
    .await;
    for address in [admin.as_str(), &processor.address] {
        let text = metrics(address).await;
        let mut check = Command::new(&promtool)
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        check.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = check.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        // Names that another exporter defines stay as they are.
        let own: Vec<&str> =
            said.lines().filter(|line| !line.starts_with("gitlab_ci_") && !line.is_empty()).collect();
        assert!(own.is_empty() && matches!(output.status.code(), Some(0 | 3)), "{:?}: {said}", output.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_every_role() {
    let Some(prometheus) = program("prometheus") else {
        return testing::skipped("Prometheus is not installed");
    };
    let deployment = fast("prometheus");
    let admin = free_address().to_string();
    let ingest = deployment.clone().with("GITPULSE_ADMIN_LISTEN", &admin).ingest();
    let processors = [deployment.processor(), deployment.processor()];
    deliver(&deployment, &ingest).await;
    deployment.until_count("SELECT count() FROM pipelines", 5).await;
    agree(&deployment).await;

    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let targets = format!("'{admin}', '{}', '{}'", processors[0].address, processors[1].address);
    std::fs::write(
        &config,
        format!("global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: gitpulse\n  static_configs:\n  - targets: [{targets}]\n"),
    )
    .unwrap();
    let listens = free_address().to_string();
    let _prometheus = start(&prometheus, &config, folder.path(), &listens);
    for (query, expected) in [
        ("count(up{job='gitpulse'} == 1)", 3.0),
        ("sum(gitpulse_pipeline_runs)", 5.0),
        ("count(gitlab_ci_pipeline_status)", 4.0),
        ("sum(gitlab_ci_pipeline_run_count{kind='branch'})", 5.0),
        ("histogram_quantile(0.5, sum by (le) (gitpulse_pipeline_duration_seconds_bucket))", 90.0),
        ("count(count by (job) (gitpulse_ingest_received_total))", 1.0),
    ] {
        eventually(query, async || {
            let url = format!("http://{listens}/api/v1/query");
            let url = reqwest::Url::parse_with_params(&url, [("query", query)]).unwrap();
            let asked = client().get(url).send().await.map_err(|error| error.to_string())?;
            let answer: Value = asked.json().await.map_err(|error| error.to_string())?;
            let value =
                answer["data"]["result"][0]["value"][1].as_str().and_then(|value| value.parse::<f64>().ok());
            if value == Some(expected) { Ok(()) } else { Err(answer.to_string()) }
        })
        .await;
    }
}

fn start(program: &Path, config: &Path, folder: &Path, listens: &str) -> Running {
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={listens}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Running(command.spawn().unwrap())
}

//! Metrics of invented GitLabs, whose truth is known: every metric view, row by row and column by column.
//!
//! `told` makes worlds and their reports through webhooks and API, `stored` stores the reports in any order, some of them twice, and reads the views,
//! `expected` is the truth, `compare` judges, `untold` lists what a source cannot report.

mod broken;
mod compare;
mod expected;
mod stored;
mod told;
mod untold;

use std::collections::BTreeMap;
use std::sync::Arc;

use clickhouse::Client;
use simulator::gitlab::World;

use self::broken::{BROKEN, made};
use self::compare::{Case, Verdict, compare};
use self::expected::{Expected, JUDGED, Judged, expected};
use self::stored::{Face, read, store};
use self::told::{projects, tell};
use self::untold::UNTOLD;
use crate::deployment::Deployment;

/// Worlds in one database.
struct Worlds {
    client: Client,
    worlds: Vec<(u64, Arc<World>, Expected)>,
}

impl Worlds {
    /// Worlds of these seeds, stored as reported by each source.
    async fn told_to(client: Client, seeds: Vec<u64>) -> Worlds {
        let mut worlds = Vec::new();
        for seed in seeds {
            let told = tell(seed).await;
            store(&client, &told).await;
            let expected = expected(&told.world);
            worlds.push((seed, told.world, expected));
        }
        Worlds { client, worlds }
    }

    /// Makes views.
    async fn make(&self, statements: Vec<String>) {
        for statement in statements {
            // A question mark is not a parameter here.
            let made = self.client.query(&statement.replace('?', "??")).execute().await;
            made.unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    /// The differences in a view.
    async fn judge(&self, view: &Judged) -> Verdict {
        let found = read(&self.client, view.view).await;
        let mut verdict = Verdict::default();
        for (seed, _, expected) in &self.worlds {
            for face in Face::ALL {
                let case = Case { judged: view, seed: *seed, face };
                let rows = found.get(&face.instance(*seed)).map_or(&[][..], Vec::as_slice);
                compare(&case, &expected[view.view], rows, &mut verdict);
            }
        }
        verdict
    }

    /// Fails if a view differs from the worlds.
    async fn assert_true(&self, when: &str) {
        let mut wrong = Vec::new();
        for judged in JUDGED {
            let verdict = self.judge(judged).await;
            eprintln!("{:<26} {:>8} rows {:>9} cells", judged.view, verdict.rows, verdict.cells);
            assert!(verdict.rows > 0, "nothing is expected of {}", judged.view);
            wrong.extend(verdict.wrong);
        }
        assert!(wrong.is_empty(), "{when}: {} wrong, as {:#?}", wrong.len(), sample(&wrong));
    }
}

impl Worlds {
    /// Fails if a query of a page has no answer.
    async fn assert_answers(&self, page: &str) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
        let text = std::fs::read_to_string(path).unwrap();
        let queries: Vec<&str> =
            text.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(queries.len() >= 20, "{page} has {} queries", queries.len());
        for query in queries {
            let answer =
                self.client.query(&query.replace('?', "??")).fetch_bytes("TSV").unwrap().collect().await;
            let answer = answer.unwrap_or_else(|error| panic!("{query}\n{error}"));
            assert!(!answer.is_empty(), "{query}\nhas no answer");
        }
    }
}

/// The seeds of worlds: the first four, or as many as `GITPULSE_TEST_SEEDS` says, or only `GITPULSE_TEST_SEED`.
fn seeds() -> Vec<u64> {
    let named = |name| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(|value| value.to_str().unwrap().parse::<u64>().unwrap())
    };
    match named("GITPULSE_TEST_SEED") {
        Some(seed) => vec![seed],
        None => (1..=named("GITPULSE_TEST_SEEDS").unwrap_or(4)).collect(),
    }
}

/// Four worlds, or as many as `GITPULSE_TEST_SEEDS` says: before a release, 20.
#[tokio::test(flavor = "multi_thread")]
async fn every_view_that_measures_shows_of_invented_worlds_what_is_true() {
    let worlds = Worlds::told_to(Deployment::new("worlds").client, seeds()).await;
    worlds.assert_true("as it is told").await;
    worlds.assert_answers("docs/METRICS.md").await;
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, world, _) in &worlds.worlds {
        for (case, times) in projects(world).iter().flat_map(|project| world.cases(project)) {
            *met.entry(case).or_default() += times;
        }
    }
    eprintln!(
        "hard cases met: {}",
        met.iter().map(|(case, times)| format!("{case}: {times}")).collect::<Vec<_>>().join(", ")
    );
    for untold in UNTOLD.iter().filter(|untold| untold.faces.len() < Face::ALL.len()) {
        eprintln!(
            "untold by {:?}: {} of {}: {}",
            untold.faces,
            untold.columns.join(", "),
            untold.views.join(", "),
            untold.because
        );
    }
}

/// Each rule that is broken on purpose must be detected with the reports of one world.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_of_a_view_that_is_broken_is_found_out_by_name() {
    let deployment = Deployment::new("broken");
    let database = deployment.environment["GITPULSE_CLICKHOUSE_DATABASE"].clone();
    let worlds = Worlds::told_to(deployment.client, vec![1]).await;
    worlds.assert_true("before anything is broken").await;
    let mut unseen = Vec::new();
    for broken in BROKEN {
        worlds.make(broken.made(&database)).await;
        let verdict = worlds.judge(Judged::of(broken.seen_in)).await;
        worlds.make(made(broken.view, &database)).await;
        match verdict.wrong.first() {
            Some(first) => eprintln!("{}: {} wrong, as {first:.160}", broken.name, verdict.wrong.len()),
            None => unseen.push(broken.name),
        }
    }
    assert!(unseen.is_empty(), "nobody sees that {unseen:#?}");
    worlds.assert_true("all is mended").await;
}

/// A few of each view, source and column.
fn sample(wrong: &[String]) -> Vec<&String> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let mut sample = Vec::new();
    for line in wrong {
        let (head, rest) = line.split_once(": ").unwrap();
        let view = head.split(' ').next().unwrap();
        let kind = format!("{view} {} {}", head.rsplit(' ').next().unwrap(), rest.split(' ').next().unwrap());
        let count = counts.entry(kind).or_default();
        *count += 1;
        if *count <= 3 {
            sample.push(line);
        }
    }
    sample.truncate(60);
    sample
}

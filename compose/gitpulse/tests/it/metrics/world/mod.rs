//! Metrics of invented GitLabs, whose truth is known: every view that measures, row by row and column by column.

mod expected;
mod stored;
mod told;

use std::collections::BTreeMap;

use clickhouse::Client;

use self::expected::JUDGED;
use self::stored::{Face, read, store};
use self::told::tell;
use crate::deployment::Deployment;

#[tokio::test(flavor = "multi_thread")]
async fn dump() {
    let deployment = Deployment::new("worlds");
    let client: Client = deployment.client.clone();
    println!("{:?}", deployment.environment);
    let began = std::time::Instant::now();
    let told = tell(1).await;
    println!("told {:?}: {} webhooks {} objects", began.elapsed(), told.webhooks.len(), told.objects.len());
    store(&client, &told).await;
    println!("stored {:?}", began.elapsed());
    let mut all = BTreeMap::new();
    for judged in JUDGED {
        all.insert(judged.view, judged.expected(&told));
    }
    println!("truth {:?}", began.elapsed());
    std::fs::write("/tmp/proof-truth.json", serde_json::to_string(&all).unwrap()).unwrap();
    for judged in JUDGED {
        let rows = read(&client, judged.view).await;
        println!("{} {:?} {:?}", judged.view, began.elapsed(), rows.iter().map(|(i, r)| (i.as_str(), r.len())).collect::<Vec<_>>());
    }
    let _ = Face::ALL;
    if std::env::var_os("PROOF_KEEP").is_some() {
        std::future::pending::<()>().await;
    }
}

//! Webhooks and history of the same world at the same time: of half of the projects GitLab sends everything, in any order, while `gitpulse backfill` reads
//! all of them. The tables become the truth.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use simulator::api::Version;
use simulator::gitlab::WorldConfig;
use simulator::gitlab::hooks::Hook;

use crate::backfill::{differences, installation, read_history, sample, serve};
use crate::delivery::{Answer, client, send};

/// Deliveries at the same time.
const SENDERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_of_half_of_the_projects_and_the_history_of_all_are_the_truth_together() {
    let served = serve(WorldConfig::new(12, 2, 14), Version::V19).await;
    let world = &served.world;
    let deployment = installation("backfill_webhooks", world);
    let (_processor, ingest) = (deployment.processor(), deployment.ingest());
    let mut hooks: Vec<Hook> = Vec::new();
    for index in (0..world.config().projects).step_by(2) {
        hooks.extend(world.hooks(&world.project(index), Version::V19, (0, world.config().ends_at())));
    }
    hooks.shuffle(&mut StdRng::seed_from_u64(12));
    let count = hooks.len();
    let (client, url) = (Arc::new(client()), ingest.webhooks());
    let sending = tokio::spawn(async move {
        let sent =
            stream::iter(hooks.into_iter().zip(0..)).map(|(hook, number)| {
                let (client, url) = (client.clone(), url.clone());
                async move {
                    send(&client, &url, &format!("hook-{number}"), hook.body.to_string().into_bytes()).await
                }
            });
        sent.buffer_unordered(SENDERS).all(|answer| std::future::ready(answer == Answer::Status(200))).await
    });
    let reader = deployment.clone();
    let said = tokio::task::spawn_blocking(move || read_history(&reader)).await.unwrap();
    assert!(said.contains("0 failed, 0 interrupted"), "{said}");
    assert!(sending.await.unwrap(), "a delivery was refused");
    let arrived = "SELECT count() FROM events WHERE origin = 'webhook'";
    deployment.until_count(arrived, count as u64).await;
    let wrong = differences(&deployment, world, &[]).await;
    assert!(wrong.is_empty(), "{} wrong of {count} webhooks, as {:#?}", wrong.len(), sample(&wrong));
}

//! SIGKILL during `gitpulse backfill`, repeatedly: the tables become the same as without kills, and next to nothing is requested twice.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use simulator::api::Version;
use simulator::gitlab::WorldConfig;

use crate::backfill::{compare, installation, read_history, serve};
use crate::deployment::{Role, eventually};

const KILLS: usize = 10;
/// Requests under way when a run is killed: the number of lists read at a time, and the number of things of a list.
const LISTS_AT_A_TIME: u64 = 12;
const SIDE_BY_SIDE: u64 = 4;
/// Requests of every run: the group, its groups, its projects, and whether there is GraphQL.
const TO_BEGIN: u64 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn killed_ten_times_at_random_it_tells_the_same_and_asks_for_hardly_anything_twice() {
    let served = serve(WorldConfig::new(9, 3, 28), Version::V19).await;
    let (world, requests) = (&served.world, &served.requests);
    let undisturbed = read_history(&installation("backfill_undisturbed", world));
    assert!(undisturbed.contains("0 failed, 0 interrupted"), "{undisturbed}");
    let needed = requests.total();

    let seed = 10;
    let mut random = StdRng::seed_from_u64(seed);
    let mut kills: Vec<u64> = (0..KILLS).map(|_| random.random_range(1..needed * 9 / 10)).collect();
    kills.sort_unstable();
    let deployment = installation("backfill_kills", world);
    let _processor = deployment.processor();
    // Kafka recognises the returning member, and does not wait until the old session ends.
    let restarted = deployment
        .clone()
        .with("GITPULSE_KAFKA_PROPERTIES", "session.timeout.ms=6000,group.instance.id=restarted");
    for kill in &kills {
        let mut run = Role::unheard(restarted.command(&["backfill", "--group", "factory"]), "");
        eventually("it asks", async || {
            let asked = requests.total() - needed;
            if asked > *kill { Ok(()) } else { Err(format!("{asked} of {kill}")) }
        })
        .await;
        assert!(run.ended().is_none(), "{kill} of {needed}: it has ended before");
        run.kill();
    }
    let said = read_history(&restarted);
    assert!(said.contains("0 failed, 0 interrupted"), "{said}");
    let extra = requests.total().saturating_sub(2 * needed);
    println!("{extra} requests more than {needed}, killed at {kills:?}");
    let most = KILLS as u64 * (TO_BEGIN + LISTS_AT_A_TIME * SIDE_BY_SIDE);
    assert!(extra <= most, "{extra} requests more than {needed}, which is more than {most}: {kills:?}");
    compare(&deployment, world, &[]).await;
}

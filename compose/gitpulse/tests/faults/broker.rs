//! Faults of the broker: F-01 to F-09. Whatever it does, deliveries are answered 200 in time and end up in their tables once.

use crate::report::Outcome;
use crate::stage::{Allows, Scene, Stage};

/// F-01: killed under load, and back after half a minute.
pub(crate) async fn killed(scene: Scene) -> Outcome {
    let mut stage = Stage::prepare(scene).await.open().await;
    stage.broker.kill();
    stage.go_on(scene.lasts(30)).await;
    stage.broker.restart().await;
    stage.recover().await;
    stage.end(Allows::No5xx).await
}

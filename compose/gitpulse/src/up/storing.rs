//! The processor inside `up`. In: settings, clients. Out: rows, until it is stopped; it is restarted after any fault. Runs on threads of its own.

use std::time::Duration;

use embedded::clickhouse as embedded_clickhouse;
use processor::{Pipeline, ProcessorConfig};
use runtime::Publisher;
use runtime::clickhouse::ClickHouse;
use runtime::kafka::KafkaConfig;
use tokio_util::sync::CancellationToken;

/// Pause before the processor is restarted.
const PAUSE: Duration = Duration::from_secs(5);

/// Threads of the processor, with a lower priority than those that answer: decoding a batch takes a core for longer than an answer may wait.
pub(super) struct ProcessorThreads(Option<tokio::runtime::Runtime>);

impl ProcessorThreads {
    pub(super) fn start() -> std::io::Result<ProcessorThreads> {
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        threads.enable_all().thread_name("processor").on_thread_start(|| {
            // If this fails, the threads have the usual priority; nothing else changes.
            let _ = embedded_clickhouse::give_way();
        });
        Ok(ProcessorThreads(Some(threads.build()?)))
    }

    pub(super) fn spawn(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        match &self.0 {
            Some(threads) => threads.spawn(work),
            None => tokio::spawn(work),
        }
    }
}

impl Drop for ProcessorThreads {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which an async task may not do.
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}

/// Runs the processor until `storing` is cancelled, and restarts it after each fault.
///
/// Ingest continues meanwhile: Kafka accepts events that ClickHouse does not, and GitLab would not send them again.
pub(super) async fn keep_storing(
    config: ProcessorConfig,
    kafka: KafkaConfig,
    clickhouse: ClickHouse,
    publisher: Publisher,
    metrics: processor::Metrics,
    storing: CancellationToken,
) {
    loop {
        let (clickhouse, publisher, metrics) = (clickhouse.clone(), publisher.clone(), metrics.clone());
        let pipeline = Pipeline::start(&kafka, clickhouse, publisher, &config, metrics).await;
        let running = storing.clone();
        // A separate task, so that it can be restarted even after a panic.
        let processed = tokio::spawn(async move { pipeline?.run(running).await }).await;
        let error: Option<Box<dyn std::error::Error + Send + Sync>> = match processed {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.into()),
            Err(panicked) => Some(panicked.into()),
        };
        if let Some(error) = error {
            let error: &dyn std::error::Error = &*error;
            tracing::error!(error, "the processor gave up; events wait in Kafka until it is back");
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => (),
            () = storing.cancelled() => return,
        }
    }
}

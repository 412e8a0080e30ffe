//! Secrets are never shown. All output of the process, while it receives right and wrong secrets, is searched for them.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::client::{head, post};
use crate::server::{
    ACME_TOKEN, ADMIN_TOKEN, FENCED_TOKEN, GLOBEX_KEY, PUSH, SHARED, TestServer, signature, signed, timestamp,
};

/// A secret of no tenant. Even a wrong secret may be valid elsewhere.
const WRONG_TOKEN: &str = "wr0ng-t0ken-c0ffee";
/// The value of a pipeline variable.
const VARIABLE: &str = "hunter2-in-a-variable";

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[tokio::test]
async fn secrets_are_in_no_log_no_metric_and_no_answer() {
    let log = Log::default();
    let writer = log.clone();
    // For all threads, including librdkafka's. The output of other tests at the same time is searched too.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(writer)
        .init();
    let server = TestServer::start(&["--publish-timeout-ms", "300", "--body-timeout-ms", "300"]).await;
    let now = timestamp(0);
    let right = signature(GLOBEX_KEY, "id", &now, PUSH);
    let pipeline = format!(
        r#"{{"object_kind":"pipeline","object_attributes":{{"variables":[{{"key":"K","value":"{VARIABLE}"}}]}}}}"#
    );
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let wrong_bearer = format!("Bearer {WRONG_TOKEN}");
    let token = |token: &str| post(SHARED, &[("X-Gitlab-Token", token)], &pipeline);
    let test = |bearer: &str| post("/api/v1/webhooks/test", &[("Via", "x"), ("Authorization", bearer)], "");
    let headers = [("X-Gitlab-Token", ACME_TOKEN), ("webhook-signature", right.as_str())];
    let requests = [
        token(ACME_TOKEN),
        token(FENCED_TOKEN),
        token(WRONG_TOKEN),
        signed(SHARED, "id", &now, &pipeline),
        post(SHARED, &headers, PUSH),
        post("/api/v1/webhooks/gitlab/nobody", &headers, PUSH),
        test(&bearer),
        test(&wrong_bearer),
        post(SHARED, &[("X-Gitlab-Token", ACME_TOKEN), ("Content-Encoding", "gzip")], &pipeline),
        head(SHARED, &[("X-Gitlab-Token", ACME_TOKEN), ("Content-Length", "100")]),
        head(SHARED, &[("X-Gitlab-Token", ACME_TOKEN), ("Content-Length", "no number")]),
    ];
    let mut told = String::new();
    for request in &requests {
        told.push_str(&format!("{:?}\n", server.exchange(request).await));
    }
    server.kafka.cluster.broker_down(1).unwrap();
    server.break_spool();
    for request in &requests[..2] {
        told.push_str(&format!("{:?}\n", server.exchange(request).await));
    }
    told.push_str(&server.metrics());
    told.push_str(&String::from_utf8(log.0.lock().unwrap().clone()).unwrap());
    assert!(told.contains("deliveries were answered 503"), "nothing was logged");
    assert!(told.contains("gitpulse_ingest_received_total"), "nothing was counted");
    let key = GLOBEX_KEY.strip_prefix("whsec_").unwrap();
    for secret in [ACME_TOKEN, FENCED_TOKEN, ADMIN_TOKEN, WRONG_TOKEN, VARIABLE, key, &right[3..]] {
        let line = told.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is told: {}", line.unwrap_or_default());
    }
}

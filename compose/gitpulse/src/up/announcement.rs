//! The announcement of `up` once it accepts webhooks. In: settings. Out: on standard output, the addresses and what to try first. Shows the token
//! that it made only on a terminal.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use super::UpArgs;
use super::token::WebhookToken;

/// Prints the addresses and what to try first.
pub(super) fn announce(
    args: &UpArgs,
    token: &WebhookToken,
    (history, demo): (Option<&str>, Option<&str>),
    started: Instant,
) {
    let listen = args.ingest.listen;
    let host = if listen.ip().is_unspecified() { "localhost".to_owned() } else { listen.ip().to_string() };
    let clickhouse = args.stores.clickhouse.url.trim_end_matches('/');
    let database = &args.stores.clickhouse.database;
    let user = &args.stores.clickhouse.user;
    let data = args.data.data_dir.display();
    let mut example = "cargo run --release -- send schemas/fixtures".to_owned();
    if listen.port() != 8000 {
        example.push_str(&format!(" --url http://{host}:{}/api/v1/webhooks/gitlab", listen.port()));
    }
    if args.data.data_dir != Path::new("./data") {
        example.push_str(&format!(" --data-dir {data}"));
    }
    let secret = match &token.made {
        None => "as configured".to_owned(),
        Some(made) if std::io::stdout().is_terminal() => {
            format!("{}   (kept in {})", made.expose(), token.file.display())
        }
        Some(_) => format!("in {}", token.file.display()),
    };
    let first = if let Some(demo) = demo {
        let mut report = "cargo run --release -- report dora --group factory".to_owned();
        if clickhouse != "http://127.0.0.1:8123" {
            report.insert_str(0, &format!("GITPULSE_CLICKHOUSE_URL={clickhouse} "));
        }
        format!("{demo} Ask for delivery metrics, or anything:\n\n  {report}")
    } else {
        format!(
            "In GitLab: project or group > Settings > Webhooks, with this URL and token and the events that you want. Or try it with examples:\n\n  {example}"
        )
    };
    let history = match history {
        Some(history) => format!("\n  history    {history}"),
        None => String::new(),
    };
    // A closed standard output does not end the program.
    let _ = writeln!(
        std::io::stdout(),
        "
GitPulse is up, {seconds:.1} s after its engines were asked for.

  webhooks   http://{host}:{port}/api/v1/webhooks/gitlab   (listening on {listen})
  token      {secret}
  SQL        {clickhouse}   database {database}, user {user}, no password
  metrics    http://{admin}/metrics
  Kafka      {brokers}
  data       {data}   (safe against killed processes, not against a power cut){history}

{first}
  curl '{clickhouse}/?database={database}' --data 'SELECT kind, count() AS events FROM events GROUP BY kind ORDER BY kind FORMAT PrettyCompact'

Ctrl-C stops it; the next `up` goes on from there.
",
        seconds = started.elapsed().as_secs_f64(),
        port = listen.port(),
        admin = args.admin.admin_listen,
        brokers = args.stores.kafka.brokers,
    );
}

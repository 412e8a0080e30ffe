//! A plot of the table. In: a report. Out: SVG with one bar per line, limits in grey beside what they limit.

use std::fmt::Write;

use crate::report::{Line, Report};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = 150.0;
const ROW: f64 = 28.0;
const TOP: f64 = 56.0;

/// Groups of lines that share a scale.
const GROUPS: [(&str, &[&str]); 3] = [
    (
        "Webhook to Kafka, events per second",
        &["bare_http", "bare_producer", "bare_producer_in_flight", "ingest"],
    ),
    (
        "Webhook to Kafka, a connection each, events per second",
        &["bare_http_fresh", "bare_producer", "ingest_fresh"],
    ),
    ("Kafka to ClickHouse, events per second", &["bare_consumer", "encoded_inserts", "processor"]),
];

/// The plot.
pub(crate) fn svg(report: &Report) -> String {
    let mut body = String::new();
    let mut y = TOP;
    for (title, names) in GROUPS {
        let lines: Vec<&Line> =
            names.iter().filter_map(|name| report.lines.iter().find(|line| line.run == *name)).collect();
        if lines.is_empty() {
            continue;
        }
        let most = lines.iter().map(|line| line.events_per_second).fold(1.0, f64::max);
        // Writing to a string cannot fail.
        let _ = write!(body, r#"<text x="16" y="{y}" class="title">{title}</text>"#);
        y += 12.0;
        for line in lines {
            bar(&mut body, y, line, most);
            y += ROW;
        }
        y += 34.0;
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}">
<style>text{{font:13px system-ui,sans-serif;fill:#1f2328}}.title{{font-weight:600}}.small{{fill:#59636e;font-size:12px}}</style>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="26" class="small">Grey: a part alone, which limits the path. Blue: the whole path. All share the machine's cores.</text>
{body}</svg>
"##
    )
}

fn bar(body: &mut String, y: f64, line: &Line, most: f64) {
    let width = (line.events_per_second / most * (WIDTH - LEFT - RIGHT)).max(1.0);
    let color = match (&line.fault, line.limit) {
        (Some(_), _) => "#cf222e",
        (None, Some(_)) => "#2f6feb",
        (None, None) => "#afb8c1",
    };
    let ratio = line.ratio.map_or(String::new(), |ratio| format!(" ({ratio:.2} of its limit)"));
    let failed = if line.fault.is_some() { " FAILED" } else { "" };
    let (label, text) = (LEFT - 10.0, y + 15.0);
    let _ = write!(
        body,
        r#"<text x="{label}" y="{text}" text-anchor="end">{}</text><rect x="{LEFT}" y="{y}" width="{width:.1}" height="20" rx="2" fill="{color}"/><text x="{:.1}" y="{text}">{:.0}{ratio}{failed}</text>"#,
        line.what,
        LEFT + width + 8.0,
        line.events_per_second
    );
}

//! A plot of the cost of batches. In: batches at growing tables. Out: SVG, jobs in the tables from left to right by powers of ten, milliseconds
//! upwards from 0.

use crate::batch::Batch;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 270.0;
const TOP: f64 = 50.0;

/// The plot.
pub(crate) fn svg(batches: &[Batch]) -> String {
    let wall: fn(&Batch) -> f64 = |batch| batch.store_ms + batch.mark_ms;
    let most = batches.iter().flat_map(|batch| [wall(batch), batch.cpu_ms]).fold(1.0, f64::max) * 1.1;
    let power = |batch: &Batch| (batch.jobs.max(1) as f64).log10();
    let first = batches.iter().map(power).fold(f64::INFINITY, f64::min);
    let span = (batches.iter().map(power).fold(0.0, f64::max) - first).max(0.1);
    let x = |batch: &Batch| LEFT + (power(batch) - first) / span * (WIDTH - LEFT - 90.0);
    let y = |value: f64| BOTTOM - value / most * (BOTTOM - TOP);
    let line = |color: &str, label: &str, value: fn(&Batch) -> f64| {
        let points: Vec<String> =
            batches.iter().map(|batch| format!("{:.1},{:.1}", x(batch), y(value(batch)))).collect();
        let dots: String = batches
            .iter()
            .map(|batch| {
                let (x, y, value) = (x(batch), y(value(batch)), value(batch));
                format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{color}"/><text x="{x:.1}" y="{:.1}" class="small">{value:.0}</text>"#, y - 9.0)
            })
            .collect();
        let end = batches.last().map_or(BOTTOM, |batch| y(value(batch)));
        format!(
            r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="2"/>{dots}<text x="{:.1}" y="{:.1}" fill="{color}">{label}</text>"#,
            points.join(" "),
            WIDTH - 80.0,
            end + 4.0
        )
    };
    let ticks: String = batches
        .iter()
        .map(|batch| {
            format!(
                r#"<text x="{:.1}" y="{}" class="small">{} jobs</text>"#,
                x(batch),
                BOTTOM + 20.0,
                batch.jobs
            )
        })
        .collect();
    let rows = batches.first().map_or(0, |batch| batch.rows);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">
<style>text{{font:13px system-ui,sans-serif}}.small{{font-size:12px;fill:#59636e;text-anchor:middle}}</style>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="26">Milliseconds to store a batch of {rows} rows and to mark its projects, by what the tables hold</text>
<line x1="{LEFT}" y1="{BOTTOM}" x2="{}" y2="{BOTTOM}" stroke="#afb8c1"/>
{ticks}{}{}</svg>
"##,
        WIDTH - 90.0,
        line("#2f6feb", "the clock", wall),
        line("#8250df", "CPU", |batch| batch.cpu_ms)
    )
}

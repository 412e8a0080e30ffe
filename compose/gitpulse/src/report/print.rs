//! An answer for people. In: an answer, and the properties of the terminal. Out: text. Colours only if the terminal has them; everything they say is
//! also in words.

use std::fmt::Write;

use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};

use super::answer::{self, Answer, Line};
use super::ask::Covered;
use super::bands;
use super::grid::{Grid, indented};
use super::plot::{bar, greatest, spark};
use super::units::{Trend, change, written};

/// The narrowest terminal that shows a number's course and its coverage beside it.
const ROOM_FOR_ALL: u16 = 100;
/// The narrowest terminal that shows coverage with reasons beside a number; a narrower one shows it below.
const ROOM_FOR_REASONS: u16 = 140;
/// Length of bars.
const BARS: u16 = 40;

/// Properties of the output.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terminal {
    /// Characters per line; `None` if it is not a terminal.
    pub(crate) width: Option<u16>,
    /// Whether it shows colours.
    pub(crate) has_colours: bool,
}

impl Terminal {
    /// Standard output, unless NO_COLOR is set (no-color.org).
    pub(crate) fn of_this_program() -> Terminal {
        let table = Table::new();
        let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match table.is_tty() {
            true => Terminal { width: table.width(), has_colours: !is_plain },
            false => Terminal::default(),
        }
    }

    /// An empty table that fits.
    pub(crate) fn table(self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        if self.has_colours {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }

    /// Whether a line has room for this many characters; always if there is no limit.
    pub(crate) fn has_room(self, width: u16) -> bool {
        self.width.is_none_or(|has| has >= width)
    }
}

/// The whole answer.
pub(super) fn text(answer: &Answer, terminal: Terminal) -> String {
    let mut text = head(answer);
    text.push('\n');
    text.push_str(&lines(answer, terminal));
    if let Some(line) = answer.lines.iter().find(|line| line.measure.name == answer.drawn) {
        text.push_str(&drawing(answer, line));
    }
    for table in &answer.tables {
        text.push_str(&breakdown(table, terminal));
    }
    if answer.lines.iter().any(|line| line.band.is_some()) {
        push(&mut text, format_args!("\nLevels: {}; {}.", bands::SOURCE, bands::CAVEAT));
    }
    for (index, note) in answer.notes.iter().enumerate() {
        let note = indented(note, room(terminal), "", "");
        push(&mut text, format_args!("{}{note}", if index == 0 { "\n" } else { "" }));
    }
    text
}

/// The question, in two lines.
fn head(answer: &Answer) -> String {
    let Answer { scope, span, .. } = answer;
    let of = match scope.names.as_slice() {
        [] => "everything on record".to_owned(),
        names => names.join(", "),
    };
    let projects = if scope.projects == 1 { "1 project" } else { &format!("{} projects", scope.projects) };
    let mut head = format!("{} of {of} ({projects})", answer.title);
    for (name, value) in answer.chosen.iter().filter(|(_, value)| !value.is_empty()) {
        push_str(&mut head, format_args!(", {name} {value}"));
    }
    let days = if span.days() == 1 { "1 day" } else { &format!("{} days", span.days()) };
    push(
        &mut head,
        format_args!(
            "\n{} to {} ({days} of {}); before: {} to {}; projects and groups as of {}",
            span.since, span.until, span.zone, span.before_since, span.before_until, span.today
        ),
    );
    if let Some(first) = answer.on_record_since {
        push(&mut head, format_args!("{} on record since {first}", answer.of_what));
    }
    head
}

fn lines(answer: &Answer, terminal: Terminal) -> String {
    let has_bands = answer.lines.iter().any(|line| line.band.is_some());
    let is_covered = answer.lines.iter().any(|line| !of(line).is_empty());
    let step = answer.span.step.as_str();
    let mut heads = vec![right("now"), right("before"), right("change")];
    if terminal.has_room(ROOM_FOR_ALL) {
        heads.push(Cell::new(format!("by {step}")));
    }
    if has_bands {
        heads.push(Cell::new("level"));
    }
    if is_covered {
        heads.push(Cell::new("of how many"));
    }
    let mut grid = Grid::new("", heads);
    let mut section = "";
    for line in &answer.lines {
        if line.section != section {
            section = line.section;
            grid.over(section);
        }
        let mut cells = cells(line);
        if terminal.has_room(ROOM_FOR_ALL) {
            cells.push(Cell::new(spark(&line.steps)));
        }
        if has_bands {
            cells.push(Cell::new(line.band.map(|band| band.to_string()).unwrap_or_default()));
        }
        if is_covered {
            let all = terminal.has_room(ROOM_FOR_REASONS);
            cells.push(Cell::new(if all { covers(line) + &reasons(line) } else { of(line) }));
        }
        grid.row(line.measure.label, cells);
    }
    let mut text = grid.text(terminal) + "\n";
    if !terminal.has_room(ROOM_FOR_REASONS) {
        text.push_str(&covered(answer, terminal));
    }
    text
}

/// Coverage of numbers with reasons, one line each.
fn covered(answer: &Answer, terminal: Terminal) -> String {
    let mut text = String::new();
    for line in answer.lines.iter().filter(|line| line.coverage.is_some()) {
        let head = if text.is_empty() { "\nWhat they cover\n" } else { "" };
        let said = format!("{}, {}: {}{}", line.section, line.measure.label, covers(line), reasons(line));
        push(&mut text, format_args!("{head}{}", indented(&said, room(terminal), "   ", "     ")));
    }
    text
}

/// Maximum number of characters per line of text.
fn room(terminal: Terminal) -> Option<usize> {
    terminal.width.map(usize::from)
}

fn cells(line: &Line) -> Vec<Cell> {
    let unit = line.measure.unit;
    let (text, trend) = change(unit, line.measure.better, line.before, line.value);
    let changed = match trend {
        Trend::Good => right(text).fg(Color::Green),
        Trend::Bad => right(text).fg(Color::Red),
        Trend::Neither => right(text),
    };
    vec![
        right(written(unit, line.value)).add_attribute(Attribute::Bold),
        right(written(unit, line.before)),
        changed,
    ]
}

/// How many things it is computed from, or for a share the whole.
fn of(line: &Line) -> String {
    match (line.part_of, line.things) {
        (Some((part, whole)), _) => format!("{part} of {whole}"),
        (None, Some(things)) => format!("of {things}"),
        (None, None) => String::new(),
    }
}

/// The same, with coverage.
fn covers(line: &Line) -> String {
    let coverage = line.coverage.as_ref().map(|Covered { counted, of, .. }| {
        let whole = line.measure.coverage.as_ref().map_or("", |coverage| coverage.whole);
        let space = if whole.is_empty() { "" } else { " " };
        // Rounded down, so that it is never 100 too early.
        let percent = (counted * 100).checked_div(*of).unwrap_or(100);
        format!("covers {counted} of {of}{space}{whole} ({percent} %)")
    });
    Some(of(line)).filter(|of| !of.is_empty()).into_iter().chain(coverage).collect::<Vec<_>>().join("; ")
}

/// The reasons for missing coverage, as `: 2 baseline, 1 chain_gap`; the most frequent first.
fn reasons(line: &Line) -> String {
    let mut reasons: Vec<(&String, &u64)> =
        line.coverage.iter().flat_map(|coverage| &coverage.reasons).collect();
    reasons.sort_by(|one, other| other.1.cmp(one.1).then_with(|| one.0.cmp(other.0)));
    let reasons: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join(", ")) }
}

/// One bar per step.
fn drawing(answer: &Answer, line: &Line) -> String {
    let mut text = String::new();
    push(
        &mut text,
        format_args!("\n{}: {}, by {}", line.section, line.measure.label, answer.span.step.as_str()),
    );
    let greatest = greatest(&line.steps);
    for ((first, _), value) in answer.span.steps().iter().zip(&line.steps) {
        let bar = bar(*value, greatest, BARS);
        let space = if bar.is_empty() { "" } else { " " };
        push(&mut text, format_args!("  {first}  {bar}{space}{}", written(line.measure.unit, *value)));
    }
    text
}

fn breakdown(table: &answer::Table, terminal: Terminal) -> String {
    let heads = table.columns.iter().map(|column| right(column.label)).collect();
    let mut grid = Grid::new(&format!("  {}", table.subject), heads);
    for (subject, values) in &table.rows {
        let values = table.columns.iter().zip(values);
        grid.row(subject, values.map(|(column, value)| right(written(column.unit, *value))).collect());
    }
    let mut text = String::new();
    push(&mut text, format_args!("\n{}\n{}", table.title, grid.text(terminal)));
    if table.more > 0 {
        push(&mut text, format_args!("  and {} more (--limit)", table.more));
    }
    text
}

fn right(content: impl ToString) -> Cell {
    Cell::new(content).set_alignment(CellAlignment::Right)
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    push_str(text, line);
    text.push('\n');
}

fn push_str(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(part);
}

#[cfg(test)]
mod tests;

//! Printed answers. In: an answer made by hand. Out: its text, on terminals of several widths.

use std::collections::BTreeMap;

use super::*;
use crate::report::measure::{Coverage, Measure, Unit};
use crate::report::scope::Scope;
use crate::report::span::{Span, Step};

fn answer() -> Answer {
    let day = |text: &str| text.parse().unwrap();
    let coverage = Coverage::new("1", "1", "'x'").of("merged");
    let lead = Measure::quantile("lead_p50_seconds", "median", Unit::Seconds, (0.5, "seconds"), "1");
    let lead = lead.less_is_better().covering(&coverage);
    let reasons = BTreeMap::from([("awaiting".to_owned(), 1), ("tie".to_owned(), 3)]);
    let line = |section, measure: Measure, value, before| Line {
        section,
        value,
        before,
        part_of: None,
        things: measure.things.as_ref().map(|_| 297),
        steps: vec![Some(1.0), None, Some(2.0)],
        coverage: measure.coverage.as_ref().map(|_| Covered {
            counted: 299,
            of: 300,
            reasons: reasons.clone(),
        }),
        band: None,
        measure,
    };
    let mut scope = Scope::default();
    scope.names.push("shop/".to_owned());
    scope.projects = 2;
    Answer {
        report: "dora",
        title: "DORA metrics",
        chosen: vec![("tier", "production".to_owned()), ("environment", String::new())],
        scope,
        span: Span {
            since: day("2026-11-01"),
            until: day("2026-11-03"),
            before_since: day("2026-10-29"),
            before_until: day("2026-10-31"),
            zone: "Europe/Berlin".to_owned(),
            today: day("2026-11-28"),
            step: Step::Day,
        },
        on_record_since: None,
        of_what: "deployments",
        hint: "",
        lines: vec![
            line(
                "Deployments",
                Measure::count("deployments_count", "successful", "1").more_is_better(),
                Some(3.0),
                Some(2.0),
            ),
            line("Lead time", lead, Some(18_600.0), Some(20_000.0)),
        ],
        tables: Vec::new(),
        drawn: "deployments_count",
        notes: vec!["A note.".to_owned()],
        is_empty: false,
    }
}

#[test]
fn a_pipe_gets_everything_without_colours() {
    let text = text(&answer(), Terminal::default());
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(
        lines,
        [
            "DORA metrics of shop/ (2 projects), tier production",
            "2026-11-01 to 2026-11-03 (3 days of Europe/Berlin); before: 2026-10-29 to 2026-10-31; projects and groups as of 2026-11-28",
            "",
            "                      now      before  change  by day  of how many",
            " Deployments",
            "   successful           3           2   +50 %  ▅·█",
            " Lead time",
            "   median      5 h 10 min  5 h 33 min    -7 %  ▅·█     of 297; covers 299 of 300 merged (99 %): 3 tie, 1 awaiting",
            "",
            "Deployments: successful, by day",
            "  2026-11-01  ████████████████████ 1",
            "  2026-11-02  –",
            "  2026-11-03  ████████████████████████████████████████ 2",
            "",
            "A note.",
        ]
    );
}

#[test]
fn a_narrow_terminal_shows_what_numbers_cover_below_and_no_course() {
    let narrow = Terminal { width: Some(80), has_colours: false };
    let text = lines(&answer(), narrow);
    let covered = "\nWhat they cover\n   Lead time, median: of 297; covers 299 of 300 merged (99 %): 3 tie, 1 awaiting\n";
    assert!(text.contains(covered), "{text}");
    assert!(!text.contains('█') && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let middle = lines(&answer(), Terminal { width: Some(120), has_colours: false });
    assert!(middle.contains("▅·█") && middle.contains("\nWhat they cover\n"), "{middle}");
}

#[test]
fn a_line_that_goes_on_below_is_further_in_than_its_section() {
    for width in [60, 80, 100, 110, 120] {
        let mut answer = answer();
        for line in &mut answer.lines {
            line.measure.label = "cycle: first commit (else opened) to merge, median of all that there are";
        }
        let text = lines(&answer, Terminal { width: Some(width), has_colours: false });
        for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
            let is_heading = [" Deployments", " Lead time", "What they cover"].contains(&line.trim_end());
            assert!(is_heading || line.starts_with("   "), "{width}: {line:?} in\n{text}");
        }
    }
}

#[test]
fn colours_say_which_way_is_good() {
    let text = lines(&answer(), Terminal { width: Some(160), has_colours: true });
    assert!(text.contains('\u{1b}') && text.contains("+50 %") && text.contains("-7 %"), "{text}");
    assert!(!lines(&answer(), Terminal { width: Some(160), has_colours: false }).contains('\u{1b}'));
}

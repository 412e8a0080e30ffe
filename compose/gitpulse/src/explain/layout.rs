//! Rows of a chain on a terminal. In: steps in the order of time. Out: lines. Never breaks the name of a row or of an event, which users copy, and
//! never omits a row that decides.

use comfy_table::ColumnConstraint;

use super::chain::{Step, time};
use crate::report::Terminal;

/// The narrowest terminal on which the names of rows and events are beside their texts; on a narrower one they are below.
const ROOM_FOR_NAMES: u16 = 140;
/// Limit of rows; beyond it, the deciding ones are shown, and as many of the first and last ones as fit.
const SHOWN: usize = 40;
const SHOWN_AT_AN_END: usize = 15;

/// The steps to show; where steps that do not decide are omitted, one entry has their number.
pub(super) fn cut(steps: &[Step]) -> Vec<Step> {
    if steps.len() <= SHOWN {
        return steps.to_vec();
    }
    let last = steps.len() - SHOWN_AT_AN_END;
    let mut shown = Vec::new();
    let mut left_out = 0;
    for (index, step) in steps.iter().enumerate() {
        if step.decides || index < SHOWN_AT_AN_END || index >= last {
            shown.extend(gap(left_out));
            left_out = 0;
            shown.push(step.clone());
        } else {
            left_out += 1;
        }
    }
    shown
}

fn gap(left_out: usize) -> Option<Step> {
    let what = format!("… and {left_out} more, which decide nothing: --json has them");
    (left_out > 0).then(|| Step { at: None, what, row: String::new(), event: String::new(), decides: false })
}

/// The rows: one line each if there is room, else two.
pub(super) fn rows_of(steps: &[Step], terminal: Terminal) -> String {
    let is_wide = terminal.has_room(ROOM_FOR_NAMES);
    let mut table = terminal.table();
    table.set_header(if is_wide {
        vec!["  when (UTC)", "what", "row", "event"]
    } else {
        vec!["  when (UTC)", "what, row and event"]
    });
    for step in steps {
        let at = if step.at.is_none() && step.row.is_empty() {
            String::new()
        } else {
            format!("  {}", time(step.at))
        };
        if is_wide {
            table.add_row([&at, &step.what, &step.row, &step.event]);
            continue;
        }
        let names = [step.row.as_str(), step.event.as_str()];
        let below = names.iter().filter(|name| !name.is_empty()).map(|name| format!("\n  {name}"));
        table.add_row([at, step.what.clone() + &below.collect::<String>()]);
    }
    // Texts may be broken, names of rows may not.
    let whole: &[usize] = if is_wide { &[0, 2, 3] } else { &[0] };
    for index in whole {
        if let Some(column) = table.column_mut(*index) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = "429de059-27ec-5164-8fa7-42552cb5294e";

    fn step(at: i64, decides: bool) -> Step {
        Step {
            at: Some(at),
            what: format!(
                "deployment {at} to production, failed: brought nothing, and that is said at some length"
            ),
            row: format!("deployments {at}"),
            event: EVENT.to_owned(),
            decides,
        }
    }

    #[test]
    fn what_decides_is_shown_however_many_there_are() {
        let steps: Vec<Step> = (0..100).map(|at| step(at, at == 50)).collect();
        let shown = cut(&steps);
        assert_eq!(shown.len(), 15 + 1 + 1 + 1 + 15);
        assert!(shown[15].what.starts_with("… and 35 more, ") && shown[16].at == Some(50), "{shown:?}");
        assert!(shown[17].what.starts_with("… and 34 more, ") && shown[32].at == Some(99), "{shown:?}");
        assert_eq!(cut(&steps[..40]).len(), 40);
    }

    #[test]
    fn a_name_that_is_copied_is_in_one_piece_on_every_terminal() {
        for width in [80, 100, 119, 140, 200] {
            let text = rows_of(&[step(1, true)], Terminal { width: Some(width), has_colours: false });
            assert!(text.contains(EVENT) && text.contains("deployments 1"), "{width}: {text}");
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{width}: {text}");
        }
    }
}

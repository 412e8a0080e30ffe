//! Rows with a label and numbers, on a terminal. In: rows, a width. Out: lines that fit; a label that does not fit continues below with a deeper
//! indent. Never breaks a number, nor a word that fits into a line.

use comfy_table::{Attribute, Cell, ColumnConstraint};

use super::print::Terminal;

/// Minimum width of labels, however narrow the terminal is.
const LEAST: usize = 24;
/// What comfy-table puts around a cell.
const PADDING: usize = 2;

/// Rows of a table.
pub(super) struct Grid {
    heads: (String, Vec<Cell>),
    rows: Vec<(Label, Vec<Cell>)>,
}

/// The first cell of a row.
enum Label {
    /// A heading over rows.
    Over(String),
    Of(String),
}

impl Grid {
    /// An empty grid; `head` is the head of the labels.
    pub(super) fn new(head: &str, heads: Vec<Cell>) -> Grid {
        Grid { heads: (head.to_owned(), heads), rows: Vec::new() }
    }

    /// Adds a heading over the rows that follow.
    pub(super) fn over(&mut self, heading: &str) {
        self.rows.push((Label::Over(heading.to_owned()), Vec::new()));
    }

    /// Adds a row.
    pub(super) fn row(&mut self, label: &str, cells: Vec<Cell>) {
        self.rows.push((Label::Of(label.to_owned()), cells));
    }

    /// All of it.
    pub(super) fn text(self, terminal: Terminal) -> String {
        let room = terminal.width.map(|width| usize::from(width).saturating_sub(self.others() + PADDING));
        let room = room.map(|room| room.max(LEAST));
        let mut table = terminal.table();
        let Grid { heads: (head, heads), rows } = self;
        table.set_header([Cell::new(&head)].into_iter().chain(heads));
        for (label, cells) in rows {
            let first = match label {
                Label::Over(heading) => Cell::new(heading).add_attribute(Attribute::Bold),
                Label::Of(label) => Cell::new(indented(&label, room, "  ", "    ")),
            };
            table.add_row([first].into_iter().chain(cells));
        }
        if let Some(column) = table.column_mut(0).filter(|_| room.is_some()) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        table.trim_fmt()
    }

    /// The width of all columns of numbers.
    fn others(&self) -> usize {
        let rows = || [&self.heads.1].into_iter().chain(self.rows.iter().map(|(_, cells)| cells));
        let columns = rows().map(Vec::len).max().unwrap_or(0);
        let width = |index: usize| {
            rows().filter_map(|cells| cells.get(index)).map(|cell| cell.content().chars().count()).max()
        };
        (0..columns).map(|index| width(index).unwrap_or(0) + PADDING).sum()
    }
}

/// Breaks a text into lines of at most this many characters; the first begins with `first`, the others with `next`. One line if there is no limit.
pub(super) fn indented(text: &str, room: Option<usize>, first: &str, next: &str) -> String {
    let mut lines = vec![first.to_owned()];
    let mut is_empty = true;
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| line.chars().count());
        let needed = line + usize::from(!is_empty) + word.chars().count();
        if !is_empty && room.is_some_and(|room| needed > room) {
            lines.push(next.to_owned());
            is_empty = true;
        }
        if let Some(line) = lines.last_mut() {
            if !is_empty {
                line.push(' ');
            }
            line.push_str(word);
        }
        is_empty = false;
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_on_below_and_further_in() {
        let check = |room, expected: &str| {
            assert_eq!(indented("opened to closed, median", room, "  ", "    "), expected)
        };
        check(None, "  opened to closed, median");
        check(Some(26), "  opened to closed, median");
        check(Some(20), "  opened to closed,\n    median");
        // A word is never broken.
        check(Some(5), "  opened\n    to\n    closed,\n    median");
    }

    #[test]
    fn a_label_that_does_not_fit_keeps_its_place_and_its_numbers() {
        let mut grid = Grid::new("", vec![Cell::new("now")]);
        grid.over("Issues");
        grid.row("opened to closed, 90 of 100 within, of everything", vec![Cell::new("3 d 4 h")]);
        let text = grid.text(Terminal { width: Some(40), has_colours: false });
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines[1..],
            [" Issues", "   opened to closed, 90 of 100  3 d 4 h", "     within, of everything"],
            "{text}"
        );
    }
}

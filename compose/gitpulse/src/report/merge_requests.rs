//! `gitpulse report merge-requests`. In: whose, and a grouping. Out: how many, how long each stage takes, how they are reviewed, how large they are,
//! and the age of open ones. Promotions, which bring others to a branch, are never counted.

use clap::{Args, ValueEnum};

use super::answer::{Breakdown, Report, limit};
use super::measure::{Coverage, Measure, Section, Unit, day, within};
use super::people::PeopleArgs;

/// Which merge requests are counted.
#[derive(Debug, Clone, Args)]
pub(super) struct MergeRequestArgs {
    #[command(flatten)]
    people: PeopleArgs,
    /// Also shows a table by author or by target branch
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Rows of that table at most
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = limit)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Author,
    TargetBranch,
}

const MERGED: &str = "role = 'merged'";

impl MergeRequestArgs {
    /// The report.
    pub(super) fn report(&self) -> Report {
        let whose = self.people.condition();
        let (subjects, name, title, subject) = match self.by {
            Some(By::Author) => (
                "[ifNull(author, concat('user ', ifNull(toString(author_id), 'unknown')))]",
                "by_author",
                "By author",
                "author",
            ),
            Some(By::TargetBranch) => (
                "[ifNull(toString(target_branch), '')]",
                "by_target_branch",
                "By target branch",
                "target branch",
            ),
            None => ("CAST([], 'Array(String)')", "", "", ""),
        };
        let breakdown = self.by.map(|_| Breakdown {
            name,
            title,
            subject,
            columns: vec![
                ("merged_count", "merged"),
                ("cycle_p50_seconds", "cycle"),
                ("pickup_p50_seconds", "pickup"),
                ("review_p50_seconds", "review"),
                ("unreviewed_ratio", "unreviewed"),
            ],
            order: "merged_count",
            limit: self.limit,
        });
        let rows = of_merge_requests(whose, subjects);
        Report {
            name: "merge-requests",
            title: "Merge requests",
            chosen: vec![self.people.chosen()],
            sections: vec![
                throughput(rows.clone()),
                stages(rows.clone()),
                review(rows.clone()),
                size(rows),
                open(whose),
            ],
            breakdowns: breakdown.into_iter().collect(),
            drawn: "merged_count",
            first: (
                format!("SELECT min(opened_at) FROM ${{merge_request_metrics}} WHERE ${{scope}} AND {whose}"),
                self.people.of_what(["merge requests by people", "merge requests by bots", "merge requests"]),
            ),
            hint: self.people.hint(),
            lists: &["merge_requests", "merge_request_details", "merge_request_events", "notes"],
            notes: vec!["Promotions, which bring to a branch what was merged before, are not counted. Open ones are those of the window's last day.".to_owned()],
        }
    }
}

fn of_merge_requests(whose: &str, subjects: &str) -> String {
    let times = ["opened_at", "merged_at", "closed_at"];
    let within: Vec<String> = times.iter().map(|time| format!("({})", within(time))).collect();
    let name = if subjects.contains("author") {
        "LEFT ANY JOIN (SELECT instance, user_id, username AS author FROM users) AS users \
         ON users.instance = counted.instance AND users.user_id = counted.author_id"
    } else {
        ""
    };
    format!(
        "SELECT *, [('opened', {}), ('merged', {}), ('closed', if(merged_at IS NULL, {}, NULL))] AS days, {subjects} AS subjects FROM \
         (SELECT * FROM ${{merge_request_metrics}} WHERE ${{scope}} AND {whose} AND NOT is_promotion AND ({})) AS counted {name}",
        day("opened_at"),
        day("merged_at"),
        day("closed_at"),
        within.join(" OR "),
    )
}

fn throughput(rows: String) -> Section {
    Section {
        title: "Throughput",
        rows,
        measures: vec![
            Measure::count("opened_count", "opened", "role = 'opened'"),
            Measure::count("merged_count", "merged", MERGED).more_is_better(),
            Measure::per_day("merged_per_day", "merged a day", MERGED).more_is_better(),
            Measure::count("closed_count", "closed without a merge", "role = 'closed'"),
            Measure::count("reverts_count", "reverts among those merged", "role = 'merged' AND is_revert")
                .less_is_better(),
        ],
    }
}

/// The coverage of a stage: those that have it, of those that were merged. A stage with a wrong clock is marked and does not count. For the others,
/// the reason is the first of some notes, or else the last reason.
fn covering(column: &str, words: &str, else_for: &str) -> Coverage {
    let reason = format!(
        "ifNull(nullIf(arrayFirst(note -> note IN ({words}), arrayMap(note -> toString(note), notes)), ''), '{else_for}')"
    );
    Coverage::new(&format!("{column} IS NOT NULL"), MERGED, &reason)
}

fn stages(rows: String) -> Section {
    let mut measures = Vec::new();
    let stage = |names: [&'static str; 2],
                 labels: [&'static str; 2],
                 column: &str,
                 [words, else_for]: [&str; 2]| {
        let [p50, p90] = names;
        let seen =
            if words.contains("'clock'") { "role = 'merged' AND NOT has(notes, 'clock')" } else { MERGED };
        let covers = covering(column, words, else_for);
        [
            Measure::quantile(p50, labels[0], Unit::Seconds, (0.5, column), seen)
                .less_is_better()
                .covering(&covers),
            Measure::quantile(p90, labels[1], Unit::Seconds, (0.9, column), seen).less_is_better(),
        ]
    };
    measures.extend(stage(
        ["cycle_p50_seconds", "cycle_p90_seconds"],
        ["cycle: first commit (else opened) to merge, median", "cycle, 90 of 100 within"],
        "cycle_seconds",
        ["''", "opened_unknown"],
    ));
    measures.extend(stage(
        ["coding_p50_seconds", "coding_p90_seconds"],
        ["coding: first commit to ready, median", "coding, 90 of 100 within"],
        "coding_seconds",
        ["'first_commit_unknown', 'clock'", "opened_unknown"],
    ));
    measures.extend(stage(
        ["pickup_p50_seconds", "pickup_p90_seconds"],
        ["pickup: ready to first review by people, median", "pickup, 90 of 100 within"],
        "pickup_seconds",
        ["'unreviewed'", "opened_unknown"],
    ));
    measures.extend(stage(
        ["review_p50_seconds", "review_p90_seconds"],
        ["review: first review to approval, median", "review, 90 of 100 within"],
        "review_seconds",
        ["'unreviewed'", "opened_unknown"],
    ));
    measures.extend(stage(
        ["merge_p50_seconds", "merge_p90_seconds"],
        ["merging: approval to merge, median", "merging, 90 of 100 within"],
        "merge_seconds",
        ["'unreviewed'", "unapproved"],
    ));
    Section { title: "Cycle time of those merged", rows, measures }
}

fn review(rows: String) -> Section {
    let mean = |name, label, column: &str| Measure::mean(name, label, Unit::Number, column, MERGED);
    Section {
        title: "Review of those merged",
        rows,
        measures: vec![
            Measure::share("unreviewed_ratio", "without any review", "is_unreviewed", MERGED)
                .less_is_better(),
            mean("rounds_mean", "rounds, mean", "rounds"),
            mean("approvals_mean", "approvals, mean", "approvals"),
            mean("approvers_mean", "approvers, mean", "approvers"),
            mean("comments_mean", "comments, mean", "comments"),
        ],
    }
}

fn size(rows: String) -> Section {
    let lines = "(additions + deletions)";
    let known = Coverage::new("(additions + deletions) IS NOT NULL", MERGED, "'size_unknown'");
    let quantile =
        |name, label, level, column| Measure::quantile(name, label, Unit::Number, (level, column), MERGED);
    Section {
        title: "Size of those merged",
        rows,
        measures: vec![
            quantile("size_p50_lines", "lines changed, median", 0.5, lines).covering(&known),
            quantile("size_p90_lines", "lines changed, 90 of 100 within", 0.9, lines),
            quantile("size_p50_files", "files changed, median", 0.5, "changed_files"),
        ],
    }
}

/// Those that were open when a span ended, whatever happened later.
fn open(whose: &str) -> Section {
    let first =
        "if({step:String} = 'week', toMonday(last), if({step:String} = 'month', toStartOfMonth(last), last))";
    let steps = format!(
        "arrayMap(last -> (toString(greatest({{since:Date}}, {first})), last), \
         arrayFilter(last -> last = {{until:Date}} OR {first} != if({{step:String}} = 'week', toMonday(last + 1), if({{step:String}} = 'month', toStartOfMonth(last + 1), last + 1)), \
         arrayMap(offset -> {{since:Date}} + offset, range(toUInt64(dateDiff('day', {{since:Date}}, {{until:Date}}) + 1)))))"
    );
    let rows = format!(
        "SELECT *, arrayMap(end -> (end.1, '', toString(end.2)), arrayFilter( \
             end -> opened_at < toDateTime(end.2 + 1, {{zone:String}}) AND ifNull(ended_at >= toDateTime(end.2 + 1, {{zone:String}}), true), \
             arrayConcat([('window', {{until:Date}}), ('before', {{before_until:Date}})], {steps}))) AS cuts \
         FROM merge_request_open_spans WHERE ${{scope}} AND (instance, project_id, iid) IN \
         (SELECT instance, project_id, iid FROM ${{merge_request_metrics}} WHERE ${{scope}} AND {whose} AND NOT is_promotion)"
    );
    let age = "(toUnixTimestamp(toDateTime(toDate(role) + 1, {zone:String})) - toUnixTimestamp(opened_at))";
    Section {
        title: "Open at the end",
        rows,
        measures: vec![
            Measure::count("open_count", "open", "1").less_is_better(),
            Measure::quantile("open_age_p50_seconds", "age, median", Unit::Seconds, (0.5, age), "1")
                .less_is_better(),
            Measure::quantile(
                "open_age_p90_seconds",
                "age, 90 of 100 within",
                Unit::Seconds,
                (0.9, age),
                "1",
            )
            .less_is_better(),
        ],
    }
}

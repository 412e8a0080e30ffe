//! `gitpulse report`. In: a subject, projects, days. Out: numbers of the metric views, each with its coverage, for people, as JSON or as CSV. Never
//! reads a table of facts, so that roles only see what they may. Exits with 0 if there is an answer, with 1 if nothing is on record for it, and with
//! 2 if the question could not be asked: a wrong project, date, zone or tier, or no ClickHouse.

mod answer;
mod ask;
mod bands;
mod contributors;
mod csv;
mod dora;
mod grid;
mod history;
mod issues;
mod jobs;
mod json;
mod measure;
mod merge_requests;
mod people;
mod pipelines;
mod plot;
mod print;
mod reader;
mod releases;
mod scope;
mod sources;
mod span;
mod units;

use std::io::Write;
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use clickhouse::Client;
use runtime::clickhouse::{ClickHouse, ClickHouseConfig, Code, code};

use self::answer::{Answer, Report};
use self::ask::ask;
pub(crate) use self::dora::{Productions, environment_lead_times};
pub(crate) use self::people::is_bot;
pub(crate) use self::print::Terminal;
pub(crate) use self::scope::one_project;
use self::scope::{Scope, ScopeArgs};
pub(crate) use self::sources::Sources;
use self::span::{Span, SpanArgs};
pub(crate) use self::units::duration;

/// The question could not be asked: a setting is wrong, or ClickHouse does not answer.
const NOT_ASKED: u8 = 2;

/// What to report.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(subcommand)]
    about: About,
}

#[derive(Debug, Subcommand)]
enum About {
    /// Deployment frequency, lead time, change failure rate and time to restore, by each definition
    Dora(Asked<dora::DoraArgs>),
    /// Merge requests: throughput, cycle time and its stages, review, size, age of open ones
    MergeRequests(Asked<merge_requests::MergeRequestArgs>),
    /// Pipelines: success, success at the first attempt, duration, queue time, retries, wasted machine time
    Pipelines(Asked<pipelines::PipelineArgs>),
    /// Jobs: the slowest, those that fail most often, flaky ones
    Jobs(Asked<jobs::JobArgs>),
    /// Issues: opened, closed, lead time, incidents
    Issues(Asked<issues::IssueArgs>),
    /// Commits on default branches, merge requests merged, reviews, by person
    Contributors(Asked<contributors::ContributorArgs>),
    /// Releases, and how many merge requests each brought
    Releases(Asked<releases::ReleaseArgs>),
}

/// Arguments that every report has, and those of one report.
#[derive(Debug, Args)]
struct Asked<T: Args> {
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    own: T,
}

#[derive(Debug, Args)]
struct Question {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    span: SpanArgs,
    /// Prints one JSON object; names of numbers end with their unit
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Prints CSV for spreadsheets, one row per number
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    clickhouse: ClickHouseConfig,
}

/// Prints the answer; the exit code says whether there was one.
pub(crate) async fn run(args: ReportArgs) -> anyhow::Result<ExitCode> {
    let answered = match args.about {
        About::Dora(args) => {
            let dora = args.own;
            answer(args.question, dora.words(), async |client, scope| {
                let place = dora::place(client, scope, &dora).await?;
                Ok(dora.report(&place))
            })
            .await
        }
        About::MergeRequests(args) => plain(args.question, args.own.report()).await,
        About::Pipelines(args) => plain(args.question, args.own.report()).await,
        About::Jobs(args) => plain(args.question, args.own.report()).await,
        About::Issues(args) => plain(args.question, args.own.report()).await,
        About::Contributors(args) => plain(args.question, args.own.report()).await,
        About::Releases(args) => plain(args.question, args.own.report()).await,
    };
    Ok(answered.unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        ExitCode::from(NOT_ASKED)
    }))
}

/// Answers with a report that needs no query in advance.
async fn plain(question: Question, report: Report) -> anyhow::Result<ExitCode> {
    answer(question, Vec::new(), async |_, _| Ok(report)).await
}

async fn answer(
    question: Question,
    words: Vec<(&'static str, String)>,
    report: impl AsyncFnOnce(&Client, &Scope) -> anyhow::Result<Report>,
) -> anyhow::Result<ExitCode> {
    let clickhouse = ClickHouse::new(&question.clickhouse);
    let client = &clickhouse.client;
    let span = span::resolve(client, &question.span, now()).await?;
    let scope = scope::resolve(client, &question.scope).await?;
    let report = report(client, &scope).await?;
    let (sources, behind) = sources::find(client, &scope).await;
    let numbers = ask(client, sources, (&scope, &span), &words, &report.sections).await?;
    let first = sources.fill(&report.first.0);
    let first = first_on_record(client, (&scope, &span), &words, &first).await?;
    let read = history::read(client, &scope, report.lists).await;
    let left_out = reader::left_out(client, &clickhouse.target).await?;
    let mut answer = report.answer(scope, span, first, &numbers);
    answer.notes.extend(answer.before_the_first());
    answer.notes.extend(answer.not_over());
    answer.notes.extend(read);
    answer.notes.extend(behind);
    answer.notes.extend(left_out);
    say(&answer, &question)
}

/// Prints the answer; the exit code says whether there is one.
fn say(answer: &Answer, question: &Question) -> anyhow::Result<ExitCode> {
    if question.json {
        out(&format!("{:#}\n", json::value(answer)))?;
    } else if question.csv {
        out(&csv::text(answer)?)?;
    } else if !answer.is_empty {
        out(&print::text(answer, Terminal::of_this_program()))?;
    }
    if answer.is_empty {
        tracing::warn!("{}", answer.nothing());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output, as long as somebody reads it.
pub(crate) fn out(text: &str) -> std::io::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// The day of the first thing on record.
async fn first_on_record(
    client: &Client,
    (scope, span): (&Scope, &Span),
    words: &[(&'static str, String)],
    first: &str,
) -> anyhow::Result<Option<NaiveDate>> {
    let first = first.replace("${scope}", &scope.condition());
    let sql = format!("SELECT toString(toDate(toNullable(({first})), {{zone:String}}))");
    let mut query = scope.bind(span.bind(client.query(&sql)));
    for (name, word) in words {
        query = query.param(name, word);
    }
    let day: Option<String> = query.fetch_one().await.map_err(refused)?;
    // The minimum of no rows may be the zero of its type.
    Ok(day.and_then(|day| day.parse().ok()).filter(|day: &NaiveDate| *day > NaiveDate::default()))
}

/// ClickHouse's refusal, and what to do about it.
pub(crate) fn refused(error: clickhouse::error::Error) -> anyhow::Error {
    let remedy = match code(&error) {
        Some(Code::UNKNOWN_TABLE | Code::UNKNOWN_DATABASE | Code::UNKNOWN_IDENTIFIER) => {
            "the views that measure are not there, or are of another version: run `gitpulse migrate`"
        }
        Some(Code::ACCESS_DENIED) => {
            "this user may not read the views that measure: grant it a role of `gitpulse migrate --roles`"
        }
        Some(
            Code::AUTHENTICATION_FAILED | Code::UNKNOWN_USER | Code::WRONG_PASSWORD | Code::REQUIRED_PASSWORD,
        ) => "GITPULSE_CLICKHOUSE_USER and GITPULSE_CLICKHOUSE_PASSWORD say who asks",
        Some(_) => return anyhow::Error::new(error).context("ClickHouse refused"),
        None if !matches!(
            error,
            clickhouse::error::Error::Network(_) | clickhouse::error::Error::TimedOut
        ) =>
        {
            return anyhow::Error::new(error).context("what ClickHouse answers cannot be read");
        }
        None => {
            "ClickHouse does not answer: is `gitpulse up` running? GITPULSE_CLICKHOUSE_URL says where it is"
        }
    };
    anyhow::Error::new(error).context(remedy)
}

#[expect(clippy::disallowed_methods, reason = "the edge: which day it is")]
fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::Utc::now()
}

//! Consecutive runs of backfill. In: what to read, clients. Out: the result of each run. No run reads again what an earlier one has read.

use std::fmt;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use backfill::checkpoint::{Checkpoints, Outcome};
use backfill::face::Face;
use backfill::graphql::TellError;
use backfill::pending::Pending;
use backfill::publish::{BackfillPublishError, Destination};
use backfill::scope::{self, Owner, Scope, ScopeError};
use backfill::walk::{GivenUp, WalkError};
use backfill::{BackfillConfig, Goal, Live, Metrics, Share, Summary, Walk};
use gitlab::Client;
use prometheus::Registry;
use runtime::Publisher;
use runtime::fault::chain;
use runtime::kafka::KafkaConfig;
use schemas::instance::normal_instance;
use schemas::tenant::Tenant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::progress::{Shown, Watch};

/// The tenant of the events.
pub(crate) const TENANT: &str = "default";

/// The client id of a run among those that read the same GitLab.
const CLIENT_ID: &str = "gitpulse-backfill";

/// What runs read, and their connections.
pub(crate) struct Session {
    config: BackfillConfig,
    gitlab: Client,
    clickhouse: clickhouse::Client,
    kafka: KafkaConfig,
    destination: Destination,
    metrics: Metrics,
}

/// Why a run ended without a result. Its progress is saved.
#[derive(Debug)]
pub(crate) enum Fault {
    /// There is nothing to read; the text has the reason and the remedy.
    NotBegun(String),
    /// It was stopped before the projects were found.
    Stopped,
    /// Progress cannot be saved.
    Broken(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NotBegun(fault) | Fault::Broken(fault) => f.write_str(fault),
            Fault::Stopped => {
                f.write_str("stopped before the projects were found; nothing of their lists was read")
            }
        }
    }
}

impl Session {
    /// A session; makes no request yet.
    ///
    /// # Errors
    /// GitLab's address is invalid, or the registry has metrics of another session.
    pub(crate) fn new(
        config: BackfillConfig,
        gitlab: Client,
        clickhouse: clickhouse::Client,
        publisher: Publisher,
        kafka: KafkaConfig,
        registry: &Registry,
    ) -> anyhow::Result<Session> {
        let instance = instance_of(&gitlab)?;
        let tenant = Tenant::new(TENANT, Some(&instance))?;
        let destination = Destination { publisher, prefix: kafka.topic_prefix.clone(), tenant, instance };
        Ok(Session { config, gitlab, clickhouse, kafka, destination, metrics: Metrics::register(registry)? })
    }

    /// What is read, in words.
    pub(crate) fn what(&self) -> String {
        what(&self.config)
    }

    /// The instance, in its normal form.
    pub(crate) fn instance(&self) -> &str {
        &self.destination.instance
    }

    /// Reads what was not read before, until `shutdown`.
    pub(crate) async fn run(&self, shown: Shown, shutdown: &CancellationToken) -> Result<Summary, Fault> {
        let (live, projects) = (Live::default(), Arc::new(OnceLock::new()));
        let watch = Watch {
            live: live.clone(),
            gitlab: self.gitlab.clone(),
            clickhouse: self.clickhouse.clone(),
            instance: self.destination.instance.clone(),
            projects: projects.clone(),
        };
        Share::check(&self.kafka).await.map_err(|error| Fault::NotBegun(chain(&error)))?;
        let _watching = AbortOnDropHandle::new(tokio::spawn(watch.show(shown)));
        let scope = find(&self.config, &self.gitlab, Some(&self.destination), shutdown).await?;
        // GitLab's clock dates what it lists; its answers have shown it by now.
        let now = self.gitlab.now();
        let until = self.config.until.unwrap_or(now).min(now);
        if self.config.begins_at() >= until {
            let fault = "--since is not before --until, or not before now: nothing lies between";
            return Err(Fault::NotBegun(fault.to_owned()));
        }
        // Set once: there is no second set in this run.
        let _ = projects.set(scope.projects.keys().copied().collect());
        let instance = &self.destination.instance;
        let walk = Walk {
            client: self.gitlab.clone(),
            destination: self.destination.clone(),
            checkpoints: Checkpoints::new(self.clickhouse.clone(), instance),
            pending: Pending::new(self.clickhouse.clone(), instance),
            face: Face::default(),
            given_up: GivenUp::default(),
            metrics: self.metrics.clone(),
            live,
            shutdown: shutdown.clone(),
        };
        let goal = Goal { since: self.config.begins_at(), until, now };
        let keys = scope.groups.values().chain(scope.projects.values()).map(Owner::subject);
        let client_id = format!("{CLIENT_ID}-{}", self.gitlab.tokens_name());
        let joining = Share::join(&self.kafka, instance, keys, &client_id);
        let share = shutdown.run_until_cancelled(joining).await.ok_or(Fault::Stopped)?;
        let share = share.map_err(|error| Fault::NotBegun(chain(&error)))?;
        let summary = walk.run(scope, &self.config.lists(), goal, &share).await;
        share.leave().await;
        summary.map_err(|error| Fault::Broken(chain(&error)))
    }
}

/// Finds projects and groups.
pub(super) async fn find(
    config: &BackfillConfig,
    gitlab: &Client,
    destination: Option<&Destination>,
    shutdown: &CancellationToken,
) -> Result<Scope, Fault> {
    let found = scope::find(gitlab, config, destination, shutdown);
    match shutdown.run_until_cancelled(found).await {
        None | Some(Err(ScopeError::Publish(BackfillPublishError::Stopped))) => Err(Fault::Stopped),
        Some(Ok(scope)) => Ok(scope),
        Some(Err(error)) => Err(Fault::NotBegun(with_remedy(&error, error.needs_attention()))),
    }
}

/// The instance of a client, in its normal form.
pub(crate) fn instance_of(gitlab: &Client) -> anyhow::Result<String> {
    normal_instance(gitlab.base_url()).context("GITLAB_URL is no URL")
}

/// The result of a run, in one line.
pub(crate) fn line(summary: &Summary) -> String {
    let counted = summary.counted();
    format!(
        "{} objects by {} requests; {} lists complete, {} skipped, {} failed, {} interrupted, {} unchanged",
        counted.objects,
        counted.requests,
        summary.count(Outcome::Complete) + summary.read_by_others,
        summary.count(Outcome::Skipped),
        summary.count(Outcome::Failed),
        summary.count(Outcome::Reading),
        summary.unchanged,
    )
}

/// Whether everything was read that this token may read.
pub(crate) fn is_whole(summary: &Summary) -> bool {
    summary.count(Outcome::Failed) + summary.count(Outcome::Reading) + summary.left_to_others == 0
}

/// The lists that were not read to their end, one per line, with reason and remedy.
pub(crate) fn unread(summary: &Summary) -> impl Iterator<Item = String> {
    summary.lists.iter().filter_map(|ended| {
        let error = ended.error.as_ref()?;
        let (list, path) = (ended.list.as_str(), &ended.owner.path);
        let fault = with_remedy(error, remedy(error));
        Some(format!("{list} of {path}: {}: {fault}", ended.outcome().as_str()))
    })
}

/// The remedy for a list that was not read to its end, if it is known.
fn remedy(error: &WalkError) -> Option<String> {
    let text = match error {
        WalkError::Fetch(error) if error.is_transient() && error.needs_attention().is_none() => {
            "run it again later; it continues where it was"
        }
        WalkError::Fetch(error) => return error.needs_attention(),
        WalkError::Page(_)
        | WalkError::Object { .. }
        | WalkError::Tell(TellError::Shape(_) | TellError::NoCursor | TellError::Row(_)) => {
            "look at what stands between here and GitLab: such answers are not GitLab's"
        }
        WalkError::Tell(_)
        | WalkError::Publish(_)
        | WalkError::Checkpoint(_)
        | WalkError::Pending(_)
        | WalkError::Stopped => return None,
    };
    Some(text.to_owned())
}

/// Fault and remedy in one line.
pub(super) fn with_remedy(error: &dyn std::error::Error, remedy: Option<String>) -> String {
    let fault = chain(error);
    match remedy {
        Some(remedy) => format!("{fault}; {remedy}"),
        None => fault,
    }
}

/// What is read, as the user named it.
fn what(config: &BackfillConfig) -> String {
    if config.instance {
        return "all projects that the token may see".to_owned();
    }
    let named = |what: &str, names: &[String]| match names {
        [] => None,
        [one] => Some(format!("{what} {one}")),
        several => Some(format!("{what}s {}", several.join(", "))),
    };
    let named = [named("group", &config.group), named("project", &config.project)];
    Vec::from_iter(named.into_iter().flatten()).join(" and ")
}

//! The results of webhooks. In: a project, its hook and a span of time. Out: deliveries, each with its headers and whether it arrived. GitLab
//! delivers once: failed deliveries are in the log of the hook, those it never tried are nowhere
//! (<https://docs.gitlab.com/user/project/integrations/webhooks/>).

use std::ops::Range;

use super::super::dice::{Dice, Millis};
use super::super::sprint::Sprint;
use super::super::tree::Project;
use super::super::world::{Place, World};
use super::Hook;
use super::sent::{Sending, sendings};
use crate::sign::Credentials;
use crate::version::Version;

/// Offset of hooks' ids from those of their projects.
const HOOKS_BEGIN: u64 = 5_000;

/// The hook of each project, and its faults.
#[derive(Debug, Clone)]
pub struct HookConfig {
    /// The GitLab version.
    pub version: Version,
    /// The target URL.
    pub url: String,
    /// The secret of all hooks.
    pub credentials: Credentials,
    /// Decides which deliveries are dropped.
    pub seed: u64,
    /// How many of a thousand deliveries do not arrive: half of them fail and are in the log, GitLab does not even try the other half.
    pub dropped: u32,
    /// How many of a thousand deliveries are too large for GitLab's queue: they arrive, but their log has no body.
    pub oversize: u32,
    /// While hooks are disabled, nothing is sent or logged. A span that ends with the end of times means for good.
    pub disabled: Option<Range<Millis>>,
}

impl HookConfig {
    /// A hook to which everything arrives.
    pub fn new(version: Version, url: &str, credentials: Credentials) -> HookConfig {
        let url = url.to_owned();
        HookConfig { version, url, credentials, seed: 0, dropped: 0, oversize: 0, disabled: None }
    }

    /// GitLab id of the hook of a project.
    pub fn id(&self, project: &Project) -> u64 {
        HOOKS_BEGIN + project.id
    }

    fn outcome(&self, at: Millis, place: Place) -> Outcome {
        if self.disabled.as_ref().is_some_and(|disabled| disabled.contains(&at)) {
            return Outcome::Disabled;
        }
        let of = [0x6472, u64::from(place.project), u64::from(place.sprint), u64::from(place.number)];
        match Dice::at(self.seed, &of).below(2_000) {
            rolled if rolled >= 2 * u64::from(self.dropped.min(1_000)) => Outcome::Arrived,
            rolled if rolled % 2 == 1 => Outcome::Silent,
            rolled if rolled % 4 == 0 => Outcome::Failed(Some(500)),
            _ => Outcome::Failed(None),
        }
    }
}

/// The result of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived.
    Arrived,
    /// It was answered with this status, or with none: a timeout, which GitLab calls an internal error. In the log.
    Failed(Option<u16>),
    /// GitLab did not try: too many at once. Not in the log.
    Silent,
    /// The hook was disabled. Not in the log.
    Disabled,
}

/// A delivery of a webhook.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What was sent.
    pub hook: Hook,
    /// Its result.
    pub outcome: Outcome,
    /// `Idempotency-Key`: the same in the log. GitLab 16 has none.
    pub key: Option<String>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    version: Version,
    credentials: Credentials,
    instance: String,
    ids: [String; 2],
}

impl Delivery {
    /// Its headers, in order. `sent_at` is the real time, in milliseconds since 1970, which the signature contains.
    pub fn headers(&self, sent_at: Millis) -> Vec<(&'static str, String)> {
        let [event_id, request_id] = self.ids.clone();
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("User-Agent", format!("GitLab/{}", self.version.as_str())),
        ];
        headers.extend(self.key.clone().map(|key| ("Idempotency-Key", key)));
        headers.push(("X-Gitlab-Event", self.hook.event_header.to_owned()));
        headers.push(("X-Gitlab-Webhook-UUID", request_id));
        headers.push(("X-Gitlab-Instance", self.instance.clone()));
        headers.push(("X-Gitlab-Event-UUID", event_id));
        let id = self.key.clone().unwrap_or_default();
        let timestamp = sent_at.div_euclid(1_000).to_string();
        let is_signed = matches!(self.credentials, Credentials::SigningToken(_));
        // Older versions have no signature.
        if let Ok(proof) = self.credentials.prove(&id, &timestamp, &self.body)
            && (!is_signed || self.version >= Version::V19)
        {
            if is_signed {
                headers.extend([("webhook-id", id), ("webhook-timestamp", timestamp)]);
            }
            headers.push(proof);
        }
        headers
    }
}

impl World {
    /// Deliveries of a project's webhooks from `from` on and before `until`, whatever their result, in the order in which they were sent.
    pub fn deliveries<'w>(
        &'w self,
        project: &Project,
        hook: &HookConfig,
        (from, until): (Millis, Millis),
    ) -> impl Iterator<Item = Delivery> + use<'w> {
        let (project, hook) = (project.clone(), hook.clone());
        let config = self.config();
        (config.sprint_at(from)..=config.sprint_at(until)).flat_map(move |number| {
            let sprint = self.sprint(project.index, number);
            let within = (sendings(&sprint, hook.version).into_iter().zip(0..))
                .filter(|(sending, _)| sending.at >= from && sending.at < until);
            let deliveries = within
                .filter_map(|(sending, place)| deliver(self, &hook, &project, &sprint, (&sending, place)));
            deliveries.collect::<Vec<Delivery>>()
        })
    }

    /// The deliveries that arrive. The gaps are all others, and pushes of more than three refs.
    pub fn arrivals<'w>(
        &'w self,
        project: &Project,
        hook: &HookConfig,
        span: (Millis, Millis),
    ) -> impl Iterator<Item = Delivery> + use<'w> {
        self.deliveries(project, hook, span).filter(|delivery| delivery.outcome == Outcome::Arrived)
    }
}

/// The result of the webhook at this position in its sprint.
pub(super) fn outcome(hook: &HookConfig, sprint: &Sprint, (sending, place): (&Sending, u32)) -> Outcome {
    let place = Place { project: sprint.project, sprint: sprint.number, number: place };
    hook.outcome(sending.at, place)
}

/// Delivers a webhook; `None` if it has no body.
pub(super) fn deliver(
    world: &World,
    hook: &HookConfig,
    project: &Project,
    sprint: &Sprint,
    (sending, place): (&Sending, u32),
) -> Option<Delivery> {
    let body = sending.write(world, project, sprint, hook.version)?;
    let of = [0x6964, hook.id(project), u64::from(sprint.number), u64::from(place)];
    let mut dice = Dice::at(world.config().seed, &of);
    let key = dice.uuid();
    Some(Delivery {
        outcome: outcome(hook, sprint, (sending, place)),
        key: (hook.version >= Version::V18).then_some(key),
        body: body.to_string().into_bytes(),
        hook: Hook { at: sending.at, event_header: sending.event_header, project: project.id, body },
        version: hook.version,
        credentials: hook.credentials.clone(),
        instance: world.config().url.clone(),
        ids: [dice.uuid(), dice.uuid()],
    })
}

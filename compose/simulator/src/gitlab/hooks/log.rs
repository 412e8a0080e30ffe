//! GitLab's log of a hook. In: a hook and a time. Out: its entries of the last seven days, newest first
//! (<https://docs.gitlab.com/api/project_webhooks/>, `WebHookLog` of GitLab's source). Never contains the secret, nor a text that is an e-mail
//! address.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::dice::{DAY, Dice, Millis};
use super::super::sprint::Sprint;
use super::super::text::time;
use super::super::tree::Project;
use super::super::world::{Place, World};
use super::delivery::{HookConfig, Outcome, deliver, outcome};
use super::sent::{Sending, sendings};
use crate::sign::Credentials;

/// Days of the log that the API shows, in whole days.
const DAYS: Millis = 7;
/// The replacement for hidden texts.
const REDACTED: &str = "[REDACTED]";

/// An entry, without the parts that are expensive to make.
#[derive(Clone)]
pub(crate) struct Entry {
    sprint: Arc<Sprint>,
    sending: Sending,
    place: u32,
    /// The status of the answer, if there was one.
    pub(crate) status: Option<u16>,
}

/// The entries that the log of a project's hook has at `now`, the newest first.
pub(crate) fn entries(world: &World, hook: &HookConfig, project: &Project, now: Millis) -> Vec<Entry> {
    let config = world.config();
    let from = (now - DAYS * DAY).div_euclid(DAY) * DAY;
    let mut entries = Vec::new();
    for number in config.sprint_at(from)..=config.sprint_at(now) {
        let sprint = world.sprint(project.index, number);
        for (sending, place) in sendings(&sprint, hook.version).into_iter().zip(0..) {
            if sending.at < from || logged_at(&sending, place) > now {
                continue;
            }
            let status = match outcome(hook, &sprint, (&sending, place)) {
                Outcome::Arrived => Some(200),
                Outcome::Failed(status) => status,
                Outcome::Silent | Outcome::Disabled => continue,
            };
            entries.push(Entry { sprint: sprint.clone(), sending, place, status });
        }
    }
    entries.sort_by_key(|entry| logged_at(&entry.sending, entry.place));
    entries.reverse();
    entries
}

/// GitLab writes the entry after the answer.
fn logged_at(sending: &Sending, place: u32) -> Millis {
    sending.at + 200 + Millis::from(place % 900)
}

impl Entry {
    /// In the format of the API; `None` if the webhook has no body.
    pub(crate) fn write(&self, world: &World, hook: &HookConfig, project: &Project) -> Option<Value> {
        let delivery = deliver(world, hook, project, &self.sprint, (&self.sending, self.place))?;
        let place = Place { project: self.sprint.project, sprint: self.sprint.number, number: self.place };
        let headers = delivery.headers(self.sending.at).into_iter().map(|(name, value)| {
            let is_secret = name.eq_ignore_ascii_case("x-gitlab-token");
            let name = if is_secret { "X-Gitlab-Token" } else { name };
            (name.to_owned(), json!(if is_secret { REDACTED.to_owned() } else { value }))
        });
        let of = [0x6f76, u64::from(project.index), u64::from(self.sprint.number), u64::from(self.place)];
        let is_oversize = Dice::at(hook.seed, &of).below(1_000) < u64::from(hook.oversize);
        let request = match is_oversize {
            true => json!({"oversize": true}),
            false => without_addresses(delivery.hook.body),
        };
        let took = logged_at(&self.sending, self.place) - self.sending.at;
        let answered = self.status.is_some();
        Some(json!({
            "id": world.id(place), "url": hook.url, "trigger": trigger(self.sending.event_header),
            "request_headers": headers.collect::<serde_json::Map<String, Value>>(), "request_data": request,
            "response_headers": if answered { json!({"Content-Type": "application/json"}) } else { json!({}) },
            "response_body": match self.status { Some(200) => r#"{"status":"accepted"}"#, Some(_) => "Internal Server Error", None => "" },
            "execution_duration": took as f64 / 1_000.0,
            "response_status": self.status.map_or_else(|| "internal error".to_owned(), |status| status.to_string()),
            "created_at": time(logged_at(&self.sending, self.place)),
        }))
    }
}

/// `push_hooks` of `Push Hook`.
fn trigger(event_header: &str) -> String {
    format!("{}s", event_header.to_lowercase().replace(' ', "_"))
}

/// The body with all e-mail addresses removed.
fn without_addresses(body: Value) -> Value {
    match body {
        Value::String(text) if is_address(&text) => json!(REDACTED),
        Value::Array(all) => all.into_iter().map(without_addresses).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, without_addresses(value))).collect())
        }
        other => other,
    }
}

fn is_address(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && !part.contains(|sign: char| sign.is_whitespace() || sign == '@');
    text.split_once('@').is_some_and(|(name, host)| is_part(name) && is_part(host))
}

/// A hook in the format of the API, at `now`.
pub(crate) fn write_hook(world: &World, hook: &HookConfig, project: &Project, now: Millis) -> Value {
    let until =
        hook.disabled.as_ref().filter(|disabled| disabled.contains(&now)).map(|disabled| disabled.end);
    let (alert_status, disabled_until) = match until {
        None => ("executable", None),
        Some(Millis::MAX) => ("disabled", None),
        Some(end) => ("temporarily_disabled", Some(time(end))),
    };
    let is_signed = matches!(hook.credentials, Credentials::SigningToken(_));
    let mut written = json!({
        "id": hook.id(project), "url": hook.url, "name": "GitPulse", "description": null,
        "created_at": time(project.created_at(world.config())), "push_events": true, "tag_push_events": true,
        "merge_requests_events": true, "repository_update_events": false, "enable_ssl_verification": true,
        "alert_status": alert_status, "disabled_until": disabled_until, "url_variables": [], "push_events_branch_filter": null,
        "branch_filter_strategy": "all_branches", "custom_webhook_template": null, "custom_headers": [], "project_id": project.id,
        "issues_events": true, "confidential_issues_events": true, "note_events": true, "confidential_note_events": true,
        "pipeline_events": true, "wiki_page_events": true, "deployment_events": true, "feature_flag_events": true,
        "job_events": true, "releases_events": true, "milestone_events": true, "emoji_events": true,
        "resource_access_token_events": true, "resource_deploy_token_events": true, "vulnerability_events": true,
    });
    if hook.version >= crate::version::Version::V19 {
        written["signing_token_present"] = json!(is_signed);
        written["token_present"] = json!(!is_signed);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_mail_are_hidden_wherever_they_are() {
        let body =
            json!({"user": {"email": "ada@example.com"}, "note": "ask ada@example.com", "list": ["a@b"]});
        let hidden = without_addresses(body);
        assert_eq!(
            hidden,
            json!({"user": {"email": REDACTED}, "note": "ask ada@example.com", "list": [REDACTED]})
        );
    }
}

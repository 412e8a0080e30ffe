//! Decides the answer. In: a request and a time. Out: an answer. Never waits: the server holds requests that are never answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::fault::Fault;
use super::graphql;
use super::hook_log::{self, Shown};
use super::limit::{Throttle, Told};
use super::list::{self, Lister, OfGroup};
use super::options::Options;
use super::page::{Page, Paging};
use super::permission::{check_project, check_token};
use super::query::Query;
use super::refusal::Refusal;
use super::route::{Endpoint, Route, route};
use super::token::Token;
use super::write::Scribe;
use super::write::project::{group, member, user};
use crate::gitlab::{Group, Millis, Noteable, PROJECT_MEMBERS, Person, Project, World, members};

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// What follows the question mark.
    pub query: String,
    /// The token, from whichever header.
    pub token: Option<String>,
    /// The posted body.
    pub body: Vec<u8>,
}

impl Request {
    /// Asks for a path with a query, as `/api/v4/projects?per_page=100`.
    pub fn get(address: &str, token: &str) -> Request {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            token: Some(token.to_owned()),
            body: Vec::new(),
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status; 0 if the request is never answered.
    pub status: u16,
    /// Headers besides those of HTTP itself.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Answer {
        Answer::text(status, body.to_string())
    }

    /// JSON that is text already.
    fn text(status: u16, text: String) -> Answer {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Answer { status, headers, body: text.into_bytes() }
    }

    /// The body as JSON; null if it is not JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// One of its headers.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// The result of an endpoint.
enum Given {
    One(Value),
    List(Page),
}

/// The API of a world.
#[derive(Debug)]
pub struct Api {
    world: Arc<World>,
    options: Options,
    throttle: Mutex<Throttle>,
    asked: AtomicU64,
}

impl Api {
    /// The API of a world.
    pub fn new(world: Arc<World>, options: Options) -> Api {
        Api { world, options, throttle: Mutex::default(), asked: AtomicU64::new(0) }
    }

    /// How it behaves.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Answers a request that came at a time, in milliseconds since 1970.
    pub fn answer(&self, request: &Request, at: Millis) -> Answer {
        let route = route(&request.path);
        let answer = self.answer_route(request, route.as_ref(), at);
        self.options.requests.count(route.map(|route| route.endpoint), answer.status);
        answer
    }

    fn answer_route(&self, request: &Request, route: Option<&Route>, at: Millis) -> Answer {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let fault = self.options.faults.of(number);
        match fault {
            Some(Fault::Stall) => return Answer { status: 0, headers: Vec::new(), body: Vec::new() },
            Some(Fault::Error(status)) => {
                return Answer::json(status, &json!({"message": format!("{status} Internal Server Error")}));
            }
            Some(Fault::Torn) | None => (),
        }
        let secret = request.token.as_deref().unwrap_or_default();
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, refused) = throttle.general(&self.options.limits, secret, at);
        drop(throttle);
        let mut answer = match refused {
            Some(too_many) => Refusal::TooMany(too_many).answer(),
            None => self.answer_token(request, route, secret, at).unwrap_or_else(Refusal::answer),
        };
        if let Some(told) = told {
            answer.headers.extend(told_headers(told));
        }
        if fault == Some(Fault::Torn) && answer.status == 200 {
            answer.body.truncate(answer.body.len() * 2 / 3);
        }
        answer
    }

    fn answer_token(
        &self,
        request: &Request,
        route: Option<&Route>,
        secret: &str,
        at: Millis,
    ) -> Result<Answer, Refusal> {
        let route = route.ok_or(Refusal::NotFound("404 Not Found"))?;
        let token = self.options.tokens.iter().find(|token| token.secret == secret && !secret.is_empty());
        let token = token.ok_or(match route.endpoint {
            Endpoint::GraphQl => Refusal::InvalidToken,
            _ => Refusal::Unauthorized,
        })?;
        check_token(token, route.endpoint)?;
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = throttle.endpoint(&self.options.limits, secret, route.endpoint, at);
        drop(throttle);
        if let Some(too_many) = refused {
            return Err(Refusal::TooMany(too_many));
        }
        let now = self.options.clock.now();
        if route.endpoint == Endpoint::GraphQl {
            let body = graphql::answer(&self.world, token, self.options.version, now, &request.body);
            return Ok(Answer::json(200, &body));
        }
        if request.method != "GET" {
            return Ok(Answer::json(405, &json!({"error": "405 Not Allowed"})));
        }
        let query = Query::read(&request.query);
        let paging = Paging::of(&query);
        match self.give(route, token, &query, paging, now)? {
            Given::One(value) => Ok(Answer::json(200, &value)),
            Given::List(page) => {
                let url = self.options.link_url.as_deref().unwrap_or(&self.world.config().url);
                let headers = page.headers(&format!("{url}{}", request.path), &query, paging);
                let mut answer = match page.text {
                    Some(text) => Answer::text(200, text),
                    None => Answer::json(200, &Value::Array(page.rows)),
                };
                answer.headers.extend(headers);
                Ok(answer)
            }
        }
    }

    fn give(
        &self,
        route: &Route,
        token: &Token,
        query: &Query,
        paging: Paging,
        now: Millis,
    ) -> Result<Given, Refusal> {
        let (world, version) = (&self.world, self.options.version);
        let any = world.project(0);
        let scribe = Scribe { world, project: &any, now, version };
        let lister = Lister { scribe, query, paging, token };
        let of_group = |what| -> Result<Given, Refusal> {
            let group = self.group(token, &route.owner)?;
            Ok(Given::List(list::group_list(&lister, &group, what)?))
        };
        match route.endpoint {
            Endpoint::Version => Ok(Given::One(
                json!({"version": version.as_str(), "revision": "4d8a1c07", "enterprise": true}),
            )),
            Endpoint::User => Ok(Given::One(user(world, token.owner))),
            Endpoint::Users => Ok(Given::List(list::users(&lister)?)),
            Endpoint::TokenSelf => Ok(Given::One(token.write())),
            Endpoint::Projects => Ok(Given::List(list::projects(&lister)?)),
            Endpoint::Groups => Ok(Given::List(list::groups(&lister)?)),
            Endpoint::Group => Ok(Given::One(group(world, &self.group(token, &route.owner)?))),
            Endpoint::GroupProjects => of_group(OfGroup::Projects),
            Endpoint::DescendantGroups => of_group(OfGroup::Groups),
            Endpoint::GroupMergeRequests => of_group(OfGroup::MergeRequests),
            Endpoint::GroupIssues => of_group(OfGroup::Issues),
            Endpoint::GroupMilestones => of_group(OfGroup::Milestones),
            Endpoint::GroupMembers => {
                let group = self.group(token, &route.owner)?;
                Ok(Given::List(self.members(members(world.config(), u64::from(group.index)), paging)))
            }
            _ => {
                let project = self.project(token, &route.owner)?;
                check_project(token, route.endpoint, &project)?;
                let scribe = Scribe { project: &project, ..scribe };
                self.give_of_project(route, &Lister { scribe, query, paging, token })
            }
        }
    }

    fn give_of_project(&self, route: &Route, lister: &Lister<'_>) -> Result<Given, Refusal> {
        let (scribe, part) = (&lister.scribe, route.part.unwrap_or_default());
        let one = |written: Option<Value>| written.map(Given::One).ok_or(Refusal::NotFound("404 Not found"));
        let listed = match route.endpoint {
            Endpoint::Project => return Ok(Given::One(scribe.project())),
            Endpoint::ProjectMembers => {
                let place = PROJECT_MEMBERS + u64::from(scribe.project.index);
                Ok(self.members(members(self.world.config(), place), lister.paging))
            }
            Endpoint::MergeRequests => lister.merge_requests(),
            Endpoint::MergeRequest
            | Endpoint::Approvals
            | Endpoint::MergeRequestNotes
            | Endpoint::MergeRequestStateEvents
            | Endpoint::MergeRequestCommits => {
                let (sprint, number) = lister.merge_request_place(part)?;
                match route.endpoint {
                    Endpoint::MergeRequest => return one(scribe.merge_request_alone(&sprint, number)),
                    Endpoint::Approvals => return one(scribe.approvals(&sprint, number)),
                    Endpoint::MergeRequestNotes => lister.notes(&sprint, Noteable::MergeRequest(number)),
                    Endpoint::MergeRequestCommits => lister.merge_request_commits(&sprint, number),
                    _ => lister.state_events(&sprint, Noteable::MergeRequest(number)),
                }
            }
            Endpoint::Issues => lister.issues(),
            Endpoint::Issue | Endpoint::IssueNotes | Endpoint::IssueStateEvents => {
                let (sprint, number) = lister.issue_place(part)?;
                match route.endpoint {
                    Endpoint::Issue => return one(scribe.issue(&sprint, number)),
                    Endpoint::IssueNotes => lister.notes(&sprint, Noteable::Issue(number)),
                    _ => lister.state_events(&sprint, Noteable::Issue(number)),
                }
            }
            Endpoint::Commits => lister.commits(),
            Endpoint::Branches => lister.branches(),
            Endpoint::Tags => lister.tags(),
            Endpoint::Releases => lister.releases(),
            Endpoint::Pipelines => lister.pipelines(),
            Endpoint::Pipeline => {
                let (sprint, number) = lister.pipeline_place(part)?;
                return one(scribe.pipeline_alone(&sprint, number));
            }
            Endpoint::PipelineJobs => {
                let (sprint, number) = lister.pipeline_place(part)?;
                lister.pipeline_jobs(&sprint, number)
            }
            Endpoint::TriggerJobs if !scribe.version.has_trigger_jobs() => {
                Err(Refusal::NotFound("404 Not Found"))
            }
            Endpoint::TriggerJobs | Endpoint::Bridges => {
                let (sprint, number) = lister.pipeline_place(part)?;
                lister.trigger_jobs(&sprint, number)
            }
            Endpoint::Jobs => lister.jobs(),
            Endpoint::Environments => lister.environments(),
            Endpoint::Deployments => lister.deployments(),
            Endpoint::Deployment => {
                let (sprint, number) = lister.deployment_place(part)?;
                return one(scribe.deployment_alone(&sprint, number));
            }
            Endpoint::DeploymentMergeRequests => {
                let (sprint, number) = lister.deployment_place(part)?;
                lister.deployment_merge_requests(&sprint, number)
            }
            Endpoint::Hooks | Endpoint::Hook | Endpoint::HookEvents => {
                let hooks = self.options.hooks.as_ref();
                match hook_log::answer(route, hooks, lister)? {
                    Shown::One(written) => return Ok(Given::One(written)),
                    Shown::List(page) => Ok(page),
                }
            }
            Endpoint::Milestones => lister.milestones(),
            Endpoint::Events => lister.events(),
            _ => Err(Refusal::NotFound("404 Not Found")),
        };
        Ok(Given::List(listed?))
    }

    fn members(&self, members: Vec<(Person, u8)>, paging: Paging) -> Page {
        Page::cut(members.into_iter().map(|one| member(&self.world, one)).collect(), paging)
    }

    /// A project by id or path. GitLab answers 404 for what may not be seen, and a redirect for a former path.
    fn project(&self, token: &Token, owner: &str) -> Result<Project, Refusal> {
        let not_found = Refusal::NotFound("404 Project Not Found");
        let (world, now) = (&self.world, self.options.clock.now());
        let found = match owner.parse::<u64>() {
            Ok(id) => world.project_of_id(id),
            Err(_) => {
                let config = world.config();
                let mut all = (0..world.projects()).map(|index| world.project(index));
                let found = all.find(|project| {
                    project.path_at(config, now) == owner || project.path_at(config, config.began_at) == owner
                });
                if let Some(moved) = found.as_ref().filter(|project| project.path_at(config, now) != owner) {
                    return Err(Refusal::Moved(format!("{}/api/v4/projects/{}", config.url, moved.id)));
                }
                found
            }
        };
        found.filter(|project| list::sees_project(world, token, project)).ok_or(not_found)
    }

    fn group(&self, token: &Token, owner: &str) -> Result<Group, Refusal> {
        let world = &self.world;
        let found = match owner.parse::<u64>() {
            Ok(id) => world.group_of_id(id),
            Err(_) => (0..world.groups()).map(|index| world.group(index)).find(|group| group.path == owner),
        };
        let seen = found.filter(|group| list::sees_group(world, token, group));
        seen.ok_or(Refusal::NotFound("404 Group Not Found"))
    }
}

fn told_headers(told: Told) -> [(&'static str, String); 5] {
    [
        ("RateLimit-Limit", told.limit.to_string()),
        ("RateLimit-Name", "throttle_authenticated_api".to_owned()),
        ("RateLimit-Observed", told.observed.to_string()),
        ("RateLimit-Remaining", told.limit.saturating_sub(told.observed).to_string()),
        ("RateLimit-Reset", told.reset.to_string()),
    ]
}

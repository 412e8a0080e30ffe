//! The pace against the limits of an invented GitLab, which counts by itself: over minutes that pass in no time, no request is refused, and nearly
//! all that is permitted is used.

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::header::{HeaderName, HeaderValue};
use simulator::api::{Api, Headers, Limits, Options, Request, Token};
use simulator::gitlab::{World, WorldConfig};

use super::*;

/// Calls under way at the same time, for each token: enough for 2,000 a minute, of nearly a second each.
const UNDER_WAY: usize = 40;
/// The shortest time to GitLab, and its random addition, in milliseconds: answers overtake each other.
const TRIP: (u64, u64) = (30, 850);
/// How far GitLab's clock is ahead, in milliseconds: days, and an offset within a minute.
const AHEAD: i64 = 3 * 24 * 3600 * 1_000 + 23_456;

/// A limit to test: the calls, the site, and how much of it each token is permitted.
struct Case {
    name: &'static str,
    limit: Limit,
    path: String,
    site: Site,
    limits: Limits,
    requests_per_minute: u32,
    permitted_per_minute: u32,
    minutes: u32,
}

/// The result of a case.
struct Came {
    served: u64,
    refused: u64,
    permitted: u64,
}

/// An invented GitLab that only a clock of tokio's moves.
struct GitLab {
    api: Api,
    /// The id of a project.
    project: String,
    began: Instant,
    random: AtomicU64,
}

impl GitLab {
    fn new(limits: Limits, tokens: usize) -> GitLab {
        let world = Arc::new(World::new(WorldConfig::new(7, 2, 28)));
        let mut options = Options::new(&world, "");
        options.limits = limits;
        options.tokens = (0..tokens).map(|index| Token::reader(&secret(index))).collect();
        let project = world.project(0).id.to_string();
        GitLab { api: Api::new(world, options), project, began: Instant::now(), random: AtomicU64::new(42) }
    }

    /// Its time, in milliseconds since 1970.
    fn now(&self) -> i64 {
        let elapsed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        self.api.options().started_at + AHEAD + elapsed
    }

    /// Waits for a random time of travel.
    async fn trip(&self) {
        let next = |number: u64| Some(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        let random = self.random.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap() >> 33;
        tokio::time::sleep(Duration::from_millis(TRIP.0 + random % (TRIP.1 - TRIP.0))).await;
    }

    /// The answer to a call, as the client reads it.
    async fn ask(&self, path: &str, token: usize) -> (StatusCode, HeaderMap) {
        self.trip().await;
        let asked_at = self.now();
        let answer = self.api.answer(&Request::get(path, &secret(token)), asked_at);
        self.trip().await;
        let date = DateTime::from_timestamp_millis(asked_at).unwrap().to_rfc2822();
        let headers = answer.headers.into_iter().chain([("Date", date)]).map(|(name, value)| {
            (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap())
        });
        (StatusCode::from_u16(answer.status).unwrap(), headers.collect())
    }
}

fn secret(token: usize) -> String {
    format!("glpat-{token}")
}

/// Makes calls in some windows of GitLab, as fast as the paces permit: that of the first program, and after a minute those of all.
async fn run(case: &Case, tokens: usize, programs: u32) -> Came {
    let gitlab = Arc::new(GitLab::new(case.limits.clone(), tokens));
    let pace = || Arc::new(Pace::new(Budget::new(case.site, tokens, case.requests_per_minute)));
    let paces: Vec<Arc<Pace>> = std::iter::repeat_with(pace).take(programs as usize).collect();
    let minutes = case.minutes;
    let mut asking = tokio::task::JoinSet::new();
    let all = paces.clone();
    asking.spawn(async move {
        tokio::time::sleep(MINUTE).await;
        all.iter().for_each(|pace| pace.budget().divide(programs));
    });
    for index in 0..UNDER_WAY * tokens * paces.len() {
        let program = index % paces.len();
        let (gitlab, pace, limit) = (gitlab.clone(), paces[program].clone(), case.limit);
        let path = case.path.replace("PROJECT", &gitlab.project);
        let called = Called::new(limit, path.trim_start_matches("/api/v4/").split('?').next().unwrap());
        asking.spawn(async move {
            let ask = async {
                if program > 0 {
                    tokio::time::sleep(MINUTE + Duration::from_millis(1)).await;
                }
                loop {
                    let permit = pace.permit(&called).await.unwrap();
                    let (status, headers) = gitlab.ask(&path, permit.token).await;
                    let wait = pace.answered(&permit, status, &headers, DateTime::UNIX_EPOCH, 0.5);
                    assert_eq!(wait, None);
                }
            };
            let _ = tokio::time::timeout(MINUTE * minutes, ask).await;
        });
    }
    asking.join_all().await;
    let requests = &gitlab.api.options().requests;
    let (served, refused) = (requests.answered(200), requests.answered(429));
    assert_eq!(served + refused, requests.total(), "{}: {:?}", case.name, requests.all());
    let permitted = u64::from(case.permitted_per_minute * minutes) * tokens as u64;
    Came { served, refused, permitted }
}

/// With one token, and with three.
async fn check(case: Case) {
    check_with(&case, 1, 1).await;
    check_with(&case, 3, 1).await;
}

async fn check_with(case: &Case, tokens: usize, programs: u32) {
    let Came { served, refused, permitted } = run(case, tokens, programs).await;
    let share = served as f64 / permitted as f64;
    let of = format!("{} with {tokens} tokens of {programs} programs", case.name);
    println!("{of:<72} {served:>6} of {permitted:>6} {share:.3} {refused}");
    assert_eq!(refused, 0, "{of}");
    assert!(share >= 0.95, "{of}: {served} of {permitted}");
}

/// A limit of GitLab's documentation, alone.
async fn check_documented(name: &'static str, limit: Limit, path: &str, site: Site, permitted: u32) {
    check(documented(name, limit, path, site, permitted)).await;
}

fn documented(name: &'static str, limit: Limit, path: &str, site: Site, permitted: u32) -> Case {
    let limits = match site {
        Site::GitLabCom => Limits::saas(),
        Site::SelfManaged => Limits { per_minute: None, ..Limits::self_managed() },
    };
    let path = format!("/api/v4/{path}");
    // The general budget delays nothing.
    let requests_per_minute = 1_500;
    // Some windows, or two if they have ten minutes.
    let minutes = if limit == Limit::Projects { 20 } else { 5 };
    Case { name, limit, path, site, limits, requests_per_minute, permitted_per_minute: permitted, minutes }
}

/// A limit of all requests of a token, and a budget.
async fn check_general(name: &'static str, limits: Limits, requests_per_minute: u32, permitted: u32) {
    check(general(name, limits, requests_per_minute, permitted)).await;
}

fn general(name: &'static str, limits: Limits, requests_per_minute: u32, permitted: u32) -> Case {
    Case {
        name,
        limit: Limit::General,
        path: "/api/v4/version".to_owned(),
        site: Site::SelfManaged,
        limits,
        requests_per_minute,
        permitted_per_minute: permitted,
        // If a limit is reported, the rest of the first window is used in less time than a window has.
        minutes: (6_000 / permitted).max(10),
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_of_projects() {
    check_documented("GET /projects", Limit::Projects, "projects?per_page=1", Site::GitLabCom, 200).await;
}

#[tokio::test(start_paused = true)]
async fn a_project() {
    check_documented("GET /projects/:id", Limit::Project, "projects/PROJECT", Site::GitLabCom, 400).await;
}

#[tokio::test(start_paused = true)]
async fn projects_of_a_group() {
    let path = "groups/1/projects?per_page=1";
    check_documented("GET /groups/:id/projects", Limit::GroupProjects, path, Site::GitLabCom, 600).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_of_groups() {
    let path = "groups?per_page=1";
    check_documented("GET /groups", Limit::Groups, path, Site::GitLabCom, 50).await;
    check_documented("GET /groups, self-managed", Limit::Groups, path, Site::SelfManaged, 200).await;
}

#[tokio::test(start_paused = true)]
async fn a_group() {
    check_documented("GET /groups/:id", Limit::Group, "groups/1", Site::GitLabCom, 400).await;
}

#[tokio::test(start_paused = true)]
async fn members() {
    let path = "projects/PROJECT/members/all?per_page=1";
    check_documented("GET /projects/:id/members/all", Limit::Members, path, Site::GitLabCom, 200).await;
    let path = "groups/1/members/all?per_page=1";
    check_documented("GET /groups/:id/members/all", Limit::Members, path, Site::GitLabCom, 200).await;
}

#[tokio::test(start_paused = true)]
async fn jobs_of_a_project() {
    let path = "projects/PROJECT/jobs?per_page=1&pagination=keyset&order_by=id&sort=desc";
    check_documented("GET /projects/:id/jobs", Limit::ProjectJobs, path, Site::GitLabCom, 600).await;
}

#[tokio::test(start_paused = true)]
async fn the_budget_of_a_token_where_gitlab_has_no_limit_or_a_higher_one() {
    check_general("600, no limit", Limits::none(), 600, 600).await;
    check_general("600, GitLab.com", Limits::saas(), 600, 600).await;
}

#[tokio::test(start_paused = true)]
async fn the_budget_of_a_token_that_is_just_what_gitlab_permits() {
    let limits = |headers| Limits { per_minute: Some(600), headers, ..Limits::none() };
    check_general("600, the same limit, told", limits(Headers::Told), 600, 600).await;
    check_general("600, the same limit, hidden", limits(Headers::Hidden), 600, 600).await;
    check_general("2,000, GitLab.com", Limits::saas(), 2_000, 2_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_limit_below_the_budget_that_headers_tell() {
    let limits = |per_minute| Limits { per_minute: Some(per_minute), ..Limits::none() };
    check_general("600, but 300 are told", limits(300), 600, 300).await;
    check_general("600, but 120 are told, self-managed", Limits::self_managed(), 600, 120).await;
    check_general("600, but 60 are told", limits(60), 600, 60).await;
}

#[tokio::test(start_paused = true)]
async fn two_programs_with_the_same_token_share_its_limits() {
    let told = Limits { per_minute: Some(300), ..Limits::none() };
    let jobs = "projects/PROJECT/jobs?per_page=1&pagination=keyset&order_by=id&sort=desc";
    for case in [
        documented("GET /groups", Limit::Groups, "groups?per_page=1", Site::GitLabCom, 50),
        documented("GET /projects/:id/jobs", Limit::ProjectJobs, jobs, Site::GitLabCom, 600),
        general("600, no limit", Limits::none(), 600, 600),
        general("600, but 300 are told", told, 600, 300),
    ] {
        // The first lets the other in for half a minute.
        check_with(&Case { minutes: case.minutes * 3, ..case }, 1, 2).await;
    }
}

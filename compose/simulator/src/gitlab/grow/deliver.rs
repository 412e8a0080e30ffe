//! The content of a deployment. In: one that ended. Out: what GitLab links to it, by GitLab's rule, and what is true by the commit graph. The two are
//! found separately: GitLab compares with the previous deployment, the truth checks all earlier ones.

use super::super::delivery::{Change, Delivery, Standing, Way};
use super::super::deployment::{OVERSEAS, PRODUCTION, REVIEW, STAGING};
use super::super::dice::Sha;
use super::super::merge_request::Story;
use super::super::pipeline::Status;
use super::super::sprint::Ref;
use super::Growth;
use super::graph::Contained;

/// A success, and what it contains of the sprint.
#[derive(Debug, Clone)]
pub(super) struct Success {
    environment: u32,
    sha: Sha,
    contained: Contained,
}

/// Environments that persist over sprints: at the end of each sprint they contain all of `main`.
const LASTING: [u32; 3] = [STAGING, PRODUCTION, OVERSEAS];

impl Growth<'_> {
    /// Records the branches whose commits an environment already had when the sprint began.
    pub(super) fn reach(&mut self) {
        if self.sprint.number > 0 {
            let both = LASTING.map(|number| [(number, Ref::Main), (number, Ref::Production)]);
            self.sprint.reached.extend(both.into_iter().flatten());
        }
    }

    fn is_known(&self, environment: u32) -> bool {
        self.sprint.number > 0 && environment != REVIEW
            || self.successes.iter().any(|success| success.environment == environment)
    }

    /// Notes the position of a deployment that ended, and what it brought.
    pub(super) fn deployed(&mut self, deployment: u32) {
        let ended = &self.sprint.deployments[deployment as usize];
        let (environment, job, sha, on, ends) =
            (ended.environment, ended.job, ended.sha, ended.on, ended.ends);
        let mut standing = self.standing(sha, on);
        if ends == Status::Success {
            let contained = self.contained(sha);
            standing.change = Some(self.change(environment, sha, &standing, &contained));
            let links = self.links(environment, on, &contained);
            self.deliver(environment, deployment, &standing, &contained);
            self.successes.push(Success { environment, sha, contained });
            if environment == PRODUCTION && matches!(on, Ref::Main | Ref::Production) {
                self.deployed.push(job);
            }
            self.sprint.deployments[deployment as usize].merge_requests = links;
        }
        self.meet_deployment(deployment, &standing);
        self.sprint.deployments[deployment as usize].standing = Some(standing);
    }

    fn standing(&self, sha: Sha, on: Ref) -> Standing {
        let places = self.heads.iter().enumerate().filter(|(_, head)| head.sha == sha && !head.begins);
        let own = [Ref::Main, Ref::Production, Ref::Release];
        let found = own.into_iter().find_map(|branch| {
            places.clone().filter(|(_, head)| head.on == branch).map(|(place, _)| (branch, place)).next_back()
        });
        let Some((branch, place)) = found else {
            let branch = if sha == self.base { Ref::Main } else { on };
            return Standing { branch, landed: None, is_landing: false, change: None };
        };
        let contained = self.contained(sha);
        let upto = self.heads.iter().take(place + 1).rev().filter(|head| head.on == branch);
        let landed = upto.clone().filter(|head| contained.contains(head.commit)).find_map(|head| head.landed);
        let is_landing = upto.take(1).any(|head| head.landed.is_some());
        Standing { branch, landed, is_landing, change: None }
    }

    fn change(&self, environment: u32, sha: Sha, standing: &Standing, contained: &Contained) -> Change {
        if !self.is_known(environment) {
            return Change::First;
        }
        let earlier = || self.successes.iter().filter(|success| success.environment == environment);
        let place = self.heads.iter().rposition(|head| head.on == standing.branch && head.sha == sha);
        let later = self.heads.iter().skip(place.map_or(usize::MAX, |place| place + 1));
        let mut later = later.filter(|head| head.on == standing.branch && !contained.contains(head.commit));
        if later.any(|head| earlier().any(|success| success.contained.contains(head.commit))) {
            return Change::Rollback;
        }
        if earlier().any(|success| success.sha == sha) { Change::Repeat } else { Change::Change }
    }

    /// The merge requests that GitLab links (`Deployments::LinkMergeRequestsService` of its source): those of the commits since the last success; for
    /// the first success all that were merged into its ref; each once per environment, and none for a review environment.
    fn links(&mut self, environment: u32, on: Ref, contained: &Contained) -> Vec<u32> {
        if environment == REVIEW {
            return Vec::new();
        }
        let before = self.successes.iter().rfind(|success| success.environment == environment);
        let none = Contained::default();
        let known = before.map_or(&none, |success| &success.contained);
        let is_first = !self.is_known(environment);
        let is_new = |sha: &Sha| {
            self.sprint
                .places
                .get(sha)
                .is_some_and(|number| contained.contains(*number) && !known.contains(*number))
        };
        let of_range = |request: &u32| match is_first {
            true => !self.landings[*request as usize].is_empty() && self.target(*request) == on,
            false => self.landings[*request as usize].iter().any(is_new),
        };
        let wanted: Vec<u32> = (0..self.landings.len() as u32).filter(of_range).collect();
        wanted.into_iter().filter(|request| self.linked.insert((environment, *request))).collect()
    }

    fn deliver(&mut self, environment: u32, deployment: u32, standing: &Standing, contained: &Contained) {
        for request in 0..self.lives.len() as u32 {
            let story = self.plans[request as usize].story;
            let is_done =
                |delivery: &Delivery| delivery.environment == environment && delivery.request == request;
            if story.promotes() || story == Story::Stacked || self.sprint.deliveries.iter().any(is_done) {
                continue;
            }
            let Some(way) = self.way(request, standing.branch, contained) else {
                continue;
            };
            let target = self.target(request);
            let first_of_branch = !self.sprint.reached.contains(&(environment, target));
            self.sprint.deliveries.push(Delivery { request, environment, deployment, way, first_of_branch });
        }
        for branch in [Ref::Main, Ref::Production, Ref::Release] {
            let mut own = self.heads.iter().filter(|head| head.on == branch && !head.begins);
            let is_new = !self.sprint.reached.contains(&(environment, branch));
            if is_new && own.any(|head| contained.contains(head.commit)) {
                self.sprint.reached.push((environment, branch));
            }
        }
    }

    /// How a merge request got into a deployment, if it did.
    fn way(&self, request: u32, branch: Ref, contained: &Contained) -> Option<Way> {
        let landing = self.lives[request as usize].landing?;
        if self.is_among(landing, contained) {
            let came = match (self.target(request), branch) {
                (Ref::Main, Ref::Production) | (Ref::Release, Ref::Main | Ref::Production) => Way::Promotion,
                _ => Way::Landing,
            };
            return Some(came);
        }
        let picked = self.lives.iter().filter(|life| life.picks == Some(request));
        let mut landed = picked.filter_map(|life| life.landing);
        landed.any(|landing| self.is_among(landing, contained)).then_some(Way::CherryPick)
    }

    /// The branch that a merge request is aimed at.
    fn target(&self, request: u32) -> Ref {
        self.targets.get(request as usize).copied().unwrap_or(Ref::Main)
    }

    fn meet_deployment(&mut self, deployment: u32, standing: &Standing) {
        let ended = &self.sprint.deployments[deployment as usize];
        let brought = ended.merge_requests.len();
        let (environment, on, ends) = (ended.environment, ended.on, ended.ends);
        let is_blocked = ended.approved.is_some();
        let mut met: Vec<&'static str> = Vec::new();
        match (ends, standing.change) {
            (Status::Failed, _) => met.extend(["4", "N2"]),
            (Status::Canceled, _) => met.push("N13"),
            (_, Some(Change::Rollback)) => met.extend(["2", "41", "N5"]),
            (_, Some(Change::Repeat)) => met.push("3"),
            (_, Some(Change::First)) if environment == PRODUCTION && brought > 3 => met.push("1"),
            _ => (),
        }
        if environment == OVERSEAS {
            met.push("5");
        }
        if environment == PRODUCTION {
            met.push("6");
        }
        if environment == REVIEW {
            met.push("30");
        }
        match on {
            Ref::Release if standing.branch == Ref::Main => met.push("8"),
            Ref::Release => met.push("10"),
            Ref::Tag(_) => met.push("9"),
            Ref::Production => met.push("7"),
            _ => (),
        }
        if is_blocked {
            met.push("28");
        }
        met.into_iter().for_each(|case| self.meet(case));
    }
}

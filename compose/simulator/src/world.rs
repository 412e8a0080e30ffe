//! An endless GitLab for load. In: a seed. Out: deliveries, each with the rows that the tables have to show for it. The same seed makes the same
//! world.
//!
//! Things have lives: a merge request is opened, changed, closed, reopened, merged; a pipeline is created, runs and ends. Each step is a revision.
//! Some deliveries also come from a second hook under an id of their own, some are repeated under the same id, both later and out of order; some
//! cannot be decoded, and some are refused.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::body::{self, Moment};
use crate::expected::{Expected, Fact, Kind, Refusal};

/// How many of a thousand steps are of each kind: jobs and pipelines dominate, as in any GitLab with CI.
const SHARES: [(Kind, u32); 8] = [
    (Kind::Job, 420),
    (Kind::Pipeline, 230),
    (Kind::Push, 110),
    (Kind::MergeRequest, 110),
    (Kind::Note, 60),
    (Kind::Issue, 40),
    (Kind::Deployment, 20),
    (Kind::TagPush, 10),
];
/// The share of deliveries that also come from a second hook, and the share that is repeated.
const SECOND_HOOK: f64 = 0.05;
const REPEATED: f64 = 0.03;
/// The share of forged deliveries, and of compressed ones.
const FORGED: f64 = 0.002;
const COMPRESSED: f64 = 0.001;
/// Concurrent lives of one kind.
const ALIVE: usize = 60;
/// Deliveries that wait to be sent by a second hook or again.
const WAITING: usize = 200;

/// The configuration of a world.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorldConfig {
    /// The seed.
    pub seed: u64,
    /// The GitLab instance.
    pub instance: String,
    /// GitLab id of the first project; the others follow it.
    pub first_project: u64,
    /// How many projects.
    pub projects: u32,
    /// Bytes of a usual body; one in a hundred is thirty times as large.
    pub body_bytes: u32,
    /// The share of deliveries that are authentic and cannot be decoded.
    pub poison: f64,
    /// When it begins, in milliseconds since 1970.
    pub began_at: i64,
}

impl WorldConfig {
    /// The usual share of undecodable deliveries.
    pub const USUAL_POISON: f64 = 0.002;
}

/// A request to send.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its number in the history; two hooks have two, a repetition has no number of its own.
    pub number: u64,
    /// Its expected result.
    pub expected: Expected,
    /// `X-Gitlab-Event`.
    pub event_header: &'static str,
    /// What is posted.
    pub body: std::sync::Arc<[u8]>,
}

/// A thing that is alive.
struct Life {
    kind: Kind,
    project: u64,
    id: u64,
    revision: u32,
    state: &'static str,
    /// The head of a branch.
    head: String,
    born_at: DateTime<Utc>,
}

/// A world without an end.
pub struct World {
    config: WorldConfig,
    random: StdRng,
    number: u64,
    next_id: u64,
    lives: Vec<(Kind, Vec<Life>)>,
    waiting: VecDeque<Delivery>,
}

impl World {
    /// A world in which nothing has happened yet.
    pub fn new(config: WorldConfig) -> World {
        let random = StdRng::seed_from_u64(config.seed);
        let lives = SHARES.iter().map(|(kind, _)| (*kind, Vec::new())).collect();
        World { config, random, number: 0, next_id: 1, lives, waiting: VecDeque::new() }
    }

    /// The next delivery.
    pub fn deliver(&mut self) -> Delivery {
        let is_due = self.waiting.len() >= WAITING || self.random.random_bool(SECOND_HOOK + REPEATED);
        if is_due && !self.waiting.is_empty() {
            let chosen = self.random.random_range(0..self.waiting.len());
            if let Some(delivery) = self.waiting.swap_remove_back(chosen) {
                return delivery;
            }
        }
        let delivery = self.invent();
        if let Expected::Fact(_) = delivery.expected {
            if self.random.random_bool(SECOND_HOOK) {
                let number = self.count();
                self.waiting.push_back(Delivery { number, ..delivery.clone() });
            }
            if self.random.random_bool(REPEATED) {
                self.waiting.push_back(delivery.clone());
            }
        }
        delivery
    }

    fn invent(&mut self) -> Delivery {
        let number = self.count();
        let (chance, poison): (f64, f64) = (self.random.random(), self.config.poison);
        if chance < poison {
            let body = body::poison(&mut self.random, number).into();
            return Delivery { number, expected: Expected::DeadLetter, event_header: "Push Hook", body };
        }
        let (fact, event_header, body) = self.step();
        let expected = if chance < poison + FORGED {
            Expected::Refused(Refusal::Forged)
        } else if chance < poison + FORGED + COMPRESSED {
            Expected::Refused(Refusal::Compressed)
        } else {
            Expected::Fact(fact)
        };
        Delivery { number, expected, event_header, body }
    }

    fn count(&mut self) -> u64 {
        self.number += 1;
        self.number - 1
    }

    /// Takes a step: a thing begins, or continues.
    fn step(&mut self) -> (Fact, &'static str, std::sync::Arc<[u8]>) {
        let total: u32 = SHARES.iter().map(|(_, share)| share).sum();
        let mut drawn = self.random.random_range(0..total);
        let kind = SHARES
            .iter()
            .find_map(|(kind, share)| {
                let here = drawn < *share;
                drawn = drawn.saturating_sub(*share);
                here.then_some(*kind)
            })
            .unwrap_or(Kind::Job);
        let mut life = self.one_of(kind);
        let (event, before) = advance(&mut life, &mut self.random);
        let moment = Moment {
            instance: &self.config.instance,
            project: life.project,
            project_number: life.project - self.config.first_project,
            id: life.id,
            revision: life.revision,
            state: life.state,
            event,
            before: &before,
            head: &life.head,
            born_at: life.born_at,
            at: life.born_at + TimeDelta::seconds(10 * i64::from(life.revision)),
            filler: filler_bytes(self.config.body_bytes, &mut self.random),
        };
        let written = body::write(kind, &moment);
        let fact = Fact {
            kind,
            project: life.project,
            entity: written.entity,
            revision: life.revision,
            value: written.value,
            event: written.event,
        };
        life.revision += 1;
        if !has_ended(&life) {
            self.alive(kind).push(life);
        }
        (fact, written.event_header, written.body.into())
    }

    fn alive(&mut self, kind: Kind) -> &mut Vec<Life> {
        let place = self.lives.iter().position(|(of, _)| *of == kind).unwrap_or_default();
        &mut self.lives[place].1
    }

    /// A living thing of a kind, or a new one.
    fn one_of(&mut self, kind: Kind) -> Life {
        let alive = self.alive(kind).len();
        if alive > 0 && (alive >= ALIVE || self.random.random_bool(0.6)) {
            let chosen = self.random.random_range(0..alive);
            return self.alive(kind).swap_remove(chosen);
        }
        let id = self.next_id;
        self.next_id += 1;
        let began = DateTime::from_timestamp_millis(self.config.began_at).unwrap_or_default();
        Life {
            kind,
            project: self.config.first_project
                + u64::from(self.random.random_range(0..self.config.projects.max(1))),
            id,
            revision: 0,
            state: "",
            head: body::NOWHERE.to_owned(),
            // Long enough ago for all of its steps to be in the past.
            born_at: began - TimeDelta::milliseconds(self.random.random_range(3_600_000..7_200_000)),
        }
    }
}

/// Takes a thing's next step: what happens, and the previous head of a branch.
fn advance(life: &mut Life, random: &mut StdRng) -> (&'static str, String) {
    let before = life.head.clone();
    let chosen = |events: &[(&'static str, &'static str)], random: &mut StdRng| {
        events.choose(random).copied().unwrap_or(("update", "opened"))
    };
    let (event, state) = match (life.kind, life.state) {
        (Kind::Push | Kind::TagPush, _) => {
            life.head =
                format!("{:016x}{:016x}{:08x}", random.random::<u64>(), random.random::<u64>(), life.id);
            ("push", "pushed")
        }
        (Kind::Note, _) => ("create", "written"),
        (Kind::MergeRequest | Kind::Issue, "") => ("open", "opened"),
        (Kind::MergeRequest, "opened") => chosen(
            &[
                ("update", "opened"),
                ("update", "opened"),
                ("update", "opened"),
                ("merge", "merged"),
                ("close", "closed"),
            ],
            random,
        ),
        (Kind::Issue, "opened") => {
            chosen(&[("update", "opened"), ("update", "opened"), ("close", "closed")], random)
        }
        (Kind::MergeRequest | Kind::Issue, _) => ("reopen", "opened"),
        (Kind::Pipeline | Kind::Job, "") => ("created", "created"),
        (Kind::Pipeline | Kind::Job, "created") => ("pending", "pending"),
        (Kind::Pipeline | Kind::Job, "pending") | (Kind::Deployment, "") => ("running", "running"),
        (Kind::Pipeline | Kind::Job | Kind::Deployment, _) => {
            chosen(&[("success", "success"), ("success", "success"), ("failed", "failed")], random)
        }
    };
    life.state = state;
    (event, before)
}

fn has_ended(life: &Life) -> bool {
    match life.kind {
        Kind::Note | Kind::TagPush => true,
        Kind::Push => life.revision >= 8,
        Kind::MergeRequest | Kind::Issue => life.state == "merged" || life.revision >= 8,
        Kind::Pipeline | Kind::Job | Kind::Deployment => matches!(life.state, "success" | "failed"),
    }
}

fn filler_bytes(usual: u32, random: &mut StdRng) -> usize {
    let usual = usual as usize;
    match random.random_bool(0.01) {
        true => usual * 30,
        false => random.random_range(usual / 2..=usual + usual / 2),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn world(seed: u64) -> World {
        World::new(WorldConfig {
            seed,
            instance: "https://gitlab.example.com".to_owned(),
            first_project: 1_000,
            projects: 5,
            body_bytes: 500,
            poison: WorldConfig::USUAL_POISON,
            began_at: 1_795_000_000_000,
        })
    }

    #[test]
    fn the_same_seed_makes_the_same_world_and_another_another() {
        let bodies = |seed| {
            let mut world = world(seed);
            (0..500).map(|_| world.deliver().body).collect::<Vec<_>>()
        };
        assert_eq!(bodies(1), bodies(1));
        assert_ne!(bodies(1), bodies(2));
    }

    #[test]
    fn revisions_of_a_thing_are_counted_up_and_each_is_told_at_least_once() {
        let mut world = world(7);
        let mut revisions: BTreeMap<(Kind, u64, String), BTreeSet<u32>> = BTreeMap::new();
        let (mut numbers, mut repeated, mut second, mut dead, mut refused) = (BTreeSet::new(), 0, 0, 0, 0);
        for _ in 0..20_000 {
            let delivery = world.deliver();
            let is_new = numbers.insert(delivery.number);
            repeated += u32::from(!is_new);
            match delivery.expected {
                Expected::Fact(fact) => {
                    let of = revisions.entry((fact.kind, fact.project, fact.entity)).or_default();
                    second += u32::from(!of.insert(fact.revision) && is_new);
                }
                Expected::DeadLetter => dead += 1,
                Expected::Refused(_) => refused += 1,
            }
        }
        assert!(
            repeated > 300 && second > 500 && dead > 10 && refused > 20,
            "{repeated} {second} {dead} {refused}"
        );
        let whole = revisions.values().filter(|of| of.len() as u32 == of.last().unwrap() + 1).count();
        // Forged and compressed deliveries were steps too, but leave no trace.
        assert!(whole * 100 > revisions.len() * 97, "{whole} of {}", revisions.len());
        assert!(numbers.len() as u64 > numbers.last().unwrap() - WAITING as u64);
    }
}

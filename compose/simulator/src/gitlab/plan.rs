//! Plans a sprint. In: a seed and a number. Out: who does what with a merge request or an issue, and when. Knows nothing of commits or pipelines:
//! those follow when the steps are taken.

mod promotions;

use super::dice::{DAY, Dice, HOUR, MINUTE, Millis};
use super::issue::{IssueStep, IssueWhat};
use super::merge_request::{Draft, Noted, Story};
use super::people::Person;
use super::size::WorldConfig;
use super::tree::{Project, Special, people};

/// A planned step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planned {
    /// Pushes a new branch of this many commits.
    Branch(u32),
    Opened(Draft),
    /// Pushes this many commits more.
    Pushed(u32),
    /// Pushes this many commits in place of those before.
    Rewritten(u32),
    Ready,
    ReviewRequested,
    Commented,
    /// A comment whose thread is resolved later.
    CommentedOnLine,
    Approved(Noted),
    Unapproved,
    ApprovalsReset,
    Labelled,
    Retargeted,
    Closed,
    Reopened,
    Merged,
}

/// The planned life of a merge request.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) story: Story,
    pub(crate) author: Person,
    pub(crate) reviewer: Person,
    /// The number of the one into whose branch it is merged.
    pub(crate) onto: Option<u32>,
    pub(crate) steps: Vec<(Millis, Person, Planned)>,
}

impl Plan {
    /// When it will be opened.
    pub(crate) fn opened_at(&self) -> Millis {
        let opened = self.steps.iter().find(|(_, _, what)| matches!(what, Planned::Opened(_)));
        opened.map_or(0, |(at, _, _)| *at)
    }

    /// When it will be merged.
    fn merged_at(&mut self) -> Option<&mut Millis> {
        let merged = self.steps.iter_mut().find(|(_, _, what)| *what == Planned::Merged);
        merged.map(|(at, _, _)| at)
    }

    fn then(&mut self, dice: &mut Dice, least: Millis, most: Millis, by: Person, what: Planned) {
        let at = self.steps.last().map_or(0, |(at, _, _)| *at) + dice.between(least, most);
        self.steps.push((at, by, what));
    }
}

/// Merge requests of a sprint, in the order in which they are opened.
pub(crate) fn merge_requests(config: &WorldConfig, project: &Project, sprint: u32) -> Vec<Plan> {
    let plans = (0..config.merge_requests()).map(|number| merge_request(config, project, sprint, number));
    let mut plans: Vec<Plan> = plans.collect();
    couple(&mut plans);
    plans.extend(promotions::promotions(config, project, sprint));
    let mut places: Vec<(Plan, u32)> = plans.into_iter().zip(0..).collect();
    places.sort_by_key(|(plan, _)| plan.opened_at());
    // A stacked merge request refers to the one below by its number among all.
    let number = |wanted: u32| places.iter().zip(0..).find(|((_, place), _)| *place == wanted);
    let onto: Vec<Option<u32>> =
        (places.iter()).map(|(plan, _)| plan.onto.and_then(number).map(|(_, number)| number)).collect();
    let coupled = places.into_iter().zip(onto);
    coupled.map(|((plan, _), onto)| Plan { onto, ..plan }).collect()
}

/// Gives two that are merged in the same second the same time, and a stacked one a time after the one below.
fn couple(plans: &mut [Plan]) {
    for second in 1..plans.len() {
        let (before, rest) = plans.split_at_mut(second);
        let (Some(first), Some(plan)) = (before.last_mut(), rest.first_mut()) else {
            continue;
        };
        match (first.story, plan.story) {
            (Story::TwinFirst, Story::TwinSecond) => {
                if let (Some(one), Some(other)) = (first.merged_at(), plan.merged_at()) {
                    let at = (*one).max(*other) / 1_000 * 1_000;
                    (*one, *other) = (at + 100, at + 400);
                }
            }
            (Story::StackBase, Story::Stacked) => {
                let starts_at = first.opened_at() + HOUR;
                let shift = starts_at - plan.steps.first().map_or(starts_at, |(at, _, _)| *at);
                plan.steps.iter_mut().for_each(|(at, _, _)| *at += shift);
                plan.onto = u32::try_from(second - 1).ok();
            }
            _ => (),
        }
    }
}

fn merge_request(config: &WorldConfig, project: &Project, sprint: u32, number: u32) -> Plan {
    let place = [0x6d72, u64::from(project.index), u64::from(sprint), u64::from(number)];
    let dice = &mut Dice::at(config.seed, &place);
    let people = people(config);
    let story = match Story::ALL[number as usize % Story::ALL.len()] {
        // Imported things have times that nothing around them has, so their lives are simple.
        Story::Drafted
        | Story::InRounds
        | Story::TalkedAbout
        | Story::ReadyLater
        | Story::Large
        | Story::StackBase
        | Story::Stacked
        | Story::TwinFirst
        | Story::TwinSecond
            if project.special == Special::Imported && sprint == 0 =>
        {
            Story::Plain
        }
        story => story,
    };
    let author = if story == Story::OfBot { Person::UPDATER } else { Person::human(dice, people) };
    let reviewer = author.colleague(dice, people);
    let mut second = reviewer.colleague(dice, people);
    if second == author {
        second = reviewer;
    }
    let starts_at = config.starts_at(sprint);
    // A hotfix needs the release branch, which is cut on the eighth day; a revert needs something to revert.
    let opened_at = starts_at
        + match story {
            Story::Hotfix => dice.between(8 * DAY, 9 * DAY),
            Story::Reverting => dice.between(5 * DAY, 9 * DAY),
            Story::ReadyLater | Story::StackBase => dice.between(10 * HOUR, 8 * DAY),
            _ => dice.between(6 * HOUR, 9 * DAY),
        };
    let branched_at = opened_at - dice.between(2 * MINUTE, 4 * HOUR);
    let mut plan = Plan { story, author, reviewer, onto: None, steps: Vec::new() };
    let commits = if story == Story::Large { 35 } else { 1 + dice.below(4) as u32 };
    plan.steps.push((branched_at, author, Planned::Branch(commits)));
    let draft = if matches!(story, Story::Drafted | Story::ReadyLater) { Draft::Yes } else { Draft::No };
    plan.steps.push((opened_at, author, Planned::Opened(draft)));
    if number.is_multiple_of(3) {
        plan.then(dice, MINUTE, 3 * MINUTE, author, Planned::Labelled);
    }
    live(&mut plan, dice, second, number);
    plan
}

/// Adds the steps after opening.
fn live(plan: &mut Plan, dice: &mut Dice, second: Person, number: u32) {
    let (author, reviewer) = (plan.author, plan.reviewer);
    // One approval in so many is not followed by GitLab's note, and so does not move `updated_at`.
    let noted = if number % 17 == 6 { Noted::Never } else { Noted::Later };
    let long = 11 * HOUR;
    if !matches!(plan.story, Story::OfBot | Story::Drafted | Story::ReadyLater | Story::Unreviewed) {
        plan.then(dice, MINUTE, 30 * MINUTE, author, Planned::ReviewRequested);
    }
    match plan.story {
        Story::Plain | Story::OfFork => {
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::CommentedOnLine);
            plan.then(dice, 10 * MINUTE, long, author, Planned::Commented);
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Approved(noted));
        }
        Story::Drafted => {
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Commented);
            plan.then(dice, 10 * MINUTE, long, author, Planned::Pushed(2));
            plan.then(dice, 10 * MINUTE, long, author, Planned::Ready);
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Approved(noted));
        }
        Story::ChangedAfterApproval => {
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Approved(Noted::Later));
            plan.then(dice, 10 * MINUTE, long, author, Planned::Pushed(1));
            plan.then(dice, 1_000, 3_000, author, Planned::ApprovalsReset);
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Approved(noted));
        }
        Story::Reopened => {
            plan.then(dice, 10 * MINUTE, long, author, Planned::Closed);
            plan.then(dice, 10 * MINUTE, long, author, Planned::Reopened);
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Approved(noted));
        }
        Story::Closed => {
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Commented);
            plan.then(dice, 10 * MINUTE, long, author, Planned::Closed);
            return;
        }
        Story::LeftOpen => {
            plan.then(dice, 10 * MINUTE, long, second, Planned::Commented);
            return;
        }
        Story::Unapproved => {
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Approved(Noted::Later));
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Unapproved);
            plan.then(dice, 10 * MINUTE, long, second, Planned::Approved(noted));
        }
        Story::OfBot => {
            plan.then(dice, 10 * MINUTE, HOUR, Person::UPDATER, Planned::Merged);
            return;
        }
        Story::Rebased => {
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Commented);
            plan.then(dice, 10 * MINUTE, long, author, Planned::Rewritten(1));
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Approved(noted));
        }
        Story::Hotfix => {
            plan.then(dice, MINUTE, 10 * MINUTE, author, Planned::Retargeted);
            plan.then(dice, 10 * MINUTE, HOUR, reviewer, Planned::Approved(noted));
        }
        Story::Reverting | Story::TwinFirst | Story::TwinSecond => {
            plan.then(dice, 10 * MINUTE, HOUR, reviewer, Planned::Approved(noted));
        }
        Story::InRounds => {
            let some = 5 * HOUR;
            plan.then(dice, 10 * MINUTE, some, reviewer, Planned::CommentedOnLine);
            plan.then(dice, MINUTE, 10 * MINUTE, second, Planned::Commented);
            plan.then(dice, 10 * MINUTE, some, author, Planned::Pushed(1));
            plan.then(dice, 10 * MINUTE, some, reviewer, Planned::CommentedOnLine);
            plan.then(dice, 10 * MINUTE, some, author, Planned::Pushed(1));
            plan.then(dice, 10 * MINUTE, some, reviewer, Planned::Approved(noted));
        }
        Story::TalkedAbout => {
            plan.then(dice, MINUTE, 10 * MINUTE, Person::TRANSLATOR, Planned::Commented);
            plan.then(dice, MINUTE, 10 * MINUTE, author, Planned::Commented);
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::CommentedOnLine);
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Merged);
            plan.then(dice, 10 * MINUTE, long, second, Planned::Commented);
            return;
        }
        Story::Unreviewed => (),
        Story::ReadyLater => {
            plan.then(dice, HOUR, 4 * HOUR, author, Planned::Pushed(2));
            plan.then(dice, 24 * HOUR, 30 * HOUR, author, Planned::Ready);
            plan.then(dice, 10 * MINUTE, HOUR, author, Planned::ReviewRequested);
            plan.then(dice, 10 * MINUTE, 5 * HOUR, reviewer, Planned::CommentedOnLine);
            plan.then(dice, 10 * MINUTE, 5 * HOUR, reviewer, Planned::Approved(noted));
        }
        Story::Large => {
            plan.then(dice, 10 * MINUTE, long, author, Planned::Pushed(1));
            plan.then(dice, 70_000, 100_000, author, Planned::Pushed(1));
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::CommentedOnLine);
            plan.then(dice, 10 * MINUTE, long, reviewer, Planned::Approved(noted));
        }
        Story::StackBase => {
            // By then the merge request on top of it is merged.
            plan.then(dice, 14 * HOUR, 16 * HOUR, author, Planned::Pushed(1));
            plan.then(dice, 10 * MINUTE, 5 * HOUR, reviewer, Planned::CommentedOnLine);
            plan.then(dice, 10 * MINUTE, 5 * HOUR, reviewer, Planned::Approved(noted));
        }
        Story::Stacked => {
            plan.then(dice, 10 * MINUTE, 3 * HOUR, reviewer, Planned::Approved(noted));
            plan.then(dice, 10 * MINUTE, 3 * HOUR, reviewer, Planned::Merged);
            return;
        }
        Story::BackMerge | Story::Promoting => (),
    }
    let merges = if plan.story == Story::Drafted { second } else { reviewer };
    plan.then(dice, 10 * MINUTE, long, merges, Planned::Merged);
}

/// The planned life of an issue, which is also its real one.
#[derive(Debug, Clone)]
pub(crate) struct IssuePlan {
    pub(crate) author: Person,
    pub(crate) assignee: Person,
    pub(crate) is_incident: bool,
    pub(crate) confidential: bool,
    pub(crate) moved_from: Option<Millis>,
    /// Whether it is deleted later, in sprints where that happens.
    pub(crate) is_deleted: bool,
    pub(crate) steps: Vec<IssueStep>,
}

/// When the issue that moves to the next project is opened. It moves a day and two hours later.
fn moving_opened_at(config: &WorldConfig, project: u32, sprint: u32) -> Millis {
    let mut dice = Dice::at(config.seed, &[0x6d6f, u64::from(project), u64::from(sprint)]);
    config.starts_at(sprint) + dice.between(DAY, 3 * DAY)
}

const MOVES_AFTER: Millis = 26 * HOUR;

/// Issues of a sprint, in the order in which they come to the project.
pub(crate) fn issues(config: &WorldConfig, project: &Project, sprint: u32) -> Vec<IssuePlan> {
    let moves = config.projects > 1 && project.special != Special::Foreign;
    let mut plans: Vec<IssuePlan> =
        (0..config.issues()).map(|number| issue(config, project, sprint, number, moves)).collect();
    if moves {
        let from = (project.index + config.projects - 1) % config.projects;
        let opened_at = moving_opened_at(config, from, sprint);
        let mut plan = issue(config, project, sprint, 4, false);
        plan.moved_from = Some(opened_at);
        plan.steps.truncate(1);
        for step in &mut plan.steps {
            step.at = opened_at + MOVES_AFTER;
        }
        plans.push(plan);
    }
    plans.sort_by_key(|plan| plan.steps.first().map(|step| step.at));
    plans
}

fn issue(config: &WorldConfig, project: &Project, sprint: u32, number: u32, moves: bool) -> IssuePlan {
    let place = [0x6973, u64::from(project.index), u64::from(sprint), u64::from(number)];
    let dice = &mut Dice::at(config.seed, &place);
    let people = people(config);
    let author = Person::human(dice, people);
    let assignee = author.colleague(dice, people);
    let kind = number % 12;
    let mut at = match kind {
        1 if moves => moving_opened_at(config, project.index, sprint),
        _ => config.starts_at(sprint) + dice.between(HOUR, 8 * DAY),
    };
    let mut steps = vec![IssueStep { at, by: author, what: IssueWhat::Opened }];
    let mut then = |dice: &mut Dice, by: Person, what: IssueWhat| {
        at += dice.between(10 * MINUTE, 20 * HOUR);
        steps.push(IssueStep { at, by, what });
    };
    if kind.is_multiple_of(2) {
        then(dice, author, IssueWhat::Assigned);
    }
    match kind {
        1 if moves => steps.push(IssueStep { at: at + MOVES_AFTER, by: author, what: IssueWhat::Moved }),
        4 => then(dice, assignee, IssueWhat::Commented),
        5 | 6 => {
            then(dice, assignee, IssueWhat::Closed);
            then(dice, author, IssueWhat::Reopened);
            then(dice, assignee, IssueWhat::Closed);
        }
        9 => {
            then(dice, assignee, IssueWhat::BecameIncident);
            then(dice, assignee, IssueWhat::Closed);
        }
        7 => {
            then(dice, assignee, IssueWhat::CommentedInternally);
            then(dice, assignee, IssueWhat::Commented);
            then(dice, author, IssueWhat::Closed);
        }
        _ => {
            then(dice, assignee, IssueWhat::Commented);
            then(dice, assignee, IssueWhat::Closed);
        }
    }
    IssuePlan {
        author,
        assignee,
        is_incident: matches!(kind, 2 | 6 | 11),
        confidential: matches!(kind, 3 | 11),
        moved_from: None,
        is_deleted: kind == 8,
        steps,
    }
}

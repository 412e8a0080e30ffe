//! Merge requests between long-lived branches: the release branch back to `main`, and `main` to the branch from which production is deployed. In: a
//! project and a sprint. Out: plans with fixed times. None in a project without such a branch.

use super::super::dice::{DAY, Dice, HOUR, MINUTE, Millis};
use super::super::merge_request::{Draft, Noted, Story};
use super::super::people::Person;
use super::super::size::WorldConfig;
use super::super::tree::{Project, people};
use super::{Plan, Planned};

/// When the release branch is merged back, from the start of a sprint: every hotfix is in it by then.
const BACK: Millis = 10 * DAY + 4 * HOUR;
/// When `main` is promoted. The last promotion is after the last commit of the sprint, so that a sprint leaves nothing undone.
const PROMOTED: [Millis; 3] = [4 * DAY + 10 * HOUR, 9 * DAY + 10 * HOUR, 13 * DAY + 18 * HOUR + 30 * MINUTE];

/// Those of a sprint.
pub(super) fn promotions(config: &WorldConfig, project: &Project, sprint: u32) -> Vec<Plan> {
    let mut dice = Dice::at(config.seed, &[0x7072, u64::from(project.index), u64::from(sprint)]);
    let starts_at = config.starts_at(sprint);
    let mut plans = Vec::new();
    if project.merges_back() {
        plans.push(plan(&mut dice, config, Story::BackMerge, starts_at + BACK));
    }
    if project.has_production_branch() {
        let promoted = PROMOTED.map(|at| plan(&mut dice, config, Story::Promoting, starts_at + at));
        plans.extend(promoted);
    }
    plans
}

fn plan(dice: &mut Dice, config: &WorldConfig, story: Story, opened_at: Millis) -> Plan {
    let people = people(config);
    let author = Person::human(dice, people);
    let reviewer = author.colleague(dice, people);
    let mut plan = Plan { story, author, reviewer, onto: None, steps: Vec::new() };
    plan.steps.push((opened_at, author, Planned::Opened(Draft::No)));
    plan.then(dice, 2 * MINUTE, 6 * MINUTE, reviewer, Planned::Approved(Noted::Later));
    plan.then(dice, 2 * MINUTE, 6 * MINUTE, reviewer, Planned::Merged);
    plan
}

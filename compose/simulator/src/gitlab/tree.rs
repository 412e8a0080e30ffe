//! Groups and projects of an invented GitLab. In: a number. Out: the group or project with that number, and its peculiarities. Constant: earlier and
//! later names of a project are both part of it.

use super::dice::{Dice, Millis};
use super::people::Person;
use super::size::WorldConfig;

/// Offset of projects' ids.
const PROJECTS_BEGIN: u64 = 101;
/// Projects of one team.
const TEAM: u32 = 8;
/// Peculiarities repeat after this many projects.
const ROUND: u32 = 16;

/// How merge requests reach their branch (<https://docs.gitlab.com/user/project/merge_requests/methods/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeMethod {
    /// A merge commit.
    Merge,
    /// One squashed commit, and a merge commit.
    Squash,
    /// The branch is rebased and becomes the head: there is no merge commit.
    FastForward,
    /// The branch is rebased, and there is a merge commit.
    SemiLinear,
}

impl MergeMethod {
    /// As the API says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            MergeMethod::Merge | MergeMethod::Squash => "merge",
            MergeMethod::FastForward => "ff",
            MergeMethod::SemiLinear => "rebase_merge",
        }
    }

    /// Whether the branch is rebased when it is merged.
    pub(crate) fn rebases(self) -> bool {
        matches!(self, MergeMethod::FastForward | MergeMethod::SemiLinear)
    }
}

/// The peculiarity of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// Nothing.
    None,
    /// Archived at the end: lists of a group omit it and its merge requests, unless they are requested.
    Archived,
    /// Renamed and moved to another group in the middle of its history.
    Renamed,
    /// Marked for deletion in the last quarter of its history: it still answers, under another path.
    DeletionScheduled,
    /// Shared with the group `partners`.
    Shared,
    /// CI is switched off: 403 on pipelines and jobs, and there are none.
    WithoutPipelines,
    /// Environments are switched off: 403 on deployments and environments, and there are none.
    WithoutDeployments,
    /// Imported: its first objects have times before its creation, and a placeholder as their author.
    Imported,
    /// Belongs to `partners` and is shared with `factory`.
    Foreign,
}

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its number, from 0.
    pub index: u32,
    /// GitLab id.
    pub id: u64,
    /// The last segment of its path.
    pub slug: String,
    /// Number of its group.
    pub group: u32,
    /// What is special about it.
    pub special: Special,
    /// How its merge requests are merged.
    pub merge_method: MergeMethod,
}

impl Project {
    /// The project of a number.
    pub(crate) fn of(config: &WorldConfig, index: u32) -> Project {
        let is_foreign = index >= config.projects;
        let special = match index % ROUND {
            _ if is_foreign => Special::Foreign,
            1 => Special::Archived,
            2 => Special::Renamed,
            3 => Special::DeletionScheduled,
            4 => Special::Shared,
            5 => Special::WithoutPipelines,
            6 => Special::WithoutDeployments,
            7 => Special::Imported,
            _ => Special::None,
        };
        let merge_method = match index % 4 {
            0 => MergeMethod::Merge,
            1 => MergeMethod::Squash,
            2 => MergeMethod::FastForward,
            _ => MergeMethod::SemiLinear,
        };
        let slug = match special {
            Special::Foreign => "catalogue".to_owned(),
            Special::DeletionScheduled => {
                format!("service-{index}-deletion_scheduled-{}", u64::from(index) + PROJECTS_BEGIN)
            }
            _ => format!("service-{index}"),
        };
        let group = if is_foreign { Group::foreign(config) } else { Group::of_project(config, index) };
        Project { index, id: u64::from(index) + PROJECTS_BEGIN, slug, group, special, merge_method }
    }

    /// The number of the project with this id.
    pub(crate) fn index_of(config: &WorldConfig, id: u64) -> Option<u32> {
        let index = u32::try_from(id.checked_sub(PROJECTS_BEGIN)?).ok()?;
        (index <= config.projects).then_some(index)
    }

    /// Its full path today.
    pub fn path(&self, config: &WorldConfig) -> String {
        format!("{}/{}", Group::of(config, self.group).path, self.slug)
    }

    /// Its full path at a time: a renamed project had another one in the first half of the history, one scheduled for deletion until it was marked.
    pub fn path_at(&self, config: &WorldConfig, at: Millis) -> String {
        match self.special {
            Special::Renamed if at < Project::moved_at(config) => format!("factory/former-{}", self.index),
            _ => format!("{}/{}", Group::of(config, self.group).path, self.slug_at(config, at)),
        }
    }

    /// The last segment of its path, which is its name, at a time.
    pub(crate) fn slug_at(&self, config: &WorldConfig, at: Millis) -> String {
        match self.special {
            Special::Renamed if at < Project::moved_at(config) => format!("former-{}", self.index),
            Special::DeletionScheduled if at < Project::marked_at(config) => {
                format!("service-{}", self.index)
            }
            _ => self.slug.clone(),
        }
    }

    /// Number of its group at a time: a renamed one came from `factory` itself.
    pub(crate) fn group_at(&self, config: &WorldConfig, at: Millis) -> u32 {
        match self.special {
            Special::Renamed if at < Project::moved_at(config) => Group::FACTORY,
            _ => self.group,
        }
    }

    /// When some projects are renamed and moved.
    pub fn moved_at(config: &WorldConfig) -> Millis {
        (config.began_at + config.ends_at()) / 2
    }

    /// When some projects are marked for deletion.
    pub fn marked_at(config: &WorldConfig) -> Millis {
        config.began_at + (config.ends_at() - config.began_at) / 4 * 3
    }

    /// When it was created.
    pub fn created_at(&self, config: &WorldConfig) -> Millis {
        config.began_at + Millis::from(self.index % 50) * 1_000 + 133
    }

    /// Name of the environment whose tier is production.
    pub(crate) fn production(&self) -> &'static str {
        if self.index.is_multiple_of(3) { "live" } else { "production" }
    }

    /// Whether it has pipelines.
    pub(crate) fn has_pipelines(&self) -> bool {
        self.special != Special::WithoutPipelines
    }

    /// Whether it has environments.
    pub(crate) fn has_deployments(&self) -> bool {
        self.has_pipelines() && self.special != Special::WithoutDeployments
    }

    /// Whether deployments to production need an approval.
    pub(crate) fn asks_approval(&self) -> bool {
        self.index % 3 == 1
    }

    /// Whether it has two environments of tier production.
    pub(crate) fn is_overseas(&self) -> bool {
        self.index.is_multiple_of(4) && !self.has_production_branch()
    }

    /// Whether production is deployed from a branch of its own, into which `main` is merged.
    pub(crate) fn has_production_branch(&self) -> bool {
        self.index % 8 == 4
    }

    /// Whether the release branch is merged back to `main`.
    pub(crate) fn merges_back(&self) -> bool {
        matches!(self.merge_method, MergeMethod::Merge | MergeMethod::Squash)
    }

    /// Whether releases are deployed to production from their tags.
    pub(crate) fn deploys_tags(&self) -> bool {
        self.index % 3 == 2
    }

    /// Whether a release branch is deployed to production as it is cut.
    pub(crate) fn deploys_cuts(&self) -> bool {
        self.index % 5 == 1
    }

    /// Whether production was first deployed only after many merges.
    pub(crate) fn begins_late(&self) -> bool {
        self.index % 4 == 2
    }

    /// Whether the last merges were never deployed to production.
    pub(crate) fn ends_undeployed(&self) -> bool {
        self.index % 8 == 1
    }

    /// Whether somebody rewrites `main` once in a sprint.
    pub(crate) fn is_rewritten(&self) -> bool {
        self.index % ROUND == 10
    }

    /// Whether pipelines of merge requests run for the merge request, not for its branch.
    pub(crate) fn has_merge_request_pipelines(&self) -> bool {
        self.index % 2 == 1
    }
}

/// A group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its number, from 0.
    pub index: u32,
    /// GitLab id.
    pub id: u64,
    /// Number of the group it is in.
    pub parent: Option<u32>,
    /// Name.
    pub name: String,
    /// Full path.
    pub path: String,
}

impl Group {
    /// The number of `factory`, to which all projects but one belong.
    pub const FACTORY: u32 = 0;

    /// Teams of `factory`.
    fn teams(config: &WorldConfig) -> u32 {
        config.projects.div_ceil(TEAM).max(1)
    }

    /// How many there are: `factory`, its teams, a subgroup of the first, and `partners`.
    pub(crate) fn count(config: &WorldConfig) -> u32 {
        Group::teams(config) + 3
    }

    /// The number of `partners`.
    pub(crate) fn foreign(config: &WorldConfig) -> u32 {
        Group::teams(config) + 2
    }

    fn of_project(config: &WorldConfig, index: u32) -> u32 {
        match index % TEAM {
            0 => Group::FACTORY,
            7 => Group::teams(config) + 1,
            _ => 1 + index / TEAM,
        }
    }

    /// The group of a number.
    pub(crate) fn of(config: &WorldConfig, index: u32) -> Group {
        let teams = Group::teams(config);
        let (parent, name, path) = match index {
            Group::FACTORY => (None, "Factory".to_owned(), "factory".to_owned()),
            index if index <= teams => (Some(0), format!("Team {index}"), format!("factory/team-{index}")),
            index if index == teams + 1 => {
                (Some(1), "Platform".to_owned(), "factory/team-1/platform".to_owned())
            }
            _ => (None, "Partners".to_owned(), "partners".to_owned()),
        };
        Group { index, id: u64::from(index) + 1, parent, name, path }
    }

    /// The number of the group with this id.
    pub(crate) fn index_of(config: &WorldConfig, id: u64) -> Option<u32> {
        let index = u32::try_from(id.checked_sub(1)?).ok()?;
        (index < Group::count(config)).then_some(index)
    }

    /// Whether it is in the group `ancestor`, at any depth.
    pub(crate) fn is_within(&self, config: &WorldConfig, ancestor: u32) -> bool {
        let mut parent = self.parent;
        while let Some(index) = parent {
            if index == ancestor {
                return true;
            }
            parent = Group::of(config, index).parent;
        }
        false
    }
}

/// Humans of a world: some two for each project.
pub(crate) fn people(config: &WorldConfig) -> u32 {
    (6 + 2 * config.projects).min(2_000)
}

/// Offset that distinguishes the members of projects from those of groups.
pub(crate) const PROJECT_MEMBERS: u64 = 1_000_000;

/// Members of a place with their access levels; the place is the number of a group, or of a project with the offset. The first are members of all.
pub(crate) fn members(config: &WorldConfig, place: u64) -> Vec<(Person, u8)> {
    let people = people(config);
    let mut dice = Dice::at(config.seed, &[0x6d65, place]);
    let mut members = vec![(Person(3), 50), (Person(4), 40), (Person::TRANSLATOR, 30)];
    for _ in 0..8 {
        let person = Person::human(&mut dice, people);
        if members.iter().all(|(member, _)| *member != person) {
            members.push((person, [20, 30, 30, 40][dice.below(4) as usize]));
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_numbers() {
        let config = WorldConfig::new(1, 20, 14);
        for index in 0..=20 {
            assert_eq!(Project::index_of(&config, Project::of(&config, index).id), Some(index));
        }
        assert_eq!(Project::index_of(&config, Project::of(&config, 21).id), None);
        for index in 0..Group::count(&config) {
            assert_eq!(Group::index_of(&config, Group::of(&config, index).id), Some(index));
        }
    }

    #[test]
    fn every_special_project_is_there() {
        let config = WorldConfig::new(1, 20, 14);
        let specials: Vec<Special> = (0..=20).map(|index| Project::of(&config, index).special).collect();
        for special in [
            Special::Archived,
            Special::Renamed,
            Special::DeletionScheduled,
            Special::Shared,
            Special::WithoutPipelines,
            Special::WithoutDeployments,
            Special::Imported,
            Special::Foreign,
        ] {
            assert!(specials.contains(&special), "{special:?}");
        }
        assert!(Project::of(&config, 3).path(&config).contains("-deletion_scheduled-"));
    }

    #[test]
    fn the_nested_subgroup_is_within_factory_and_partners_is_not() {
        let config = WorldConfig::new(1, 20, 14);
        let nested = Group::of(&config, Group::teams(&config) + 1);
        assert!(nested.is_within(&config, Group::FACTORY));
        assert!(!Group::of(&config, Group::foreign(&config)).is_within(&config, Group::FACTORY));
    }
}

//! The rules behind numbers. In: nothing. Out: the section of docs/METRICS.md that defines each, and its text. Never computes: the metric views do.

use std::fmt;

/// A rule that an explanation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Definition {
    Attribution,
    LeadTime,
    FirstCommitLeadTime,
    CycleTime,
    FailedByIncident,
    FailedByRollback,
    FailedDeployment,
    Rework,
    Flaky,
}

impl Definition {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Definition; 9] = [
        Definition::Attribution,
        Definition::LeadTime,
        Definition::FirstCommitLeadTime,
        Definition::CycleTime,
        Definition::FailedByIncident,
        Definition::FailedByRollback,
        Definition::FailedDeployment,
        Definition::Rework,
        Definition::Flaky,
    ];

    /// The section of docs/METRICS.md that defines it.
    pub(super) fn section(self) -> &'static str {
        match self {
            Definition::Attribution
            | Definition::LeadTime
            | Definition::FirstCommitLeadTime
            | Definition::FailedByIncident
            | Definition::FailedByRollback
            | Definition::FailedDeployment
            | Definition::Rework => "Deployments and lead time",
            Definition::CycleTime => "Merge requests",
            Definition::Flaky => "Pipelines and jobs",
        }
    }

    /// The rule.
    pub(super) fn words(self) -> &'static str {
        match self {
            Definition::Attribution => {
                "a merge request belongs to the first success in the tier whose place on the branch is at or beyond its own; the first success on record attributes nothing"
            }
            Definition::LeadTime => {
                "from the merge to the end of the deployment that it belongs to, in whole seconds"
            }
            Definition::FirstCommitLeadTime => {
                "from the moment at which its first commit was authored to the end of the deployment that it belongs to"
            }
            Definition::CycleTime => {
                "from the first commit, else from the opening, to the merge; coding ends when it last left draft, pickup with the first action of another person, review with the last approval that stood"
            }
            Definition::FailedByIncident => {
                "an incident belongs to the last success in production of its project within 24 hours before it; a deployment with one has failed, once"
            }
            Definition::FailedByRollback => {
                "a deployment has failed if the next success in its environment went back to an earlier place; recovery ends with that one"
            }
            Definition::FailedDeployment => {
                "GitLab says that it failed; recovery ends with the next success in its environment"
            }
            Definition::Rework => "a later deployment brought a merge request that reverts one of its own",
            Definition::Flaky => "a job that failed, then passed, in one pipeline under one name",
        }
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule (docs/METRICS.md, {}): {}.", self.section(), self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rules_have_one_wording() {
        let mut words: Vec<&str> = Definition::ALL.map(Definition::words).to_vec();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Definition::ALL.len());
    }

    #[test]
    fn every_rule_stands_in_a_section_of_the_page() {
        let page = include_str!("../../../../docs/METRICS.md");
        for definition in Definition::ALL {
            let heading = format!("\n## {}\n", definition.section());
            assert!(page.contains(&heading), "docs/METRICS.md has no section {heading:?}");
        }
    }
}

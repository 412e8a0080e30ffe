//! Whose work is counted. In: a flag. Out: a condition. Never guesses who is a bot: the views decide that.

use clap::{Args, ValueEnum};
use schemas::view::BOT_NAMES;

/// The condition for a row of `users` that is a bot, by the API or by its name.
pub(crate) fn is_bot() -> String {
    format!("(ifNull(is_bot, false) OR match(ifNull(username, ''), '{BOT_NAMES}'))")
}

/// Whose work is counted.
#[derive(Debug, Clone, Args)]
pub(super) struct PeopleArgs {
    /// Whose work to count: that of people, of bots, or of all
    #[arg(long, value_enum, default_value_t = Authors::People)]
    pub(super) authors: Authors,
}

/// People, or bots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Authors {
    People,
    Bots,
    All,
}

impl PeopleArgs {
    /// The condition on a row.
    pub(super) fn condition(&self) -> &'static str {
        match self.authors {
            Authors::People => "NOT ifNull(author_is_bot, false)",
            Authors::Bots => "ifNull(author_is_bot, false)",
            Authors::All => "1",
        }
    }

    /// The name for merge requests and commits.
    pub(super) fn of_what(&self, [by_people, by_bots, by_anybody]: [&'static str; 3]) -> &'static str {
        match self.authors {
            Authors::People => by_people,
            Authors::Bots => by_bots,
            Authors::All => by_anybody,
        }
    }

    /// What to do if there is nothing of theirs.
    pub(super) fn hint(&self) -> &'static str {
        match self.authors {
            Authors::People => {
                "`--authors all` counts those of bots too; history is read by `gitpulse backfill`"
            }
            Authors::Bots => {
                "`--authors all` counts those of people. Who is a bot GitLab's API says, which `gitpulse backfill` reads, or a name such as project_7_bot_..."
            }
            Authors::All => "",
        }
    }

    /// The choice, for people.
    pub(super) fn chosen(&self) -> (&'static str, String) {
        let word = match self.authors {
            Authors::People => "people",
            Authors::Bots => "bots",
            Authors::All => "all",
        };
        ("authors", word.to_owned())
    }
}

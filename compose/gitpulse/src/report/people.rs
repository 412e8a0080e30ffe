//! Whose work is counted. In: a flag. Out: a condition. Never guesses who is a bot: the views say it.

use clap::{Args, ValueEnum};

/// Whose work is counted.
#[derive(Debug, Clone, Args)]
pub(super) struct PeopleArgs {
    /// Whose: that of people, of bots, or of both
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

    /// What was chosen, for people.
    pub(super) fn chosen(&self) -> (&'static str, String) {
        let word = match self.authors {
            Authors::People => "people",
            Authors::Bots => "bots",
            Authors::All => "all",
        };
        ("authors", word.to_owned())
    }
}

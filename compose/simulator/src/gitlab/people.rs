//! The people of an invented GitLab. In: a number. Out: a person or a bot. Never more of them than the world has.

use serde_json::{Value, json};

use super::dice::Dice;

const FIRST: [&str; 16] = [
    "Ada", "Grace", "Mika", "Noor", "Linus", "Edsger", "Barbara", "Tomas", "Yuki", "Ines", "Kofi", "Lena",
    "Omar", "Priya", "Sven", "Wanda",
];
const LAST: [&str; 12] = [
    "Okafor",
    "Lindqvist",
    "Tanabe",
    "Haddad",
    "Moreau",
    "Novak",
    "Silva",
    "Kovacs",
    "Abebe",
    "Keller",
    "Rossi",
    "Larsen",
];

/// Number of accounts that are not people; they come first.
const BOTS: u32 = 3;

/// Somebody with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Person(pub(crate) u32);

impl Person {
    /// Updates dependencies with a person's token: only the API shows that it is a bot.
    pub(crate) const UPDATER: Person = Person(0);
    /// A bot of GitLab's own, also recognisable by its name (<https://docs.gitlab.com/user/group/settings/group_access_tokens/>).
    pub(crate) const TRANSLATOR: Person = Person(1);
    /// Placeholder for the author of imported objects (<https://docs.gitlab.com/user/import/mapping/>).
    pub(crate) const PLACEHOLDER: Person = Person(2);

    /// A human.
    pub(crate) fn human(dice: &mut Dice, people: u32) -> Person {
        Person(BOTS + dice.below(u64::from(people)) as u32)
    }

    /// Another human, if there are two.
    pub(crate) fn colleague(self, dice: &mut Dice, people: u32) -> Person {
        let step = 1 + dice.below(u64::from(people.saturating_sub(1).max(1))) as u32;
        let place = self.0.saturating_sub(BOTS);
        Person(BOTS + (place + step) % people.max(1))
    }

    /// GitLab id.
    pub fn id(self) -> u64 {
        u64::from(self.0) + 1
    }

    /// Whether the API calls it a bot.
    pub fn is_bot(self) -> bool {
        self.0 < 2
    }

    /// User name.
    pub fn username(self) -> String {
        match self {
            Person::UPDATER => "dependency-updates".to_owned(),
            Person::TRANSLATOR => "group_1_bot_0f9d7c94a1".to_owned(),
            Person::PLACEHOLDER => "import_user_1".to_owned(),
            Person(number) => {
                let name = self.name().to_lowercase().replace(' ', ".");
                let round = (number - BOTS) / (FIRST.len() as u32 * LAST.len() as u32);
                if round == 0 { name } else { format!("{name}{round}") }
            }
        }
    }

    /// Display name.
    pub fn name(self) -> String {
        match self {
            Person::UPDATER => "Dependency updates".to_owned(),
            Person::TRANSLATOR => "Translations".to_owned(),
            Person::PLACEHOLDER => "Placeholder of an imported author".to_owned(),
            Person(number) => {
                let place = (number - BOTS) as usize;
                let (first, last) =
                    (FIRST[place % FIRST.len()], LAST[(place / FIRST.len() + place) % LAST.len()]);
                format!("{first} {last}")
            }
        }
    }

    /// Address of its commits.
    pub(crate) fn email(self) -> String {
        format!("{}@example.com", self.username())
    }

    /// The short form in other objects (<https://docs.gitlab.com/api/users/>).
    pub(crate) fn listed(self, url: &str) -> Value {
        let username = self.username();
        json!({
            "id": self.id(), "username": username, "public_email": null, "name": self.name(), "state": "active", "locked": false,
            "avatar_url": null, "web_url": format!("{url}/{username}"),
        })
    }

    /// In the format of webhooks.
    pub(crate) fn of_webhook(self) -> Value {
        json!({
            "id": self.id(), "name": self.name(), "username": self.username(), "avatar_url": null, "email": "[REDACTED]",
        })
    }
}

/// Everybody, bots first, of a world with this many humans.
pub(crate) fn everybody(people: u32) -> impl Iterator<Item = Person> {
    (0..BOTS + people).map(Person)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_have_one_user_name() {
        let names: BTreeSet<String> = everybody(1_000).map(Person::username).collect();
        assert_eq!(names.len(), 1_003);
    }

    #[test]
    fn a_colleague_is_somebody_else() {
        let mut dice = Dice::at(1, &[]);
        for _ in 0..200 {
            let person = Person::human(&mut dice, 9);
            assert_ne!(person.colleague(&mut dice, 9), person);
        }
    }
}

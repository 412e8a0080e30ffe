//! The query of a request. In: the text after the question mark. Out: its parameters. Never fails: an unreadable parameter counts as missing.

use crate::gitlab::{Millis, text};

/// Parameters, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(text: &str) -> Query {
        Query(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The last value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that is a list: `name[]=a&name[]=b`.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let is_it = |given: &str| given == name || given.strip_suffix("[]") == Some(name);
        self.0.iter().filter(|(given, _)| is_it(given)).map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }

    pub(super) fn time(&self, name: &str) -> Option<Millis> {
        text::read_time(self.get(name)?)
    }

    /// Whether a parameter is true.
    pub(super) fn says(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// Whether ascending order is requested, for lists that are descending by default.
    pub(super) fn is_ascending(&self) -> bool {
        self.get("sort") == Some("asc")
    }

    /// The same with other values for some parameters, as text.
    pub(super) fn with(&self, changes: &[(&str, String)]) -> String {
        let mut written = form_urlencoded::Serializer::new(String::new());
        let kept = self.0.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        written.extend_pairs(kept);
        written.extend_pairs(changes);
        written.finish()
    }
}

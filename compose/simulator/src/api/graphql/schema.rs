//! The schema: fields, their types, arguments and costs (<https://docs.gitlab.com/api/graphql/reference/>, and `app/graphql/types` of GitLab's
//! source, of 16 to 19). In: a type and a name. Out: the field. Never a field that GitLab does not have: a merge request has no `squashCommitSha`
//! here, and a note no `confidential` any more.

mod tables;

use crate::version::Version;

/// The cost of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// This, plus what is below it.
    Own(u64),
    /// A field with a resolver: one more than what is below it and, for a connection, a hundredth of that more per row of a page.
    Resolver {
        /// Additional cost of arguments with defaults and of calls of Gitaly.
        more: u64,
    },
}

/// A field of a type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// Its type, as `Time` or `PipelineConnection`, without exclamation marks.
    pub(super) of: &'static str,
    pub(super) cost: Cost,
    since: Version,
    until: Option<Version>,
    /// Its arguments with their types, besides those of a connection.
    arguments: &'static [(&'static str, &'static str)],
}

/// A field that costs one.
const fn field(name: &'static str, of: &'static str) -> Known {
    Known { name, of, cost: Cost::Own(1), since: Version::V16, until: None, arguments: &[] }
}

impl Known {
    /// With another cost: two for a call of Gitaly, five for what GitLab considers expensive.
    const fn costing(self, cost: u64) -> Known {
        Known { cost: Cost::Own(cost), ..self }
    }

    /// With a resolver.
    const fn resolved(self, more: u64) -> Known {
        Known { cost: Cost::Resolver { more }, ..self }
    }

    /// Since a version.
    const fn since(self, since: Version) -> Known {
        Known { since, ..self }
    }

    /// Until a version, that one included.
    const fn until(self, until: Version) -> Known {
        Known { until: Some(until), ..self }
    }

    /// With arguments.
    const fn taking(self, arguments: &'static [(&'static str, &'static str)]) -> Known {
        Known { arguments, ..self }
    }

    /// The type of an argument; `None` if it is not accepted.
    pub(super) fn argument(&self, name: &str) -> Option<&'static str> {
        let of_pages: &[(&str, &str)] = if self.of.ends_with("Connection") { tables::PAGING } else { &[] };
        let all = self.arguments.iter().chain(of_pages);
        all.copied().find(|(known, _)| *known == name).map(|(_, of)| of)
    }

    /// Arguments that it needs.
    pub(super) fn required(&self) -> impl Iterator<Item = &'static str> {
        self.arguments.iter().filter(|(_, of)| of.ends_with('!')).map(|(name, _)| *name)
    }
}

/// The field of a type.
pub(super) fn known(owner: &str, name: &str, version: Version) -> Option<&'static Known> {
    if name == "__typename" {
        return Some(tables::TYPE_NAME);
    }
    let mut fields = tables::fields(owner).iter().flat_map(|fields| fields.iter());
    fields.find(|known| {
        known.name == name && known.since <= version && known.until.is_none_or(|until| version <= until)
    })
}

/// Whether a type has fields itself.
pub(super) fn has_fields(of: &str) -> bool {
    !tables::fields(of).is_empty()
}

/// The values of an enumeration; `None` for another type.
pub(super) fn values(of: &str) -> Option<&'static [&'static str]> {
    tables::values(of)
}

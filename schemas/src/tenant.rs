//! The owner of events. In: a configured name and instance. Out: a checked [`Tenant`]. Its secrets belong to its producer.

use crate::instance::normal_instance;

/// The longest name of a tenant, in bytes.
const MAX_NAME_LENGTH: usize = 64;

/// A configured source of events: an instance, a group, a team. Contains only what its events carry.
///
/// **Invariant:** the name is valid in a path; the instance is in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    name: String,
    instance: Option<String>,
}

/// Why a tenant is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTenant {
    /// A name that is not valid in a path.
    #[error("tenant name {0:?}: use 1 to 64 letters, digits, '-' and '_'")]
    Name(String),
    /// An instance with a user or a password, which would be stored in every row.
    #[error("tenant {0:?} has an instance with a user or a password: write https://gitlab.example.com")]
    InstanceCredentials(String),
    /// An instance that is not a URL.
    #[error("tenant {tenant:?} has instance {instance:?}: expected a URL as https://gitlab.example.com")]
    Instance {
        /// The tenant's name.
        tenant: String,
        /// The configured value.
        instance: String,
    },
}

impl Tenant {
    /// Checks a configured tenant. If no instance is configured, events may name any.
    pub fn new(name: &str, instance: Option<&str>) -> Result<Tenant, InvalidTenant> {
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > MAX_NAME_LENGTH || !name.chars().all(named) {
            return Err(InvalidTenant::Name(name.to_owned()));
        }
        let invalid = |instance: &str| InvalidTenant::Instance {
            tenant: name.to_owned(),
            instance: instance.to_owned(),
        };
        let normal = |instance: &str| match instance.contains('@') {
            true => Err(InvalidTenant::InstanceCredentials(name.to_owned())),
            false => normal_instance(instance).ok_or_else(|| invalid(instance)),
        };
        Ok(Tenant { name: name.to_owned(), instance: instance.map(normal).transpose()? })
    }

    /// The name in paths and tables.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its GitLab instance, as `https://gitlab.example.com`, if configured.
    pub fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_instances_that_could_confuse_are_refused() {
        for name in ["", "a/b", "a b", "grüße", &"a".repeat(65)] {
            assert_eq!(Tenant::new(name, None), Err(InvalidTenant::Name(name.to_owned())));
        }
        let refused = Tenant::new("shop", Some("gitlab.example.com")).unwrap_err();
        assert!(matches!(refused, InvalidTenant::Instance { .. }));
        for instance in ["https://ada:hunter2@gitlab.example.com", "ada:hunter2@gitlab.example.com"] {
            let refused = Tenant::new("shop", Some(instance)).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("hunter2"), "{refused}");
        }
        let tenant = Tenant::new("shop-1_a", Some("https://GitLab.example.com/")).unwrap();
        assert_eq!((tenant.name(), tenant.instance()), ("shop-1_a", Some("https://gitlab.example.com")));
    }
}

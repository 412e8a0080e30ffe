//! Which projects a tenant may report. In: the configuration, and the ids in a body. Out: whether rows may be made from it. Never depends on
//! earlier events, so that the order of deliveries does not matter.
//!
//! Rows are keyed by GitLab's ids, and a body may contain any id. So a tenant that is bound to projects or groups may report only these, and no
//! other tenant may. Everything else is reported by the one tenant of that GitLab that is not bound. Paths are never used: they are only what the
//! body claims.

use std::collections::BTreeSet;

use schemas::envelope::Named;

use crate::config::TenantConfig;
use crate::tenant::TenantsError;

/// What each tenant is bound to.
#[derive(Debug, Clone, Default)]
pub struct Bindings(Vec<Binding>);

#[derive(Debug, Clone)]
struct Binding {
    tenant: String,
    instance: Option<String>,
    projects: BTreeSet<u64>,
    groups: BTreeSet<u64>,
    all_projects: bool,
}

/// An entity that rows belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    Project(u64),
    Group(u64),
}

impl Bindings {
    /// Checks that no two tenants can change each other's rows unless the configuration allows it.
    ///
    /// # Errors
    ///
    /// Names two tenants, one of which must be bound.
    pub fn new(configured: &[TenantConfig]) -> Result<Bindings, TenantsError> {
        let mut bindings = Vec::new();
        for config in configured {
            let identity = config.identity()?;
            bindings.push(Binding {
                tenant: config.name.clone(),
                instance: identity.instance().map(str::to_owned),
                projects: config.projects.iter().copied().collect(),
                groups: config.groups.iter().copied().collect(),
                all_projects: config.all_projects,
            });
        }
        for (index, one) in bindings.iter().enumerate() {
            if one.is_bound() && one.all_projects {
                return Err(TenantsError::BoundToAll(one.tenant.clone()));
            }
            for other in &bindings[index + 1..] {
                if !one.may_share_instance(other) {
                    continue;
                }
                for bound in [one, other] {
                    if bound.is_bound() && bound.instance.is_none() {
                        return Err(TenantsError::NoInstance(bound.tenant.clone()));
                    }
                }
                let trusted = one.all_projects && other.all_projects;
                if !(trusted || one.is_bound() || other.is_bound()) {
                    return Err(TenantsError::Unbound(one.tenant.clone(), other.tenant.clone()));
                }
            }
        }
        Ok(Bindings(bindings))
    }

    /// Whether this tenant may report the entities in its body, for this GitLab.
    pub fn may_tell(&self, tenant: &str, instance: &str, named: &Named) -> bool {
        let Some(own) = self.0.iter().find(|binding| binding.tenant == tenant) else { return false };
        let things = || {
            let projects = [named.project_id, named.inner_project_id].into_iter().map(Thing::Project);
            let all = projects.chain([Thing::Group(named.group_id)]);
            all.filter(|thing| !matches!(thing, Thing::Project(0) | Thing::Group(0)))
        };
        let covers_subject = match things().next() {
            Some(subject) => own.covers(instance, subject),
            // An event of the whole GitLab, such as one about a user.
            None => false,
        };
        if own.is_bound() && !covers_subject {
            return false;
        }
        things().all(|thing| {
            own.covers(instance, thing) || !self.0.iter().any(|binding| binding.covers(instance, thing))
        })
    }
}

impl Binding {
    fn is_bound(&self) -> bool {
        !self.projects.is_empty() || !self.groups.is_empty()
    }

    fn may_share_instance(&self, other: &Binding) -> bool {
        match (&self.instance, &other.instance) {
            (Some(one), Some(other)) => one == other,
            // The instance in its deliveries is trusted.
            _ => true,
        }
    }

    fn covers(&self, instance: &str, thing: Thing) -> bool {
        let is_here = self.instance.as_deref().is_none_or(|own| own == instance);
        is_here
            && match thing {
                Thing::Project(id) => self.projects.contains(&id),
                Thing::Group(id) => self.groups.contains(&id),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "https://gitlab.example.com";
    const THERE: &str = "https://gitlab.example.org";

    fn tenant(name: &str, instance: Option<&str>, projects: &[u64], groups: &[u64]) -> TenantConfig {
        TenantConfig {
            name: name.to_owned(),
            instance: instance.map(str::to_owned),
            projects: projects.to_vec(),
            groups: groups.to_vec(),
            ..TenantConfig::default()
        }
    }

    fn named(project_id: u64, inner_project_id: u64, group_id: u64) -> Named {
        Named { project_id, inner_project_id, group_id }
    }

    #[track_caller]
    fn check(bindings: &Bindings, tenant: &str, named: &Named, expected: bool) {
        assert_eq!(bindings.may_tell(tenant, HERE, named), expected, "{tenant} of {named:?}");
    }

    #[test]
    fn the_only_tenant_tells_of_everything() {
        for instance in [None, Some(HERE)] {
            let bindings = Bindings::new(&[tenant("default", instance, &[], &[])]).unwrap();
            for named in [named(0, 0, 0), named(42, 42, 0), named(42, 43, 7), named(0, 0, 7)] {
                check(&bindings, "default", &named, true);
            }
        }
    }

    #[test]
    fn a_bound_tenant_tells_of_its_projects_and_nobody_else_does() {
        let bindings = Bindings::new(&[
            tenant("shop", Some(HERE), &[42, 43], &[7]),
            tenant("rest", Some(HERE), &[], &[]),
            tenant("elsewhere", Some(THERE), &[], &[]),
        ])
        .unwrap();
        for (subject, shop, rest) in [
            (named(42, 42, 0), true, false),
            (named(44, 44, 0), false, true),
            (named(0, 0, 7), true, false),
            (named(0, 0, 8), false, true),
            (named(0, 0, 0), false, true),
            // The project in the body is described in passing, and may differ from the project of the row.
            (named(44, 42, 0), false, false),
            (named(42, 44, 0), true, false),
        ] {
            check(&bindings, "shop", &subject, shop);
            check(&bindings, "rest", &subject, rest);
        }
        assert!(bindings.may_tell("elsewhere", THERE, &named(42, 42, 0)), "another GitLab has its own 42");
        assert!(!bindings.may_tell("nobody", HERE, &named(42, 42, 0)));
    }

    #[test]
    fn tenants_that_could_change_each_others_rows_are_refused() {
        let refused = |tenants: &[TenantConfig]| Bindings::new(tenants).unwrap_err();
        let one = || tenant("one", Some(HERE), &[], &[]);
        for other in [tenant("two", Some(HERE), &[], &[]), tenant("two", None, &[], &[])] {
            assert!(matches!(refused(&[one(), other]), TenantsError::Unbound(..)));
        }
        let somewhere = tenant("two", None, &[42], &[]);
        assert!(matches!(refused(&[one(), somewhere]), TenantsError::NoInstance(_)));
        let trusted = |tenant: TenantConfig| TenantConfig { all_projects: true, ..tenant };
        let both = [trusted(one()), trusted(tenant("two", Some(HERE), &[], &[]))];
        let bindings = Bindings::new(&both).unwrap();
        check(&bindings, "one", &named(42, 42, 0), true);
        check(&bindings, "two", &named(42, 42, 0), true);
        let bound = trusted(tenant("three", Some(HERE), &[42], &[]));
        assert!(matches!(refused(&[bound]), TenantsError::BoundToAll(_)));
        Bindings::new(&[one(), tenant("two", Some(THERE), &[], &[])]).unwrap();
    }
}

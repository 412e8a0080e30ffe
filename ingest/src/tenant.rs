//! The tenants. In: their configuration. Out: [`Tenants`], checked once at the start. Never changes while serving.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use schemas::tenant::InvalidTenant;
use sha2::{Digest, Sha256};

use crate::binding::Bindings;
use crate::config::TenantConfig;
use crate::credential::{InvalidSecret, SigningKey, TokenDigest};

/// The most secrets that are tried for one path: each costs an HMAC over the whole body.
pub const MAX_SHARED_SECRETS: usize = 8;

/// A configured source of webhooks, with its secrets.
#[derive(Debug)]
pub struct Tenant {
    /// Its identity in events.
    pub identity: schemas::Tenant,
    /// Digests of its valid secret tokens.
    pub tokens: Vec<TokenDigest>,
    /// Its valid signing keys.
    pub signing_keys: Vec<SigningKey>,
    networks: Vec<IpNet>,
    path_only: bool,
}

impl Tenant {
    /// Whether deliveries may come from `address`.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&address))
    }
}

/// All tenants.
#[derive(Debug, Clone)]
pub struct Tenants {
    by_name: HashMap<String, Arc<Tenant>>,
    shared: Vec<Arc<Tenant>>,
    bindings: Bindings,
}

/// Why tenants cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TenantsError {
    /// An invalid name or instance.
    #[error(transparent)]
    Identity(#[from] InvalidTenant),
    /// Two tenants with the same name.
    #[error("tenant {0:?} is configured twice")]
    Duplicate(String),
    /// Nobody could send to it.
    #[error("tenant {0:?} has no secret: give it a token or a signing token")]
    NoSecret(String),
    /// A secret that cannot be used.
    #[error("tenant {tenant:?} has a secret that cannot be used")]
    Secret {
        /// The tenant.
        tenant: String,
        /// What is wrong with it.
        #[source]
        source: InvalidSecret,
    },
    /// The tenant of a delivery would be ambiguous.
    #[error("tenants {0:?} and {1:?} share a secret: each tenant needs its own")]
    Shared(String, String),
    /// Too many for the path without a tenant.
    #[error(
        "{0} secrets are tried on the path without a tenant, {MAX_SHARED_SECRETS} at most: set path_only = true for tenants that use /api/v1/webhooks/gitlab/<tenant>"
    )]
    TooMany(usize),
    /// Each could change the other's rows.
    #[error(
        "tenants {0:?} and {1:?} may send for one GitLab, and each could change what the other reports: give each its instance, or bind one to its projects (projects = [42, 43]), or, if they trust each other, set all_projects = true for both (docs/WEBHOOKS.md)"
    )]
    Unbound(String, String),
    /// Ids have no meaning without their GitLab.
    #[error("tenant {0:?} is bound to projects or groups of an unknown GitLab: give it its instance")]
    NoInstance(String),
    /// The two exclude each other.
    #[error("tenant {0:?} is bound to projects or groups and has all_projects = true: remove one of the two")]
    BoundToAll(String),
    /// Too many for one tenant.
    #[error(
        "tenant {0:?} has {1} secrets, {MAX_SHARED_SECRETS} at most: each signing token costs an HMAC over the whole body"
    )]
    TooManyOfOne(String, usize),
}

impl Tenants {
    /// Checks and prepares the configured tenants.
    pub fn new(configured: &[TenantConfig]) -> Result<Tenants, TenantsError> {
        let mut by_name = HashMap::new();
        let mut shared = Vec::new();
        let mut owners: HashMap<[u8; 32], String> = HashMap::new();
        for config in configured {
            for secret in config.tokens.iter().chain(&config.signing_tokens) {
                let digest: [u8; 32] = Sha256::digest(secret.expose()).into();
                match owners.insert(digest, config.name.clone()) {
                    Some(owner) if owner != config.name => {
                        return Err(TenantsError::Shared(owner, config.name.clone()));
                    }
                    Some(_) | None => (),
                }
            }
            let tenant = Arc::new(prepare(config)?);
            if !tenant.path_only {
                shared.push(tenant.clone());
            }
            if by_name.insert(config.name.clone(), tenant).is_some() {
                return Err(TenantsError::Duplicate(config.name.clone()));
            }
        }
        let count = shared.iter().map(|tenant| tenant.tokens.len() + tenant.signing_keys.len()).sum();
        if count > MAX_SHARED_SECRETS {
            return Err(TenantsError::TooMany(count));
        }
        Ok(Tenants { by_name, shared, bindings: Bindings::new(configured)? })
    }

    /// Which projects each tenant may report.
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// The tenants whose secrets are tried: the tenant named in the path, or all that share the path without a name. Empty if the name is unknown.
    pub fn candidates(&self, name: Option<&str>) -> &[Arc<Tenant>] {
        match name {
            None => &self.shared,
            Some(name) => self.by_name.get(name).map(std::slice::from_ref).unwrap_or_default(),
        }
    }
}

fn prepare(config: &TenantConfig) -> Result<Tenant, TenantsError> {
    let identity = config.identity()?;
    if config.tokens.is_empty() && config.signing_tokens.is_empty() {
        return Err(TenantsError::NoSecret(config.name.clone()));
    }
    let count = config.tokens.len() + config.signing_tokens.len();
    if count > MAX_SHARED_SECRETS {
        return Err(TenantsError::TooManyOfOne(config.name.clone(), count));
    }
    let unusable = |source| TenantsError::Secret { tenant: config.name.clone(), source };
    let tokens = config.tokens.iter().map(TokenDigest::new).collect::<Result<_, _>>().map_err(unusable)?;
    let keys =
        config.signing_tokens.iter().map(SigningKey::new).collect::<Result<_, _>>().map_err(unusable)?;
    Ok(Tenant {
        identity,
        tokens,
        signing_keys: keys,
        networks: config.allowed_networks.clone(),
        path_only: config.path_only,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Secret;

    fn tenant(name: &str, tokens: &[&str]) -> TenantConfig {
        TenantConfig {
            name: name.to_owned(),
            tokens: tokens.iter().map(|token| Secret::new(*token)).collect(),
            all_projects: true,
            ..TenantConfig::default()
        }
    }

    #[test]
    fn configurations_that_could_confuse_tenants_are_refused() {
        let new = |tenants: &[TenantConfig]| Tenants::new(tenants).unwrap_err();
        assert!(matches!(new(&[tenant("a/b", &["x"])]), TenantsError::Identity(InvalidTenant::Name(_))));
        assert!(matches!(new(&[tenant("a", &[])]), TenantsError::NoSecret(_)));
        assert!(matches!(new(&[tenant("a", &["x"]), tenant("a", &["y"])]), TenantsError::Duplicate(_)));
        assert!(matches!(new(&[tenant("a", &["x"]), tenant("b", &["y", "x"])]), TenantsError::Shared(..)));
        assert!(matches!(new(&[tenant("a", &[""])]), TenantsError::Secret { .. }));
        let nine = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
        assert!(matches!(new(&[tenant("a", &nine)]), TenantsError::TooManyOfOne(_, 9)));
        assert!(matches!(new(&[tenant("a", &nine[..8]), tenant("b", &nine[8..])]), TenantsError::TooMany(9)));
        let mut own_path = tenant("a", &nine[..8]);
        own_path.path_only = true;
        let tenants = Tenants::new(&[own_path, tenant("b", &["x"])]).unwrap();
        assert_eq!(tenants.candidates(None).len(), 1);
        assert_eq!(tenants.candidates(Some("a")).len(), 1);
        assert!(tenants.candidates(Some("c")).is_empty());
    }
}

-- The role of one tenant, applied after roles.sql by `gitpulse migrate --roles --tenant NAME`.
CREATE ROLE IF NOT EXISTS ${tenant_role} ${on_cluster};
GRANT ${on_cluster} ${tenant} TO ${tenant_role};

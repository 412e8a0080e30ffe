-- What analysts may read. `gitpulse migrate --roles` applies it, every time: each statement can be repeated.
--
-- ${analyst}       reads the views, without confidential rows, and nothing else.
-- ${confidential}  lifts that, for whoever has it besides another role. By itself it reads nothing.
-- ${tenant}        what the roles of the tenants have in common: ${analyst}, but only rows that one of its tenants told of.
--
-- The lists of views are filled in from clickhouse/views by src/access.rs: all that analysts read, those with a column `tenants` or `tenant`,
-- those with a column `confidential`. The statement about one view is repeated for each.
--
-- Row policies belong to the views: on the tables behind them they would take away rows before FINAL chooses.
-- A view is read with the rights of the user that applies this file (its definer), so that analysts need none on those tables.
-- That user is filtered by nothing, so that a view which reads other views (branches, tags, emoji_events) needs policies of its own as well.

CREATE ROLE IF NOT EXISTS ${analyst}, ${confidential}, ${tenant} ${on_cluster};

-- With either setting, servers before 26.9 evaluate a predicate of the reader on rows before policies take them away.
-- The settings of a role hold in sessions that begin with it: grant it as a default role, as GRANT does.
ALTER ROLE ${analyst} ${on_cluster} SETTINGS additional_table_filters CONST, allow_experimental_analyzer CONST;

GRANT ${on_cluster} ${analyst} TO ${tenant};

ALTER TABLE ${view} ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;

-- Before the grants, so that no row is ever readable without its policy.
-- Everybody but tenants: all rows. Without it, servers differ in what users without a policy see.
CREATE ROW POLICY OR REPLACE ${everyone} ${on_cluster} ON ${views}
USING 1 TO ALL EXCEPT ${tenant};

-- Tenants: a row is theirs when one of their roles has the name of a tenant that told of it.
CREATE ROW POLICY OR REPLACE ${tenant} ${on_cluster} ON ${views_with_tenants}
USING hasAny(arrayMap(name -> concat(${tenant_prefix}, name), tenants), enabledRoles()) TO ${tenant};
CREATE ROW POLICY OR REPLACE ${tenant} ${on_cluster} ON ${views_with_tenant}
USING has(enabledRoles(), concat(${tenant_prefix}, tenant)) TO ${tenant};

-- Confidential rows, of whatever tenant, only with ${confidential}. The API does not say of a note whether its issue is confidential, nor does an
-- event of a project about an issue, which repeats its title; the rows in notes and issue_events know it from the issue, the event does not.
CREATE ROW POLICY OR REPLACE ${confidential} ${on_cluster} ON ${database}.events
USING NOT confidential AND NOT (kind = 'note' AND origin = 'api')
    AND NOT (kind = 'issue' AND origin = 'api' AND JSONHas(payload, 'target_type')) AS RESTRICTIVE TO ${analyst} EXCEPT ${confidential};
CREATE ROW POLICY OR REPLACE ${confidential} ${on_cluster} ON ${views_with_confidential}
USING NOT confidential AS RESTRICTIVE TO ${analyst} EXCEPT ${confidential};

GRANT ${on_cluster} ${select_on_views}
TO ${analyst};

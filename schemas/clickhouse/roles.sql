-- Access of analysts. `gitpulse migrate --roles` applies this file, every time: each statement is idempotent.
--
-- ${analyst}       reads the views, without confidential rows, and nothing else.
-- ${confidential}  adds confidential rows to another role. On its own it reads nothing.
-- ${tenant}        is the common part of the tenants' roles: like ${analyst}, but only rows reported by one of its tenants.
--
-- src/access.rs fills in the lists of views from clickhouse/views: all views for analysts, those with a column `tenants` or `tenant`, and those
-- with a column `confidential`. The statement about one view is repeated for each.
--
-- Row policies belong to the views: on the tables behind them they would remove rows before FINAL chooses. A view is read with the rights of the
-- user that applies this file (its definer), so that analysts need none on those tables. No policy filters the rows of that user, so a view that
-- reads other views (branches, tags, emoji_events) needs its own policies as well.

CREATE ROLE IF NOT EXISTS ${analyst}, ${confidential}, ${tenant} ${on_cluster};

-- With either setting, servers before 26.9 evaluate a reader's predicate on rows before policies remove them. The settings of a role apply to
-- sessions that begin with it: grant it as a default role, as GRANT does.
ALTER ROLE ${analyst} ${on_cluster} SETTINGS additional_table_filters CONST, allow_experimental_analyzer CONST;

GRANT ${on_cluster} ${analyst} TO ${tenant};

ALTER TABLE ${view} ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;

-- Before the grants, so that no row is ever readable without its policy. Everybody but tenants: all rows. Without this policy, servers differ in
-- what users without a policy see.
CREATE ROW POLICY OR REPLACE ${everyone} ${on_cluster} ON ${views}
USING 1 TO ALL EXCEPT ${tenant};

-- Tenants: a row is theirs if one of their roles has the name of a tenant that reported it.
CREATE ROW POLICY OR REPLACE ${tenant} ${on_cluster} ON ${views_with_tenants}
USING hasAny(arrayMap(name -> concat(${tenant_prefix}, name), tenants), enabledRoles()) TO ${tenant};
CREATE ROW POLICY OR REPLACE ${tenant} ${on_cluster} ON ${views_with_tenant}
USING has(enabledRoles(), concat(${tenant_prefix}, tenant)) TO ${tenant};

-- Confidential rows of any tenant, only with ${confidential}. Neither a note from the API nor an event of a project about an issue, which repeats
-- its title, says whether the issue is confidential. The rows in notes and issue_events get it from the issue; the event does not.
CREATE ROW POLICY OR REPLACE ${confidential} ${on_cluster} ON ${database}.events
USING NOT confidential AND NOT (kind = 'note' AND origin = 'api')
    AND NOT (kind = 'issue' AND origin = 'api' AND JSONHas(payload, 'target_type')) AS RESTRICTIVE TO ${analyst} EXCEPT ${confidential};
CREATE ROW POLICY OR REPLACE ${confidential} ${on_cluster} ON ${views_with_confidential}
USING NOT confidential AS RESTRICTIVE TO ${analyst} EXCEPT ${confidential};

GRANT ${on_cluster} ${select_on_views}
TO ${analyst};

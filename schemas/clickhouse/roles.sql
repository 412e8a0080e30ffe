-- What analysts may read. `gitpulse migrate --roles` applies it, every time: each statement can be repeated.
--
-- ${analyst}       reads the views below, without confidential rows, and nothing else.
-- ${confidential}  lifts that, for whoever has it besides another role. By itself it reads nothing.
-- ${tenant}        what the roles of the tenants have in common: ${analyst}, but only rows that one of its tenants told of.
--
-- Row policies belong to the views: on the tables behind them they would take away rows before FINAL chooses.
-- A view is read with the rights of the user that applies this file (its definer), so that analysts need none on those tables.
-- That user is filtered by nothing, so that a view which reads other views (branches, tags, emoji_events) needs policies of its own as well.
-- ref_heads, which they read, and dead_letters, which holds records of anybody, are for nobody here.

CREATE ROLE IF NOT EXISTS ${analyst}, ${confidential}, ${tenant} ${on_cluster};

-- With either setting, servers before 26.9 evaluate a predicate of the reader on rows before policies take them away.
-- The settings of a role hold in sessions that begin with it: grant it as a default role, as GRANT does.
ALTER ROLE ${analyst} ${on_cluster} SETTINGS additional_table_filters CONST, allow_experimental_analyzer CONST;

GRANT ${on_cluster} ${analyst} TO ${tenant};

ALTER TABLE ${database}.events ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.pushes ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.commits ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.merge_requests ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.merge_request_events ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.pipelines ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.pipeline_events ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.jobs ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.branches ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.tags ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.issues ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.issue_events ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.notes ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.deployments ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.deployment_events ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.releases ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.milestones ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.wiki_page_events ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.feature_flag_events ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.emoji_events ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.vulnerabilities ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.members ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.projects ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.groups ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.users ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;
ALTER TABLE ${database}.token_expiries ${on_cluster} MODIFY SQL SECURITY DEFINER DEFINER = CURRENT_USER;

-- Before the grants, so that no row is ever readable without its policy.
-- Everybody but tenants: all rows. Without it, servers differ in what users without a policy see.
CREATE ROW POLICY OR REPLACE ${everyone} ${on_cluster} ON
    ${database}.events, ${database}.pushes, ${database}.commits, ${database}.merge_requests,
    ${database}.merge_request_events, ${database}.pipelines, ${database}.pipeline_events, ${database}.jobs,
    ${database}.branches, ${database}.tags, ${database}.issues, ${database}.issue_events, ${database}.notes,
    ${database}.deployments, ${database}.deployment_events, ${database}.releases, ${database}.milestones,
    ${database}.wiki_page_events, ${database}.feature_flag_events, ${database}.emoji_events,
    ${database}.vulnerabilities, ${database}.members, ${database}.projects, ${database}.groups, ${database}.users,
    ${database}.token_expiries
USING 1 TO ALL EXCEPT ${tenant};

-- Tenants: a row is theirs when one of their roles has the name of a tenant that told of it.
CREATE ROW POLICY OR REPLACE ${tenant} ${on_cluster} ON
    ${database}.pushes, ${database}.commits, ${database}.merge_requests, ${database}.merge_request_events,
    ${database}.pipelines, ${database}.pipeline_events, ${database}.jobs, ${database}.branches, ${database}.tags,
    ${database}.issues, ${database}.issue_events, ${database}.notes, ${database}.deployments,
    ${database}.deployment_events, ${database}.releases, ${database}.milestones, ${database}.wiki_page_events,
    ${database}.feature_flag_events, ${database}.emoji_events, ${database}.vulnerabilities, ${database}.members,
    ${database}.projects, ${database}.groups, ${database}.users, ${database}.token_expiries
USING hasAny(arrayMap(name -> concat(${tenant_prefix}, name), tenants), enabledRoles()) TO ${tenant};
CREATE ROW POLICY OR REPLACE ${tenant} ${on_cluster} ON ${database}.events
USING has(enabledRoles(), concat(${tenant_prefix}, tenant)) TO ${tenant};

-- Confidential rows, of whatever tenant, only with ${confidential}. The API does not say of a note whether its issue is confidential; the
-- row in notes knows it from the issue, the event does not.
CREATE ROW POLICY OR REPLACE ${confidential} ${on_cluster} ON ${database}.events
USING NOT confidential AND NOT (kind = 'note' AND origin = 'api') AS RESTRICTIVE TO ${analyst} EXCEPT ${confidential};
CREATE ROW POLICY OR REPLACE ${confidential} ${on_cluster} ON
    ${database}.issues, ${database}.issue_events, ${database}.notes, ${database}.emoji_events
USING NOT confidential AS RESTRICTIVE TO ${analyst} EXCEPT ${confidential};

GRANT ${on_cluster}
    SELECT ON ${database}.events, SELECT ON ${database}.pushes, SELECT ON ${database}.commits,
    SELECT ON ${database}.merge_requests, SELECT ON ${database}.merge_request_events, SELECT ON ${database}.pipelines,
    SELECT ON ${database}.pipeline_events, SELECT ON ${database}.jobs, SELECT ON ${database}.branches,
    SELECT ON ${database}.tags, SELECT ON ${database}.issues, SELECT ON ${database}.issue_events,
    SELECT ON ${database}.notes, SELECT ON ${database}.deployments, SELECT ON ${database}.deployment_events,
    SELECT ON ${database}.releases, SELECT ON ${database}.milestones, SELECT ON ${database}.wiki_page_events,
    SELECT ON ${database}.feature_flag_events, SELECT ON ${database}.emoji_events,
    SELECT ON ${database}.vulnerabilities, SELECT ON ${database}.members, SELECT ON ${database}.projects,
    SELECT ON ${database}.groups, SELECT ON ${database}.users, SELECT ON ${database}.token_expiries
TO ${analyst};

-- Projects, environments, and people, of whom each fiftieth is a bot.
INSERT INTO project_facts (instance, project_id, path, name, default_branch, tenants, origins, first_received_at)
SELECT '${instance}', number + 1, (1, 1, 0, toNullable(concat('group/project-', toString(number + 1)))), (1, 1, 0, toNullable('project')), (1, 1, 0, toNullable('main')), ['bench'], ['api'], toDateTime64(${begin}, 3, 'UTC')
FROM numbers(${projects});
INSERT INTO environment_facts (instance, project_id, id, name, tier, state, tenants, origins, first_received_at)
SELECT '${instance}', number + 1, (number + 1) * 2 + (name = 'production'), (1, 1, 0, toNullable(name)), (1, 1, 0, toNullable(name)), (1, 1, 0, toNullable('available')), ['bench'], ['api'], toDateTime64(${begin}, 3, 'UTC')
FROM numbers(${projects})
ARRAY JOIN ['staging', 'production'] AS name;
INSERT INTO user_facts (instance, user_id, username, name, is_bot, tenants, origins, first_received_at)
SELECT '${instance}', number + 1, (1, 1, 0, toNullable(if(number % 50 = 0, concat('project_7_bot_', toString(number)), concat('user-', toString(number + 1))))), (1, 1, 0, toNullable('Somebody')),
    (1, 1, 0, if(number % 100 = 0, toNullable(true), NULL)), ['bench'], ['api'], toDateTime64(${begin}, 3, 'UTC')
FROM numbers(2000);

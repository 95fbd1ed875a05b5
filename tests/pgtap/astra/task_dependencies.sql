-- Subject: astra.task_dependencies    Docs: docs/schema/astra.md#task-dependencies
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.task_dependencies']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('task_dependencies'::text, 'org_id'::text, 'uuid', true, NULL),
        ('task_dependencies', 'goal_id', 'uuid', true, NULL),
        ('task_dependencies', 'task_id', 'uuid', true, NULL),
        ('task_dependencies', 'depends_on', 'uuid', true, NULL) $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('task_dependencies_pk'::name, 'PRIMARY KEY (org_id, task_id, depends_on)'),
        ('task_dependencies_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('task_dependencies_task_fk',
         'FOREIGN KEY (org_id, goal_id, task_id) REFERENCES astra.tasks(org_id, goal_id, '
         'id) ON DELETE CASCADE'),
        ('task_dependencies_depends_on_fk',
         'FOREIGN KEY (org_id, goal_id, depends_on) REFERENCES astra.tasks(org_id, goal_id,'
         ' id) ON DELETE CASCADE'),
        ('task_dependencies_depends_on_ck', 'CHECK ((task_id <> depends_on))') $$,
    'the keys, references and rules are these'
);
SELECT set_eq(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    $$ VALUES
        ('task_dependencies_depends_on_ix'::name, false, 'btree (org_id, depends_on, task_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('task_dependencies_guard_tg'::name,
         'BEFORE INSERT OR DELETE ON astra.task_dependencies FOR EACH ROW EXECUTE FUNCTION '
         'astra.guard_dependency()'),
        ('task_dependencies_count_tg',
         'AFTER INSERT OR DELETE ON astra.task_dependencies FOR EACH ROW EXECUTE FUNCTION '
         'astra.count_dependency()'),
        ('task_dependencies_forbid_update_tg',
         'BEFORE UPDATE ON astra.task_dependencies FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'one'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000041', 'two');
INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000052', '00000000-0000-4000-8000-000000000051');

SELECT throws_ok(
    $$ INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
           '00000000-0000-4000-8000-000000000051', '00000000-0000-4000-8000-000000000051') $$,
    '23514',
    'new row for relation "task_dependencies" violates check constraint '
    '"task_dependencies_depends_on_ck"',
    'no task waits for itself'
);
SELECT throws_ok(
    $$ INSERT INTO astra.task_dependencies (org_id, goal_id, task_id, depends_on)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
           '00000000-0000-4000-8000-000000000052', '00000000-0000-4000-8000-000000000051') $$,
    '23505',
    NULL,
    'or twice for the same'
);
SELECT throws_ok(
    $$ UPDATE astra.task_dependencies SET depends_on = '00000000-0000-4000-8000-000000000052' $$,
    'MU001',
    NULL,
    'a dependency is not changed: delete it and insert another'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SAVEPOINT here;
DELETE FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000052';
SELECT is_empty($$ SELECT FROM astra.task_dependencies $$, 'what waits takes its waiting along');
ROLLBACK TO here;
DELETE FROM astra.tasks WHERE id = '00000000-0000-4000-8000-000000000051';
SELECT results_eq(
    $$ SELECT blockers FROM astra.tasks $$,
    ARRAY[1],
    'and so does what is waited for; only the goal, which is not active, blocks the other'
);
ROLLBACK TO here;
UPDATE astra.tasks SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000052';
DELETE FROM astra.goals;
SELECT is_empty($$ SELECT FROM astra.task_dependencies $$, 'and a goal all of it, however it ended');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'task_dependencies', ARRAY[
        'task_dependencies_tenant', 'task_dependencies_tenant_guard'
    ],
    'no other policy widens access to task_dependencies'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('task_dependencies'::name, 'muniment_app', 'DELETE'),
        ('task_dependencies', 'muniment_app', 'INSERT'),
        ('task_dependencies', 'muniment_app', 'SELECT'),
        ('task_dependencies', 'muniment_reader', 'SELECT') $$,
    'the rights to whole rows are these'
);
SELECT is_empty(
    $$ SELECT relname, grantee::regrole::text, privilege_type,
           string_agg(attname, ', ' ORDER BY attnum)
       FROM pg_attribute
       INNER JOIN pg_class ON pg_class.oid = attrelid
       CROSS JOIN aclexplode(attacl)
       WHERE attrelid IN (SELECT oid FROM subject)
       GROUP BY 1, 2, 3 $$,
    'there are no rights to single columns'
);

SELECT * FROM finish(true);
ROLLBACK;

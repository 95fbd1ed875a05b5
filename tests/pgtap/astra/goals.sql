-- Subject: astra.goals    Docs: docs/schema/astra.md#goals
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.goals']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('goals'::text, 'org_id'::text, 'uuid', true, NULL),
        ('goals', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('goals', 'agent_id', 'uuid', true, NULL),
        ('goals', 'goal_text', 'text', true, NULL),
        ('goals', 'status', 'text', true, '''pending''::text'),
        ('goals', 'priority', 'integer', true, '0'),
        ('goals', 'cascade_id', 'uuid', false, NULL),
        ('goals', 'depends_on_goal_ids', 'uuid[]', true, '''{}''::uuid[]'),
        ('goals', 'source_agent_id', 'uuid', false, NULL),
        ('goals', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('goals', 'completed_at', 'timestamp with time zone', false, NULL) $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('goals_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('goals_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('goals_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'RESTRICT'),
        ('goals_source_agent_fk',
         'FOREIGN KEY (org_id, source_agent_id) REFERENCES astra.agents(org_id, id) ON '
         'DELETE RESTRICT'),
        ('goals_goal_text_ck', 'CHECK ((goal_text <> ''''::text))'),
        ('goals_status_ck',
         'CHECK ((status = ANY (ARRAY[''pending''::text, ''active''::text, '
         '''completed''::text, ''failed''::text, ''cancelled''::text])))'),
        ('goals_completed_at_ck',
         'CHECK (((status = ''completed''::text) = (completed_at IS NOT NULL)))'),
        ('goals_depends_on_ck',
         'CHECK (((NOT (id = ANY (depends_on_goal_ids))) AND '
         '(array_position(depends_on_goal_ids, NULL::uuid) IS NULL)))') $$,
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
        ('goals_agent_status_ix'::name, false,
         'btree (org_id, agent_id, status, priority DESC, id)'),
        ('goals_source_agent_id_ix', false,
         'btree (org_id, source_agent_id) WHERE (source_agent_id IS NOT NULL)'),
        ('goals_cascade_id_ix', false,
         'btree (org_id, cascade_id) WHERE (cascade_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('goals_guard_tg'::name,
         'BEFORE INSERT OR UPDATE ON astra.goals FOR EACH ROW EXECUTE FUNCTION '
         'astra.guard_goal()'),
        ('goals_record_event_tg',
         'AFTER INSERT OR UPDATE OF status ON astra.goals FOR EACH ROW EXECUTE FUNCTION '
         'astra.record_event(''goal'')'),
        ('goals_settle_tg',
         'AFTER UPDATE OF status ON astra.goals FOR EACH ROW WHEN ((old.status <> '
         'new.status)) EXECUTE FUNCTION astra.settle_goal()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'boss');
INSERT INTO astra.goals (org_id, id, agent_id, source_agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', '00000000-0000-4000-8000-000000000032', 'Ship.');

SELECT throws_ok(
    $$ INSERT INTO astra.goals (org_id, agent_id, goal_text)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           '') $$,
    '23514',
    'new row for relation "goals" violates check constraint "goals_goal_text_ck"',
    'a goal says what is to be reached'
);
ALTER TABLE astra.goals DISABLE TRIGGER USER;
SELECT throws_ok(
    format('UPDATE astra.goals SET %s', change),
    '23514',
    format('new row for relation "goals" violates check constraint "goals_%s_ck"', name),
    promise
)
FROM (
    VALUES
        ('status = ''dreamt''', 'status', 'a state is one of five'),
        ('status = ''completed''', 'completed_at', 'what is completed says when'),
        ('completed_at = now()', 'completed_at', 'and what is not does not'),
        ('depends_on_goal_ids = ARRAY[id]', 'depends_on', 'no goal waits for itself'),
        ('depends_on_goal_ids = ''{NULL}''', 'depends_on', 'or for nothing')
) AS attempt (change, name, promise);
ALTER TABLE astra.goals ENABLE TRIGGER USER;
SELECT throws_ok(
    format('DELETE FROM astra.agents WHERE id = %L', id),
    -- Since version 18 a RESTRICT has its own SQLSTATE.
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    promise
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-000000000031', 'an agent that has goals stays: archive it'),
        ('00000000-0000-4000-8000-000000000032', 'and so does one that has set some')
) AS attempt (id, promise);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'goals', ARRAY['goals_tenant', 'goals_tenant_guard'],
    'no other policy widens access to goals'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('goals'::name, 'muniment_app', 'SELECT'),
        ('goals', 'muniment_reader', 'SELECT') $$,
    'the rights to whole rows are these'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type,
           string_agg(attname, ', ' ORDER BY attnum)
       FROM pg_attribute
       INNER JOIN pg_class ON pg_class.oid = attrelid
       CROSS JOIN aclexplode(attacl)
       WHERE attrelid IN (SELECT oid FROM subject)
       GROUP BY 1, 2, 3 $$,
    $$ VALUES
        ('goals'::name, 'muniment_app', 'INSERT',
         'org_id, id, agent_id, goal_text, status, priority, cascade_id, depends_on_goal_ids, '
         'source_agent_id'),
        ('goals', 'muniment_app', 'UPDATE',
         'goal_text, status, priority') $$,
    'the rights to columns are these'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ DELETE FROM astra.goals $$,
    '42501',
    'permission denied for table goals',
    'a runtime cancels goals, and never deletes one'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: astra.agent_config_revisions    Docs: docs/schema/astra.md#agent-config-revisions
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.agent_config_revisions']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_config_revisions'::text, 'org_id'::text, 'uuid', true, NULL),
        ('agent_config_revisions', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_config_revisions', 'agent_id', 'uuid', true, NULL),
        ('agent_config_revisions', 'revision', 'integer', true, NULL),
        ('agent_config_revisions', 'payload', 'jsonb', true, NULL),
        ('agent_config_revisions', 'created_at', 'timestamp with time zone', true,
         'clock_timestamp()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_config_revisions_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('agent_config_revisions_revision_uq', 'UNIQUE (org_id, agent_id, revision)'),
        ('agent_config_revisions_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('agent_config_revisions_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'CASCADE'),
        ('agent_config_revisions_revision_ck', 'CHECK ((revision >= 1))') $$,
    'the keys, references and rules are these'
);
SELECT is_empty(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    'there are no indexes besides those of keys'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('agent_config_revisions_forbid_by_hand_tg'::name,
         'BEFORE INSERT ON astra.agent_config_revisions FOR EACH ROW WHEN '
         '((pg_trigger_depth() = 0)) EXECUTE FUNCTION astra.forbid_by_hand()'),
        ('agent_config_revisions_forbid_delete_tg',
         'BEFORE DELETE ON astra.agent_config_revisions FOR EACH ROW WHEN '
         '((pg_trigger_depth() = 0)) EXECUTE FUNCTION platform.forbid_change()'),
        ('agent_config_revisions_forbid_update_tg',
         'BEFORE UPDATE ON astra.agent_config_revisions FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('agent_config_revisions_forbid_truncate_tg',
         'BEFORE TRUNCATE ON astra.agent_config_revisions FOR EACH STATEMENT EXECUTE '
         'FUNCTION platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');

SELECT throws_ok(
    $$ UPDATE astra.agent_config_revisions SET payload = '{}' $$,
    'MU001',
    NULL,
    'a revision is never changed'
);
SELECT throws_ok(
    $$ DELETE FROM astra.agent_config_revisions $$, 'MU001', NULL, 'nor taken out by itself'
);
SELECT throws_ok(
    $$ TRUNCATE astra.agent_config_revisions $$, 'MU001', NULL, 'nor are all of them thrown away'
);
SELECT throws_ok(
    $$ INSERT INTO astra.agent_config_revisions (org_id, agent_id, revision, payload)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 1,
           '{}') $$,
    '23505',
    'duplicate key value violates unique constraint "agent_config_revisions_revision_uq"',
    'a number is given once'
);
SELECT throws_ok(
    $$ INSERT INTO astra.agent_config_revisions (org_id, agent_id, revision, payload)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 0,
           '{}') $$,
    '23514',
    'new row for relation "agent_config_revisions" violates check constraint '
    '"agent_config_revisions_revision_ck"',
    'and numbers begin with 1'
);
DELETE FROM astra.agents;
SELECT is_empty(
    $$ SELECT FROM astra.agent_config_revisions $$, 'an agent takes its history along'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'agent_config_revisions', ARRAY[
        'agent_config_revisions_tenant', 'agent_config_revisions_tenant_guard'
    ],
    'no other policy widens access to agent_config_revisions'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_config_revisions'::name, 'muniment_app', 'INSERT'),
        ('agent_config_revisions', 'muniment_app', 'SELECT'),
        ('agent_config_revisions', 'muniment_reader', 'SELECT') $$,
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
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ INSERT INTO astra.agent_config_revisions (org_id, agent_id, revision, payload)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 2,
           '{}') $$,
    'MU419',
    NULL,
    'a runtime makes no history up'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: astra.agent_admins    Docs: docs/schema/astra.md#agent-admins
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(11);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.agent_admins']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_admins'::text, 'org_id'::text, 'uuid', true, NULL),
        ('agent_admins', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_admins', 'agent_id', 'uuid', true, NULL),
        ('agent_admins', 'user_id', 'uuid', true, NULL),
        ('agent_admins', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_admins_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('agent_admins_user_id_uq', 'UNIQUE (org_id, agent_id, user_id)'),
        ('agent_admins_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('agent_admins_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'CASCADE'),
        ('agent_admins_member_fk',
         'FOREIGN KEY (org_id, user_id) REFERENCES astra.org_memberships(org_id, user_id) '
         'ON DELETE CASCADE') $$,
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
        ('agent_admins_user_id_ix'::name, false, 'btree (org_id, user_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT is_empty(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    'there are no triggers'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.users (org_id, id, email) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
     'ann@example.org'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000012',
     'bob@example.org');
INSERT INTO astra.org_memberships (org_id, user_id)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.agent_admins (org_id, agent_id, user_id)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
    '00000000-0000-4000-8000-000000000011');

SELECT throws_ok(
    $$ INSERT INTO astra.agent_admins (org_id, agent_id, user_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           '00000000-0000-4000-8000-000000000011') $$,
    '23505',
    'duplicate key value violates unique constraint "agent_admins_user_id_uq"',
    'a member is admin of an agent once'
);
SELECT throws_ok(
    $$ INSERT INTO astra.agent_admins (org_id, agent_id, user_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           '00000000-0000-4000-8000-000000000012') $$,
    '23503',
    NULL,
    'only members are'
);
SAVEPOINT here;
DELETE FROM astra.org_memberships;
SELECT is_empty($$ SELECT FROM astra.agent_admins $$, 'it ends with the membership');
ROLLBACK TO here;
DELETE FROM astra.agents;
SELECT is_empty($$ SELECT FROM astra.agent_admins $$, 'and with the agent');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'agent_admins', ARRAY['agent_admins_tenant', 'agent_admins_tenant_guard'],
    'no other policy widens access to agent_admins'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_admins'::name, 'muniment_app', 'DELETE'),
        ('agent_admins', 'muniment_app', 'INSERT'),
        ('agent_admins', 'muniment_app', 'SELECT'),
        ('agent_admins', 'muniment_reader', 'SELECT') $$,
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
        ('agent_admins'::name, 'muniment_app', 'UPDATE',
         'agent_id, user_id') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;

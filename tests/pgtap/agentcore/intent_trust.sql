-- Subject: agentcore.intent_trust    Docs: docs/schema/agentcore.md#intent-trust
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(29);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.intent_trust', 'agentcore.intent_example']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('intent_trust'::text, 'department_id'::text, 'uuid', true,
         'platform.current_tenant_id()'),
        ('intent_trust', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('intent_trust', 'namespace_id', 'uuid', true, NULL),
        ('intent_trust', 'intent_name', 'text', true, NULL),
        ('intent_trust', 'successful_count', 'integer', true, '0'),
        ('intent_trust', 'threshold', 'integer', false, '10'),
        ('intent_trust', 'is_autonomous', 'boolean', true,
         'COALESCE((successful_count >= threshold), false)'),
        ('intent_trust', 'sampling_rate', 'numeric(4,3)', true, '0.1'),
        ('intent_trust', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('intent_example', 'department_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('intent_example', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('intent_example', 'namespace_id', 'uuid', true, NULL),
        ('intent_example', 'intent_name', 'text', true, NULL),
        ('intent_example', 'phrase', 'text', true, NULL),
        ('intent_example', 'embedding', 'platform.vector(1536)', false, NULL),
        ('intent_example', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('intent_example', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('intent_trust_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('intent_trust_intent_name_uq', 'UNIQUE (department_id, namespace_id, intent_name)'),
        ('intent_trust_namespace_fk',
         'FOREIGN KEY (department_id, namespace_id) REFERENCES '
         'agentcore.namespace(department_id, id) ON DELETE CASCADE'),
        ('intent_trust_intent_name_ck', 'CHECK ((intent_name <> ''''::text))'),
        ('intent_trust_successful_count_ck', 'CHECK ((successful_count >= 0))'),
        ('intent_trust_threshold_ck', 'CHECK ((threshold > 0))'),
        ('intent_trust_sampling_rate_ck',
         'CHECK (((sampling_rate >= (0)::numeric) AND (sampling_rate <= (1)::numeric)))'),
        ('intent_example_pk', 'PRIMARY KEY (department_id, id)'),
        ('intent_example_phrase_uq', 'UNIQUE (department_id, namespace_id, phrase)'),
        ('intent_example_namespace_fk',
         'FOREIGN KEY (department_id, namespace_id) REFERENCES '
         'agentcore.namespace(department_id, id) ON DELETE CASCADE'),
        ('intent_example_intent_name_ck', 'CHECK ((intent_name <> ''''::text))'),
        ('intent_example_embedding_ck',
         'CHECK ((platform.vector_norm(embedding) > (0)::double precision))') $$,
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
SELECT is_empty(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    'there are no triggers'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO agentcore.namespace (department_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1', 'Desk');
INSERT INTO agentcore.intent_trust (namespace_id, intent_name, threshold)
VALUES ('4a000000-0000-4000-8000-0000000000a1', 'leave', 2);
INSERT INTO agentcore.intent_example (namespace_id, intent_name, phrase) VALUES
    ('4a000000-0000-4000-8000-0000000000a1', 'leave', 'I want a day off');
SELECT throws_ok(
    format('UPDATE agentcore.%I SET %I = %L', table_name, name, value),
    '23514',
    format(
        'new row for relation "%1$s" violates check constraint "%1$s_%2$s_ck"', table_name, name
    ),
    format('%s of %s cannot be %s', name, table_name, value)
)
FROM (
    VALUES
        ('intent_trust', 'intent_name', ''), ('intent_trust', 'successful_count', '-1'),
        ('intent_trust', 'threshold', '0'), ('intent_trust', 'sampling_rate', '1.001'),
        ('intent_trust', 'sampling_rate', '-0.001'), ('intent_example', 'intent_name', '')
) AS attempt (table_name, name, value);
SELECT throws_ok(
    $$ INSERT INTO agentcore.intent_trust (namespace_id, intent_name)
       VALUES ('4a000000-0000-4000-8000-0000000000a1', 'leave') $$,
    '23505',
    'duplicate key value violates unique constraint "intent_trust_intent_name_uq"',
    'an assistant is trusted with an intent or not: there is one entry'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.intent_example (namespace_id, intent_name, phrase)
       VALUES ('4a000000-0000-4000-8000-0000000000a1', 'travel', 'I want a day off') $$,
    '23505',
    'duplicate key value violates unique constraint "intent_example_phrase_uq"',
    'a phrase means one thing in a namespace'
);
UPDATE agentcore.intent_trust SET successful_count = 1;
SELECT is(is_autonomous, false, 'one success too few is no autonomy') FROM agentcore.intent_trust;
UPDATE agentcore.intent_trust SET successful_count = 2;
SELECT is(is_autonomous, true, 'enough of them are') FROM agentcore.intent_trust;
UPDATE agentcore.intent_trust SET threshold = 3;
SELECT is(is_autonomous, false, 'a higher threshold takes it back') FROM agentcore.intent_trust;
UPDATE agentcore.intent_trust SET threshold = NULL, successful_count = 1000;
SELECT is(is_autonomous, false, 'without a threshold it never comes') FROM agentcore.intent_trust;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    statement,
    state,
    NULL,
    format('a runtime grants no autonomy by %s', statement)
)
FROM (
    VALUES
        ('UPDATE agentcore.intent_trust SET successful_count = 9', '42501'),
        ('UPDATE agentcore.intent_trust SET is_autonomous = DEFAULT', '42501'),
        ('UPDATE agentcore.intent_trust SET threshold = 1', '42501'),
        ('UPDATE agentcore.intent_trust SET sampling_rate = 0', '42501'),
        ('INSERT INTO agentcore.intent_trust (namespace_id, intent_name, threshold) '
         'SELECT id, ''travel'', 1 FROM agentcore.namespace', '42501'),
        ('INSERT INTO agentcore.intent_trust (namespace_id, intent_name, successful_count) '
         'SELECT id, ''travel'', 9 FROM agentcore.namespace', '42501')
) AS attempt (statement, state);
SET LOCAL ROLE muniment_service;
SELECT lives_ok(
    $$ UPDATE agentcore.intent_trust SET threshold = 5, sampling_rate = 0.2 $$,
    'the backend says what autonomy takes'
);
SELECT throws_ok(
    $$ UPDATE agentcore.intent_trust SET successful_count = 9 $$,
    '42501',
    NULL,
    'but not what was earned'
);
RESET ROLE;
DELETE FROM agentcore.namespace;
SELECT is_empty(
    $$ SELECT FROM agentcore.intent_trust UNION ALL SELECT FROM agentcore.intent_example $$,
    'an assistant that is deleted takes its intents'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'intent_trust', ARRAY[
        'intent_trust_tenant', 'intent_trust_tenant_guard', 'intent_trust_service'
    ],
    'no other policy widens access to intent_trust'
);
SELECT policies_are(
    'agentcore', 'intent_example', ARRAY[
        'intent_example_tenant', 'intent_example_tenant_guard'
    ],
    'no other policy widens access to intent_example'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('intent_trust'::name, 'muniment_app', 'SELECT'),
        ('intent_trust', 'muniment_reader', 'SELECT'),
        ('intent_trust', 'muniment_service', 'SELECT'),
        ('intent_example', 'muniment_app', 'DELETE'),
        ('intent_example', 'muniment_app', 'INSERT'),
        ('intent_example', 'muniment_app', 'SELECT'),
        ('intent_example', 'muniment_reader', 'SELECT') $$,
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
        ('intent_trust'::name, 'muniment_service', 'INSERT',
         'department_id, id, namespace_id, intent_name, threshold, sampling_rate'),
        ('intent_trust', 'muniment_service', 'UPDATE',
         'threshold, sampling_rate'),
        ('intent_example', 'muniment_app', 'UPDATE',
         'namespace_id, intent_name, phrase, embedding, metadata') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;

-- Subject: open_agents.sessions    Docs: docs/schema/open_agents.md#sessions
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(29);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['open_agents.sessions']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('sessions'::text, 'account_id'::text, 'uuid', true, NULL),
        ('sessions', 'id', 'text', true, NULL),
        ('sessions', 'status', 'text', true, '''running''::text'),
        ('sessions', 'lifecycle_state', 'text', false, NULL),
        ('sessions', 'auto_commit_push_override', 'boolean', false, NULL),
        ('sessions', 'global_skill_refs', 'jsonb', true, '''[]''::jsonb'),
        ('sessions', 'title', 'text', false, NULL),
        ('sessions', 'repo_owner', 'text', false, NULL),
        ('sessions', 'repo_name', 'text', false, NULL),
        ('sessions', 'branch', 'text', false, NULL),
        ('sessions', 'clone_url', 'text', false, NULL),
        ('sessions', 'sandbox_state', 'jsonb', false, NULL),
        ('sessions', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('sessions', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('sessions_pk'::name, 'PRIMARY KEY (account_id, id)'),
        ('sessions_account_fk',
         'FOREIGN KEY (account_id) REFERENCES open_agents.accounts(id) ON DELETE CASCADE'),
        ('sessions_id_ck', 'CHECK ((id <> ''''::text))'),
        ('sessions_status_ck',
         'CHECK ((status = ANY (ARRAY[''running''::text, ''completed''::text, '
         '''failed''::text, ''archived''::text])))'),
        ('sessions_lifecycle_state_ck',
         'CHECK ((lifecycle_state = ANY (ARRAY[''provisioning''::text, ''active''::text, '
         '''hibernating''::text, ''hibernated''::text, ''restoring''::text, '
         '''archived''::text, ''failed''::text])))'),
        ('sessions_clone_url_ck',
         'CHECK (((clone_url !~* ''^[[:space:]]*[a-z0-9+.-]*https?:/*[^/]*@''::text) AND '
         '(clone_url !~* ''^[[:space:]]*[a-z0-9+.-]+://[^/@]*:[^/@]*@''::text) AND '
         '(clone_url !~* '
         '''[?&;][^=&]*(token|password|secret|key|auth|sig)[^=&]*=''::text)))'),
        ('sessions_global_skill_refs_ck',
         'CHECK ((jsonb_typeof(global_skill_refs) = ''array''::text))') $$,
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
        ('sessions_account_id_ix'::name, false,
         'btree (account_id) WHERE (status = ''running''::text)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('sessions_set_updated_at_tg'::name,
         'BEFORE UPDATE ON open_agents.sessions FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO open_agents.accounts (id) VALUES
    ('00000000-0000-4000-8000-00000000000a'), ('00000000-0000-4000-8000-00000000000b');
INSERT INTO open_agents.sessions (account_id, id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 's1'), ('00000000-0000-4000-8000-00000000000a', 's2'),
    ('00000000-0000-4000-8000-00000000000b', 's1');

SELECT throws_ok(
    format('UPDATE open_agents.sessions SET %I = %L', name, value),
    '23514',
    NULL,
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES
        ('id', ''),
        ('status', 'paused'),
        ('lifecycle_state', 'gone'),
        ('global_skill_refs', '{}'),
        ('clone_url', 'https://x-access-token:ghs_secret@github.com/a/b.git'),
        ('clone_url', 'HTTPS://ghp_secret@github.com/a/b.git'),
        ('clone_url', 'ssh://git:secret@host/a/b.git'),
        ('clone_url', ' https://ghp_secret@github.com/a/b.git'),
        ('clone_url', 'git+https://ghp_secret@github.com/a/b.git'),
        ('clone_url', 's3://name:secret@bucket/b.git'),
        ('clone_url', 'https://host/a/b.git?private_token=secret')
) AS attempt (name, value);
SELECT lives_ok(
    format('UPDATE open_agents.sessions SET clone_url = %L', value),
    format('a clone_url can be %s', value)
)
FROM (
    VALUES
        ('https://github.com/a/b.git'), ('git@github.com:a/b.git'), ('ssh://git@host:22/a/b.git'),
        ('https://host:8443/a/b.git'), ('ssh://git@[::1]:22/a.git'), ('https://host/a.git?ref=main')
) AS attempt (value);
SELECT throws_ok(
    $$ INSERT INTO open_agents.sessions (account_id, id)
       VALUES ('00000000-0000-4000-8000-00000000000c', 's1') $$,
    '23503',
    NULL,
    'a session belongs to an account that is there'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.sessions (account_id, id)
       VALUES ('00000000-0000-4000-8000-00000000000a', 's1') $$,
    '23505',
    NULL,
    'an id is used once an account'
);

INSERT INTO open_agents.sessions (account_id, id, updated_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', 's3', '2026-06-10 12:00+00');
UPDATE open_agents.sessions SET updated_at = '2026-06-11 12:00+00' WHERE id = 's3';
SELECT is(
    (SELECT updated_at FROM open_agents.sessions WHERE id = 's3'),
    now(),
    'the time of the last change is that of the change, whatever the writer says'
);
SELECT results_eq(
    $$ SELECT status, lifecycle_state, global_skill_refs
       FROM open_agents.sessions
       WHERE id = 's3' $$,
    $$ VALUES ('running', NULL::text, '[]'::jsonb) $$,
    'a new session runs, and has no sandbox yet'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'open_agents', 'sessions', ARRAY[
        'sessions_tenant', 'sessions_tenant_guard', 'sessions_service'
    ],
    'no other policy widens access to sessions'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('sessions'::name, 'muniment_app', 'DELETE'),
        ('sessions', 'muniment_app', 'SELECT'),
        ('sessions', 'muniment_service', 'DELETE'),
        ('sessions', 'muniment_service', 'SELECT') $$,
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
        ('sessions'::name, 'muniment_app', 'INSERT',
         'account_id, id, status, lifecycle_state, auto_commit_push_override, '
         'global_skill_refs, title, repo_owner, repo_name, branch, clone_url, '
         'sandbox_state, updated_at'),
        ('sessions', 'muniment_app', 'UPDATE',
         'status, lifecycle_state, auto_commit_push_override, global_skill_refs, title, '
         'repo_owner, repo_name, branch, clone_url, sandbox_state, updated_at'),
        ('sessions', 'muniment_reader', 'SELECT',
         'account_id, id, status, lifecycle_state, auto_commit_push_override, '
         'global_skill_refs, title, repo_owner, repo_name, branch, clone_url, created_at, '
         'updated_at'),
        ('sessions', 'muniment_service', 'INSERT',
         'account_id, id, status, lifecycle_state, auto_commit_push_override, '
         'global_skill_refs, title, repo_owner, repo_name, branch, clone_url, '
         'sandbox_state, updated_at'),
        ('sessions', 'muniment_service', 'UPDATE',
         'status, lifecycle_state, auto_commit_push_override, global_skill_refs, title, '
         'repo_owner, repo_name, branch, clone_url, sandbox_state, updated_at') $$,
    'the rights to columns are these'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    format('SELECT %I FROM open_agents.%I', secret, name),
    '42501',
    format('permission denied for table %s', name),
    format('a reader does not get %s of %s', secret, name)
)
FROM (
    VALUES
        ('sessions', 'sandbox_state')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;

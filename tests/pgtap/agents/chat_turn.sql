-- Subject: agents.chat_turn    Docs: docs/schema/agents.md#chat-turn
--
-- The shape of the table and the rules of a row. How a turn hangs on its run and where its body may
-- be is in ../_behaviour/run_identity.sql, how months work in ../_behaviour/partition_routing.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
-- Keys are written before their runs here.
SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;
SELECT plan(99);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid = 'agents.chat_turn'::regclass AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('firm_id'::name, 'uuid', true, NULL),
        ('turn_id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('created_at', 'timestamp with time zone', true, 'now()'),
        ('session_id', 'uuid', true, NULL),
        ('turn_no', 'integer', true, NULL),
        ('run_id', 'uuid', false, NULL),
        ('run_started_at', 'timestamp with time zone', false, NULL),
        ('role', 'text', true, NULL),
        ('author_id', 'text', false, NULL),
        ('status', 'text', true, '''complete''::text'),
        ('response_id', 'text', false, NULL),
        ('response_model', 'text', false, NULL),
        ('finish_reason', 'text', false, NULL),
        ('latency_ms', 'integer', false, NULL),
        ('input_tokens', 'bigint', false, NULL),
        ('output_tokens', 'bigint', false, NULL),
        ('cache_read_tokens', 'bigint', false, NULL),
        ('cache_write_tokens', 'bigint', false, NULL),
        ('reasoning_tokens', 'bigint', false, NULL),
        ('cost_usd', 'numeric(18,9)', false, NULL),
        ('content_format', 'text', true, '''text''::text'),
        ('content_storage', 'text', false, NULL),
        ('content_inline', 'text', false, NULL),
        ('content_s3_key', 'text', false, NULL),
        ('content_sha256', 'bytea', false, NULL),
        ('content_bytes', 'bigint', false, NULL),
        ('content_preview', 'text', false, NULL),
        ('metadata', 'jsonb', true, '''{}''::jsonb') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid = 'agents.chat_turn'::regclass
           AND contype IN ('p', 'u', 'f')
           AND convalidated $$,
    $$ VALUES
        ('chat_turn_pk'::name, 'PRIMARY KEY (firm_id, turn_id, created_at)'),
        ('chat_turn_turn_no_uq', 'UNIQUE (firm_id, session_id, turn_no, created_at)'),
        ('chat_turn_session_fk',
         'FOREIGN KEY (firm_id, session_id) '
         'REFERENCES agents.chat_session(firm_id, session_id) ON DELETE RESTRICT'),
        ('chat_turn_run_fk',
         'FOREIGN KEY (firm_id, run_id, run_started_at) '
         'REFERENCES agents.agent_run_key(firm_id, run_id, started_at) ON DELETE RESTRICT') $$,
    'every key and every reference begins with the firm'
);
SELECT set_eq(
    $$ SELECT conname
       FROM pg_constraint
       WHERE conrelid = 'agents.chat_turn'::regclass AND contype = 'c' AND convalidated $$,
    ARRAY[
        'chat_turn_run_is_whole_ck', 'chat_turn_not_before_run_ck', 'chat_turn_turn_no_ck',
        'chat_turn_role_ck', 'chat_turn_status_ck', 'chat_turn_latency_ms_ck',
        'chat_turn_tokens_ck',
        'chat_turn_input_includes_cache_ck', 'chat_turn_output_includes_reasoning_ck',
        'chat_turn_cost_usd_ck', 'chat_turn_content_format_ck', 'chat_turn_content_storage_ck',
        'chat_turn_content_place_ck', 'chat_turn_content_inline_ck', 'chat_turn_content_s3_key_ck',
        'chat_turn_content_sha256_ck', 'chat_turn_content_bytes_ck', 'chat_turn_content_preview_ck',
        'chat_turn_times_are_finite_ck', 'chat_turn_metadata_ck'
    ]::name[],
    'the rules of a row are those that are tried below'
);
SELECT set_eq(
    $$ SELECT indexrelid::regclass::text, indisunique,
           substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       WHERE indrelid = 'agents.chat_turn'::regclass AND indisvalid $$,
    $$ VALUES
        ('agents.chat_turn_pk', true, 'btree (firm_id, turn_id, created_at)'),
        ('agents.chat_turn_turn_no_uq', true, 'btree (firm_id, session_id, turn_no, created_at)'),
        ('agents.chat_turn_run_ix', false, 'btree (firm_id, run_id) WHERE (run_id IS NOT NULL)') $$,
    'the indexes are those of the keys, of a conversation and of a run'
);
SELECT set_eq(
    $$ SELECT tgname, tgenabled::text, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid = 'agents.chat_turn'::regclass AND NOT tgisinternal $$,
    $$ VALUES
        ('chat_turn_forbid_delete_tg'::name, 'O',
         'BEFORE DELETE ON agents.chat_turn FOR EACH ROW '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('chat_turn_forbid_truncate_tg', 'O',
         'BEFORE TRUNCATE ON agents.chat_turn FOR EACH STATEMENT '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('chat_turn_guard_tg', 'O',
         'BEFORE UPDATE ON agents.chat_turn FOR EACH ROW '
         'EXECUTE FUNCTION agents.guard_chat_turn()') $$,
    'what is triggered is the refusal to lose a row, and the guard of what changes'
);
SELECT set_eq(
    $$ SELECT pg_get_partkeydef(oid), relrowsecurity, relforcerowsecurity, relowner::regrole::text
       FROM pg_class
       WHERE oid = 'agents.chat_turn'::regclass $$,
    $$ VALUES ('RANGE (created_at)', true, true, 'muniment_owner') $$,
    'it is split by created_at, and row security binds its owner too'
);
SET LOCAL timezone = 'UTC';
SELECT set_eq(
    $$ SELECT relid::text, relrowsecurity, relforcerowsecurity, relowner::regrole::text,
           array_to_string(reloptions, ', '), pg_get_expr(relpartbound, oid)
       FROM pg_partition_tree('agents.chat_turn')
       JOIN pg_class ON oid = relid
       WHERE isleaf $$,
    $$ VALUES
        ('agents.chat_turn_p202605', true, true, 'muniment_owner', NULL,
         'FOR VALUES FROM (''2026-05-01 00:00:00+00'') TO (''2026-06-01 00:00:00+00'')'),
        ('agents.chat_turn_p202606', true, true, 'muniment_owner', NULL,
         'FOR VALUES FROM (''2026-06-01 00:00:00+00'') TO (''2026-07-01 00:00:00+00'')'),
        ('agents.chat_turn_p202607', true, true, 'muniment_owner', NULL,
         'FOR VALUES FROM (''2026-07-01 00:00:00+00'') TO (''2026-08-01 00:00:00+00'')') $$,
    'it begins with three months of UTC, each under row security, and has no default partition'
);
SELECT is_empty(
    $$ SELECT relid, grantee::regrole, privilege_type
       FROM pg_partition_tree('agents.chat_turn')
       JOIN pg_class ON oid = relid,
           aclexplode(relacl)
       WHERE isleaf AND grantee <> relowner $$,
    'nobody is granted a month'
);
SELECT set_eq(
    $$ SELECT tablename, policyname
       FROM pg_policies
       WHERE schemaname = 'agents'
           AND tablename LIKE 'chat_turn\_p______'
           AND roles = '{muniment_owner}'
           AND permissive = 'PERMISSIVE'
           AND cmd = 'ALL'
           AND qual = '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))'
           AND with_check = qual $$,
    $$ VALUES
        ('chat_turn_p202605'::name, 'chat_turn_p202605_owner'::name),
        ('chat_turn_p202606', 'chat_turn_p202606_owner'),
        ('chat_turn_p202607', 'chat_turn_p202607_owner') $$,
    'a month is closed to everyone but its owner, who must name a tenant too'
);
SELECT is_empty(
    $$ SELECT tablename, policyname
       FROM pg_policies
       WHERE schemaname = 'agents'
           AND tablename LIKE 'chat_turn\_p______'
           AND policyname <> tablename || '_owner' $$,
    'no other policy opens a month'
);
-- A month inherits a trigger for each row, but none for a statement: that one is its own.
SELECT set_eq(
    $$ SELECT tgname, tgenabled::text, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid = 'agents.chat_turn_p202606'::regclass AND NOT tgisinternal $$,
    $$ VALUES
        ('chat_turn_forbid_delete_tg'::name, 'O',
         'BEFORE DELETE ON agents.chat_turn_p202606 FOR EACH ROW '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('chat_turn_p202606_forbid_truncate_tg', 'O',
         'BEFORE TRUNCATE ON agents.chat_turn_p202606 FOR EACH STATEMENT '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('chat_turn_guard_tg', 'O',
         'BEFORE UPDATE ON agents.chat_turn_p202606 FOR EACH ROW '
         'EXECUTE FUNCTION agents.guard_chat_turn()') $$,
    'a month refuses to lose a row too, and guards what changes'
);
SELECT set_eq(
    $$ SELECT policyname, permissive, cmd, roles::text
       FROM pg_policies
       WHERE schemaname = 'agents' AND tablename = 'chat_turn' $$,
    $$ VALUES
        ('chat_turn_tenant'::name, 'PERMISSIVE', 'ALL',
         '{muniment_app,muniment_owner,muniment_reader}'),
        ('chat_turn_tenant_guard', 'RESTRICTIVE', 'ALL',
         '{muniment_app,muniment_owner,muniment_reader}'),
        ('chat_turn_service', 'PERMISSIVE', 'ALL', '{muniment_service}') $$,
    'one policy lets the tenant in, one keeps the others out, one is for the backend of all firms'
);
SELECT is_empty(
    $$ SELECT policyname, qual, with_check
       FROM pg_policies
       WHERE schemaname = 'agents'
           AND tablename = 'chat_turn'
           AND policyname <> 'chat_turn_service'
           AND (qual, with_check) IS DISTINCT FROM (
               '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))',
               '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))'
           ) $$,
    'both compare the firm with the tenant, which is asked for once a statement'
);

-- Behaviour -----------------------------------------------------------------

-- What becomes of a turn with these differences from a good one: accepted, or the SQLSTATE and the
-- name of the rule that refuses it. Nothing of it stays.
CREATE FUNCTION pg_temp.fate_of(p_difference jsonb)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_rule text;
BEGIN
    INSERT INTO agents.chat_turn
    SELECT turn.*
    FROM jsonb_populate_record(
        NULL::agents.chat_turn,
        '{
            "firm_id": "00000000-0000-4000-8000-00000000000a",
            "turn_id": "70000000-0000-4000-8000-0000000000a1",
            "created_at": "2026-06-15T12:00:00Z",
            "session_id": "5e550000-0000-4000-8000-0000000000a1",
            "turn_no": 1, "role": "user", "status": "complete",
            "content_format": "text", "metadata": {}
        }'::jsonb || p_difference
    ) AS turn;
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_rule = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(nullif(v_rule, ''), SQLERRM));
END;
$$;

-- The content columns of a turn whose message is in the row.
CREATE FUNCTION pg_temp.inline(p_content text)
RETURNS jsonb
LANGUAGE sql
AS $$
    SELECT jsonb_build_object(
        'content_storage', 'inline',
        'content_inline', p_content,
        'content_sha256', sha256(convert_to(p_content, 'UTF8'))::text,
        'content_bytes', octet_length(convert_to(p_content, 'UTF8'))
    )
$$;

-- The run and the content columns of a turn whose message is on the shelf.
CREATE FUNCTION pg_temp.on_the_shelf(p_sha256 bytea DEFAULT sha256('a message'))
RETURNS jsonb
LANGUAGE sql
AS $$
    SELECT jsonb_build_object(
        'run_id', '00000000-0000-4000-8000-0000000000a1',
        'run_started_at', '2026-06-15T11:00:00Z',
        'content_storage', 's3',
        'content_s3_key',
        'agents/00000000-0000-4000-8000-00000000000a/202606/00000000-0000-4000-8000-0000000000a1'
        '/content/' || encode(p_sha256, 'hex') || '.json',
        'content_sha256', p_sha256::text,
        'content_bytes', 40000
    )
$$;

SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
INSERT INTO agents.chat_session (firm_id, session_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '5e550000-0000-4000-8000-0000000000a1'),
    ('00000000-0000-4000-8000-00000000000a', '5e550000-0000-4000-8000-0000000000a2');
INSERT INTO agents.agent_run_key (firm_id, run_id, started_at) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a1',
        '2026-06-15 11:00:00+00'
    );
INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a1',
        '2026-06-15 11:00:00+00',
        '00000000-0000-4000-8000-0000000000a1',
        'MatterChatAgent'
    );
INSERT INTO agents.chat_turn (firm_id, created_at, session_id, turn_no, role) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '2026-06-15 12:00:00+00',
        '5e550000-0000-4000-8000-0000000000a2',
        1,
        'user'
    );

SELECT results_eq(
    $$ SELECT status, content_format, content_storage, cost_usd, metadata FROM agents.chat_turn $$,
    $$ VALUES ('complete', 'text', NULL::text, NULL::numeric, '{}'::jsonb) $$,
    'a turn begins complete, as a text without body, not priced'
);
SELECT matches(
    (SELECT turn_id::text FROM agents.chat_turn),
    '^.{14}7',
    'the id of a turn is made in the order of time'
);

SELECT is(pg_temp.fate_of(difference), fate, promise)
FROM (
    VALUES
        ('{}'::jsonb, 'accepted', 'a turn is accepted'),

        -- Its place in the conversation.
        ('{"turn_no": 0}', '23514 chat_turn_turn_no_ck', 'turns are counted from 1'),
        ('{"turn_no": null}', '23502 null value in column "turn_no" of relation '
         '"chat_turn_p202606" violates not-null constraint', 'a turn has a number'),
        ('{"session_id": "5e550000-0000-4000-8000-0000000000a2"}',
         '23505 chat_turn_p202606_firm_id_session_id_turn_no_created_at_key',
         'a number is given once'),
        ('{"session_id": null}', '23502 null value in column "session_id" of relation '
         '"chat_turn_p202606" violates not-null constraint', 'a turn belongs to a conversation'),
        ('{"session_id": "5e550000-0000-4000-8000-0000000000a9"}', '23503 chat_turn_session_fk',
         'a turn of a conversation that is not there is refused'),

        -- Its run.
        ('{
            "run_id": "00000000-0000-4000-8000-0000000000a1",
            "run_started_at": "2026-06-15T11:00:00Z"
         }', 'accepted', 'a turn may belong to a run'),
        ('{
            "run_id": "00000000-0000-4000-8000-0000000000a1",
            "run_started_at": "2026-06-15T11:00:00Z", "created_at": "2026-06-15T11:00:00Z"
         }', 'accepted', 'a turn may be as old as its run'),
        ('{
            "run_id": "00000000-0000-4000-8000-0000000000a1",
            "run_started_at": "2026-06-15T11:00:00Z", "created_at": "2026-06-15T10:59:59.999999Z"
         }', '23514 chat_turn_not_before_run_ck', 'a turn is not older than its run'),
        ('{
            "run_id": "00000000-0000-4000-8000-0000000000a9",
            "run_started_at": "2026-06-15T11:00:00Z"
         }', '23503 chat_turn_run_fk', 'a turn of a run that is not there is refused'),
        ('{
            "run_id": "00000000-0000-4000-8000-0000000000a1",
            "run_started_at": "2026-06-15T11:00:01Z"
         }', '23503 chat_turn_run_fk', 'a turn cannot say that its run started at another time'),
        ('{"run_id": "00000000-0000-4000-8000-0000000000a9"}', '23514 chat_turn_run_is_whole_ck',
         'half a reference, which would not be checked, is refused'),
        ('{"run_started_at": "2026-06-15T11:00:00Z"}', '23514 chat_turn_run_is_whole_ck',
         'the other half of a reference is refused too'),

        -- Who speaks.
        ('{"role": "system"}', 'accepted', 'the system may speak'),
        ('{"role": "assistant"}', 'accepted', 'the assistant may speak'),
        ('{"role": "tool"}', 'accepted', 'a tool may speak'),
        ('{"role": "human"}', '23514 chat_turn_role_ck', 'another role is refused'),
        ('{"status": "partial"}', 'accepted', 'a message may be cut off'),
        ('{"status": "error"}', 'accepted', 'a message may be an error'),
        ('{"status": "redacted"}', '23514 chat_turn_status_ck', 'another status is refused'),
        ('{"latency_ms": 0}', 'accepted', 'an answer may come at once'),
        ('{"latency_ms": -1}', '23514 chat_turn_latency_ms_ck',
         'an answer does not come before the question'),

        -- What it used, under the inclusion rule of OpenTelemetry, and what that cost.
        ('{
            "input_tokens": 0, "output_tokens": 0, "cache_read_tokens": 0, "cache_write_tokens": 0,
            "reasoning_tokens": 0
         }', 'accepted', 'none is a number of tokens'),
        ('{
            "input_tokens": 10, "cache_read_tokens": 6, "cache_write_tokens": 4,
            "output_tokens": 5, "reasoning_tokens": 5
         }', 'accepted', 'all input may come from the cache, all output may be reasoning'),
        ('{"input_tokens": 10, "cache_read_tokens": 6, "cache_write_tokens": 5}',
         '23514 chat_turn_input_includes_cache_ck',
         'the input includes what the cache read and wrote'),
        ('{"cache_read_tokens": 1}', '23514 chat_turn_input_includes_cache_ck',
         'nothing is read from the cache without input'),
        ('{"cache_write_tokens": 1}', '23514 chat_turn_input_includes_cache_ck',
         'nothing is written to the cache without input'),
        ('{"output_tokens": 5, "reasoning_tokens": 6}',
         '23514 chat_turn_output_includes_reasoning_ck', 'the output includes the reasoning'),
        ('{"reasoning_tokens": 1}', '23514 chat_turn_output_includes_reasoning_ck',
         'there is no reasoning without output'),
        ('{"cache_read_tokens": -1}', '23514 chat_turn_tokens_ck',
         'no tokens fewer than none are read from the cache'),
        ('{"cache_write_tokens": -1}', '23514 chat_turn_tokens_ck',
         'no tokens fewer than none are written to the cache'),
        ('{"reasoning_tokens": -1}', '23514 chat_turn_tokens_ck',
         'no tokens fewer than none are spent on reasoning'),
        ('{"input_tokens": -1, "cache_read_tokens": -1}', '23514 chat_turn_tokens_ck',
         'no tokens fewer than none are taken in'),
        ('{"output_tokens": -1, "reasoning_tokens": -1}', '23514 chat_turn_tokens_ck',
         'no tokens fewer than none are given out'),
        ('{"cost_usd": 0}', 'accepted', 'a turn may be free'),
        ('{"cost_usd": 0.000000001}', 'accepted', 'a price is exact to a billionth of a dollar'),
        ('{"cost_usd": -0.000000001}', '23514 chat_turn_cost_usd_ck',
         'a turn does not cost less than nothing'),
        ('{"cost_usd": "NaN"}', '23514 chat_turn_cost_usd_ck',
         'a price is a number, or every sum with it is none'),

        -- Where the message is.
        ('{"content_format": "parts"}', 'accepted', 'a message may be in parts'),
        ('{"content_format": "html"}', '23514 chat_turn_content_format_ck',
         'another format is refused'),
        (pg_temp.inline('Grüße'), 'accepted', 'a message may be in the row'),
        (pg_temp.inline(''), 'accepted', 'an empty message is a message'),
        (pg_temp.on_the_shelf(), 'accepted', 'a message may be on the shelf'),
        ('{"content_storage": "tape"}', '23514 chat_turn_content_place_ck',
         'there is no third place for a message'),
        (pg_temp.on_the_shelf() || '{"content_storage": "redacted", "content_s3_key": null}',
         'accepted', 'a message may be taken away, and its hash and length be left'),
        (pg_temp.on_the_shelf() || '{"content_storage": "redacted"}',
         '23514 chat_turn_content_place_ck', 'what is taken away has no key'),
        (pg_temp.inline('m') || '{"content_storage": "redacted"}',
         '23514 chat_turn_content_place_ck', 'what is taken away is not in the row'),
        (
            pg_temp.on_the_shelf()
            || '{"content_storage": "redacted", "content_s3_key": null, "content_preview": "a"}',
            '23514 chat_turn_content_place_ck', 'what is taken away cannot be guessed'
        ),
        (
            pg_temp.on_the_shelf()
            || '{"content_storage": "redacted", "content_s3_key": null, "content_sha256": null}',
            '23514 chat_turn_content_place_ck', 'what is taken away has a hash'
        ),
        (
            pg_temp.on_the_shelf()
            || '{"content_storage": "redacted", "content_s3_key": null, "content_bytes": null}',
            '23514 chat_turn_content_place_ck', 'what is taken away has a length'
        ),
        (pg_temp.inline('m') - 'content_storage', '23514 chat_turn_content_place_ck',
         'a message says in which place it is'),
        ('{"content_inline": "m"}', '23514 chat_turn_content_place_ck',
         'a text alone is no message'),
        ('{"content_s3_key": "k"}', '23514 chat_turn_content_place_ck',
         'a key alone is no message'),
        (pg_temp.inline('m') - 'content_inline', '23514 chat_turn_content_place_ck',
         'what is in the row is in the row'),
        (pg_temp.inline('m') - 'content_sha256', '23514 chat_turn_content_place_ck',
         'a message in the row has a hash'),
        (pg_temp.inline('m') - 'content_bytes', '23514 chat_turn_content_place_ck',
         'a message in the row has a length'),
        (pg_temp.on_the_shelf() - 'content_s3_key', '23514 chat_turn_content_place_ck',
         'what is on the shelf has a key'),
        (pg_temp.on_the_shelf() - 'content_bytes', '23514 chat_turn_content_place_ck',
         'a message on the shelf has a length'),
        (pg_temp.on_the_shelf() - 'content_sha256', '23514 chat_turn_content_place_ck',
         'a message on the shelf has a hash'),
        (pg_temp.on_the_shelf() || '{"content_inline": "a message", "content_bytes": 9}',
         '23514 chat_turn_content_place_ck', 'a message is not in both places'),
        (pg_temp.on_the_shelf(sha256('m')) || pg_temp.inline('m'),
         '23514 chat_turn_content_place_ck', 'a message in the row has no key on the shelf'),
        ('{"content_preview": "a mess"}', '23514 chat_turn_content_place_ck',
         'no preview without a message'),
        (jsonb_build_object('content_sha256', sha256('')::text), '23514 chat_turn_content_place_ck',
         'no hash without a message'),
        ('{"content_bytes": 0}', '23514 chat_turn_content_place_ck', 'no length without a message'),
        (pg_temp.inline('m') || '{"content_bytes": 2}', '23514 chat_turn_content_inline_ck',
         'a length that is wrong is refused'),
        (pg_temp.inline('m') || jsonb_build_object('content_sha256', sha256('n')::text),
         '23514 chat_turn_content_inline_ck', 'a hash that is wrong is refused'),
        (pg_temp.on_the_shelf() || jsonb_build_object('content_sha256', sha256('n')::text),
         '23514 chat_turn_content_s3_key_ck', 'a key that is of another hash is refused'),
        (
            pg_temp.on_the_shelf() - 'run_id' - 'run_started_at' || jsonb_build_object(
                'content_s3_key',
                'agents/00000000-0000-4000-8000-00000000000a///content/'
                || encode(sha256('a message'), 'hex') || '.json'
            ),
            '23514 chat_turn_content_s3_key_ck', 'a key without a run is refused'
        ),
        (pg_temp.on_the_shelf('\x00'), '23514 chat_turn_content_sha256_ck', 'a hash has 32 bytes'),
        (pg_temp.on_the_shelf() || '{"content_bytes": -1}', '23514 chat_turn_content_bytes_ck',
         'a message is not shorter than nothing'),
        (pg_temp.on_the_shelf() || jsonb_build_object('content_preview', repeat('ü', 500)),
         'accepted', 'a preview has up to 500 characters'),
        (pg_temp.on_the_shelf() || jsonb_build_object('content_preview', repeat('ü', 501)),
         '23514 chat_turn_content_preview_ck', 'a longer preview is refused'),

        -- What the caller adds.
        (jsonb_build_object('metadata', jsonb_build_object('k', repeat('x', 8183))), 'accepted',
         'metadata has up to 8,192 bytes'),
        (jsonb_build_object('metadata', jsonb_build_object('k', repeat('x', 8184))),
         '23514 chat_turn_metadata_ck', 'longer metadata is refused'),
        (jsonb_build_object('metadata', jsonb_build_object('k', repeat('ü', 4092))),
         '23514 chat_turn_metadata_ck', 'bytes are counted, not characters'),
        ('{"metadata": []}', '23514 chat_turn_metadata_ck', 'metadata is an object')
) AS turn (difference, fate, promise);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_class, aclexplode(relacl)
       WHERE pg_class.oid = 'agents.chat_turn'::regclass AND grantee <> relowner $$,
    $$ VALUES
        ('muniment_app', 'SELECT', false),
        ('muniment_app', 'INSERT', false),
        ('muniment_reader', 'SELECT', false),
        ('muniment_service', 'SELECT', false) $$,
    'agents append and read, readers and the backend read, nobody else does anything'
);
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable,
           string_agg(attname, ' ' ORDER BY attname)
       FROM pg_attribute, aclexplode(attacl)
       WHERE attrelid = 'agents.chat_turn'::regclass
       GROUP BY 1, 2, 3 $$,
    $$ VALUES
        ('muniment_service', 'UPDATE', false,
         'content_inline content_preview content_s3_key content_storage') $$,
    'the backend takes a body away, and nobody changes anything else'
);
SELECT throws_ok(
    $$ DELETE FROM agents.chat_turn $$,
    'MU001',
    'agents.chat_turn_p202606 is append-only: delete refused',
    'not even a superuser deletes a turn'
);
SELECT throws_ok(
    $$ TRUNCATE agents.chat_turn CASCADE $$,
    'MU001',
    'agents.chat_turn is append-only: truncate refused',
    'not even a superuser empties the table of turns'
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format(statement, 'agents.chat_turn'),
    '42501',
    'permission denied for table chat_turn',
    promise
)
FROM (
    VALUES
        ('UPDATE %s SET firm_id = firm_id', 'an agent cannot rewrite a turn'),
        ('DELETE FROM %s', 'an agent cannot delete a turn'),
        ('TRUNCATE %s CASCADE', 'an agent cannot empty the table')
) AS attempt (statement, promise);

RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ INSERT INTO agents.chat_turn DEFAULT VALUES $$,
    '42501',
    'permission denied for table chat_turn',
    'a reader cannot write a turn'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

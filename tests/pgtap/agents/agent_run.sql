-- Subject: agents.agent_run    Docs: docs/schema/agents.md#agent-run
--
-- The shape of the table and the rules of a row. How it hangs on agent_run_key is in
-- ../_behaviour/run_identity.sql, how months work in ../_behaviour/partition_routing.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
-- Keys are written before their runs here.
SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;
SELECT plan(124);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid = 'agents.agent_run'::regclass AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('firm_id'::name, 'uuid', true, NULL),
        ('run_id', 'uuid', true, NULL),
        ('started_at', 'timestamp with time zone', true, NULL),
        ('session_id', 'uuid', false, NULL),
        ('parent_run_id', 'uuid', false, NULL),
        ('root_run_id', 'uuid', true, NULL),
        ('depth', 'smallint', true, '0'),
        ('operation', 'text', true, '''invoke_agent''::text'),
        ('agent_name', 'text', true, NULL),
        ('agent_version', 'text', false, NULL),
        ('prompt_name', 'text', false, NULL),
        ('prompt_version', 'text', false, NULL),
        ('subject_type', 'text', false, NULL),
        ('subject_id', 'text', false, NULL),
        ('actor_type', 'text', false, NULL),
        ('actor_id', 'text', false, NULL),
        ('provider_name', 'text', false, NULL),
        ('request_model', 'text', false, NULL),
        ('response_model', 'text', false, NULL),
        ('status', 'text', true, '''queued''::text'),
        ('attempt_no', 'integer', true, '1'),
        ('worker_id', 'text', false, NULL),
        ('heartbeat_at', 'timestamp with time zone', false, NULL),
        ('lease_expires_at', 'timestamp with time zone', false, NULL),
        ('cancel_requested_at', 'timestamp with time zone', false, NULL),
        ('ended_at', 'timestamp with time zone', false, NULL),
        ('finish_reason', 'text', false, NULL),
        ('error_type', 'text', false, NULL),
        ('error_message', 'text', false, NULL),
        ('is_error_retryable', 'boolean', false, NULL),
        ('input_tokens', 'bigint', false, NULL),
        ('output_tokens', 'bigint', false, NULL),
        ('cache_read_tokens', 'bigint', false, NULL),
        ('cache_write_tokens', 'bigint', false, NULL),
        ('reasoning_tokens', 'bigint', false, NULL),
        ('cost_usd', 'numeric(18,9)', false, NULL),
        ('price_ref', 'text', false, NULL),
        ('first_token_ms', 'integer', false, NULL),
        ('trace_id', 'text', false, NULL),
        ('span_id', 'text', false, NULL),
        ('metadata', 'jsonb', true, '''{}''::jsonb') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid = 'agents.agent_run'::regclass
           AND contype IN ('p', 'u', 'f')
           AND convalidated $$,
    $$ VALUES
        ('agent_run_pk'::name, 'PRIMARY KEY (firm_id, run_id, started_at)'),
        ('agent_run_key_fk',
         'FOREIGN KEY (firm_id, run_id, started_at) '
         'REFERENCES agents.agent_run_key(firm_id, run_id, started_at) ON DELETE RESTRICT'),
        ('agent_run_session_fk',
         'FOREIGN KEY (firm_id, session_id) '
         'REFERENCES agents.chat_session(firm_id, session_id) ON DELETE RESTRICT'),
        ('agent_run_parent_fk',
         'FOREIGN KEY (firm_id, parent_run_id) '
         'REFERENCES agents.agent_run_key(firm_id, run_id) ON DELETE RESTRICT'),
        ('agent_run_root_fk',
         'FOREIGN KEY (firm_id, root_run_id) '
         'REFERENCES agents.agent_run_key(firm_id, run_id) ON DELETE RESTRICT') $$,
    'every key and every reference begins with the firm'
);
SELECT set_eq(
    $$ SELECT conname
       FROM pg_constraint
       WHERE conrelid = 'agents.agent_run'::regclass AND contype = 'c' AND convalidated $$,
    ARRAY[
        'agent_run_place_in_tree_ck', 'agent_run_operation_ck', 'agent_run_agent_name_ck',
        'agent_run_subject_ck', 'agent_run_actor_ck', 'agent_run_status_ck',
        'agent_run_attempt_no_ck', 'agent_run_running_has_lease_ck',
        'agent_run_ended_when_terminal_ck', 'agent_run_ended_after_started_ck',
        'agent_run_failed_has_error_ck', 'agent_run_error_message_ck', 'agent_run_tokens_ck',
        'agent_run_input_includes_cache_ck', 'agent_run_output_includes_reasoning_ck',
        'agent_run_cost_usd_ck', 'agent_run_first_token_ms_ck', 'agent_run_trace_id_ck',
        'agent_run_span_id_ck', 'agent_run_times_are_finite_ck', 'agent_run_metadata_ck'
    ]::name[],
    'the rules of a row are those that are tried below'
);
SELECT set_eq(
    $$ SELECT indexrelid::regclass::text, indisunique,
           substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       WHERE indrelid = 'agents.agent_run'::regclass AND indisvalid $$,
    $$ VALUES
        ('agents.agent_run_pk', true, 'btree (firm_id, run_id, started_at)'),
        ('agents.agent_run_started_at_ix', false, 'btree (firm_id, started_at DESC)'),
        ('agents.agent_run_session_ix', false,
         'btree (firm_id, session_id, started_at) WHERE (session_id IS NOT NULL)'),
        ('agents.agent_run_parent_ix', false,
         'btree (firm_id, parent_run_id) WHERE (parent_run_id IS NOT NULL)'),
        ('agents.agent_run_root_ix', false,
         'btree (firm_id, root_run_id) WHERE (parent_run_id IS NOT NULL)'),
        ('agents.agent_run_subject_ix', false,
         'btree (firm_id, subject_type, subject_id, started_at DESC) '
         'WHERE (subject_id IS NOT NULL)'),
        ('agents.agent_run_attention_ix', false,
         'btree (firm_id, status, started_at) WHERE (status = ANY (ARRAY[''queued''::text, '
         '''running''::text, ''waiting_approval''::text, ''failed''::text, ''timed_out''::text, '
         '''abandoned''::text]))'),
        ('agents.agent_run_running_ix', false,
         'btree (started_at) WHERE (status = ''running''::text)'),
        ('agents.agent_run_trace_ix', false,
         'btree (firm_id, trace_id) WHERE (trace_id IS NOT NULL)') $$,
    'the indexes are those of the key, of the lists, of the tree and of what needs attention'
);
SELECT is_empty(
    $$ SELECT indexrelid::regclass
       FROM pg_index
       WHERE indrelid = 'agents.agent_run'::regclass
           AND pg_get_indexdef(indexrelid) ~ 'heartbeat_at|lease_expires_at|worker_id' $$,
    'a beat of the heart changes no index'
);
SELECT set_eq(
    $$ SELECT tgname, tgenabled::text, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid = 'agents.agent_run'::regclass AND NOT tgisinternal $$,
    $$ VALUES
        ('agent_run_forbid_delete_tg'::name, 'O',
         'BEFORE DELETE ON agents.agent_run FOR EACH ROW '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('agent_run_forbid_truncate_tg', 'O',
         'BEFORE TRUNCATE ON agents.agent_run FOR EACH STATEMENT '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('agent_run_guard_tg', 'O',
         'BEFORE UPDATE ON agents.agent_run FOR EACH ROW '
         'EXECUTE FUNCTION agents.guard_agent_run()') $$,
    'what is triggered is the refusal to lose a row, and the guard of what changes'
);
SELECT set_eq(
    $$ SELECT pg_get_partkeydef(oid), relrowsecurity, relforcerowsecurity, relowner::regrole::text
       FROM pg_class
       WHERE oid = 'agents.agent_run'::regclass $$,
    $$ VALUES ('RANGE (started_at)', true, true, 'muniment_owner') $$,
    'it is split by started_at, and row security binds its owner too'
);
SET LOCAL timezone = 'UTC';
SELECT set_eq(
    $$ SELECT relid::text, relrowsecurity, relforcerowsecurity, relowner::regrole::text,
           array_to_string(reloptions, ', '), pg_get_expr(relpartbound, oid)
       FROM pg_partition_tree('agents.agent_run')
       JOIN pg_class ON oid = relid
       WHERE isleaf $$,
    $$ VALUES
        ('agents.agent_run_p202605', true, true, 'muniment_owner', 'fillfactor=80',
         'FOR VALUES FROM (''2026-05-01 00:00:00+00'') TO (''2026-06-01 00:00:00+00'')'),
        ('agents.agent_run_p202606', true, true, 'muniment_owner', 'fillfactor=80',
         'FOR VALUES FROM (''2026-06-01 00:00:00+00'') TO (''2026-07-01 00:00:00+00'')'),
        ('agents.agent_run_p202607', true, true, 'muniment_owner', 'fillfactor=80',
         'FOR VALUES FROM (''2026-07-01 00:00:00+00'') TO (''2026-08-01 00:00:00+00'')') $$,
    'it begins with three months of UTC, each under row security, and has no default partition'
);
SELECT is_empty(
    $$ SELECT relid, grantee::regrole, privilege_type
       FROM pg_partition_tree('agents.agent_run')
       JOIN pg_class ON oid = relid,
           aclexplode(relacl)
       WHERE isleaf AND grantee <> relowner $$,
    'nobody is granted a month'
);
SELECT set_eq(
    $$ SELECT tablename, policyname
       FROM pg_policies
       WHERE schemaname = 'agents'
           AND tablename LIKE 'agent_run\_p______'
           AND roles = '{muniment_owner}'
           AND permissive = 'PERMISSIVE'
           AND cmd = 'ALL'
           AND qual = '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))'
           AND with_check = qual $$,
    $$ VALUES
        ('agent_run_p202605'::name, 'agent_run_p202605_owner'::name),
        ('agent_run_p202606', 'agent_run_p202606_owner'),
        ('agent_run_p202607', 'agent_run_p202607_owner') $$,
    'a month is closed to everyone but its owner, who must name a tenant too'
);
SELECT is_empty(
    $$ SELECT tablename, policyname
       FROM pg_policies
       WHERE schemaname = 'agents'
           AND tablename LIKE 'agent_run\_p______'
           AND policyname <> tablename || '_owner' $$,
    'no other policy opens a month'
);
-- A month inherits a trigger for each row, but none for a statement: that one is its own.
SELECT set_eq(
    $$ SELECT tgname, tgenabled::text, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid = 'agents.agent_run_p202606'::regclass AND NOT tgisinternal $$,
    $$ VALUES
        ('agent_run_forbid_delete_tg'::name, 'O',
         'BEFORE DELETE ON agents.agent_run_p202606 FOR EACH ROW '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('agent_run_p202606_forbid_truncate_tg', 'O',
         'BEFORE TRUNCATE ON agents.agent_run_p202606 FOR EACH STATEMENT '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('agent_run_guard_tg', 'O',
         'BEFORE UPDATE ON agents.agent_run_p202606 FOR EACH ROW '
         'EXECUTE FUNCTION agents.guard_agent_run()') $$,
    'a month refuses to lose a row too, and guards what changes'
);
SELECT set_eq(
    $$ SELECT policyname, permissive, cmd, roles::text
       FROM pg_policies
       WHERE schemaname = 'agents' AND tablename = 'agent_run' $$,
    $$ VALUES
        ('agent_run_tenant'::name, 'PERMISSIVE', 'ALL',
         '{muniment_app,muniment_owner,muniment_reader}'),
        ('agent_run_tenant_guard', 'RESTRICTIVE', 'ALL',
         '{muniment_app,muniment_owner,muniment_reader}'),
        ('agent_run_service', 'PERMISSIVE', 'ALL', '{muniment_service}') $$,
    'one policy lets the tenant in, one keeps the others out, one is for the backend of all firms'
);
SELECT is_empty(
    $$ SELECT policyname, qual, with_check
       FROM pg_policies
       WHERE schemaname = 'agents'
           AND tablename = 'agent_run'
           AND policyname <> 'agent_run_service'
           AND (qual, with_check) IS DISTINCT FROM (
               '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))',
               '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))'
           ) $$,
    'both compare the firm with the tenant, which is asked for once a statement'
);

-- Behaviour -----------------------------------------------------------------

-- What becomes of a run with these differences from a good one: accepted, or the SQLSTATE and the
-- name of the rule that refuses it. Nothing of it stays.
CREATE FUNCTION pg_temp.fate_of(p_difference jsonb)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_rule text;
BEGIN
    INSERT INTO agents.agent_run
    SELECT run.*
    FROM jsonb_populate_record(
        NULL::agents.agent_run,
        '{
            "firm_id": "00000000-0000-4000-8000-00000000000a",
            "run_id": "00000000-0000-4000-8000-0000000000a1",
            "started_at": "2026-06-15T12:00:00Z",
            "root_run_id": "00000000-0000-4000-8000-0000000000a1",
            "depth": 0, "operation": "invoke_agent", "agent_name": "MatterChatAgent",
            "status": "queued", "attempt_no": 1, "metadata": {}
        }'::jsonb || p_difference
    ) AS run;
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_rule = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(nullif(v_rule, ''), SQLERRM));
END;
$$;

SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
INSERT INTO agents.chat_session (firm_id, session_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '5e550000-0000-4000-8000-0000000000a1');
INSERT INTO agents.agent_run_key (firm_id, run_id, started_at) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a1',
        '2026-06-15 12:00:00+00'
    ),
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a2',
        '2026-06-14 12:00:00+00'
    );
INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a2',
        '2026-06-14 12:00:00+00',
        '00000000-0000-4000-8000-0000000000a2',
        'MatterChatAgent'
    );

SELECT results_eq(
    $$ SELECT depth, operation, status, attempt_no, ended_at, cost_usd, metadata
       FROM agents.agent_run $$,
    $$ VALUES
        (0::smallint, 'invoke_agent', 'queued', 1, NULL::timestamptz, NULL::numeric,
         '{}'::jsonb) $$,
    'a run begins as a queued root, at its first attempt, not ended and not priced'
);

SELECT is(pg_temp.fate_of(difference), fate, promise)
FROM (
    VALUES
        ('{}'::jsonb, 'accepted', 'a run is accepted'),
        ('{"operation": "invoke_workflow"}', 'accepted', 'a run may be a workflow'),
        ('{"operation": "chat"}', 'accepted', 'a run may be one call of a model'),
        ('{"operation": "execute_tool"}', '23514 agent_run_operation_ck',
         'another operation is refused'),
        (jsonb_build_object('agent_name', repeat('ü', 200)), 'accepted',
         'an agent''s name has up to 200 characters'),
        (jsonb_build_object('agent_name', repeat('ü', 201)), '23514 agent_run_agent_name_ck',
         'a longer name is refused'),
        ('{"agent_name": "A"}', 'accepted', 'a name may be a letter'),
        ('{"agent_name": ""}', '23514 agent_run_agent_name_ck', 'an empty name is refused'),
        ('{"agent_name": null}', '23502 null value in column "agent_name" of relation '
         '"agent_run_p202606" violates not-null constraint', 'a run says which agent runs'),

        -- What it is about, and who asked.
        ('{"subject_type": "matter", "subject_id": "M-1"}', 'accepted',
         'a run may be about something'),
        ('{"subject_type": "form_1040z", "subject_id": "9"}', 'accepted',
         'kinds of subjects have digits and _ too, and a subject may be short'),
        ('{"subject_type": "matter"}', '23514 agent_run_subject_ck',
         'a kind of subject without the subject is refused'),
        ('{"subject_id": "M-1"}', '23514 agent_run_subject_ck',
         'a subject without its kind is refused'),
        ('{"subject_type": "Matter", "subject_id": "M-1"}', '23514 agent_run_subject_ck',
         'a kind of subject is a word in lower case'),
        (jsonb_build_object('subject_type', repeat('m', 63), 'subject_id', 'M-1'), 'accepted',
         'a kind of subject has up to 63 characters'),
        (jsonb_build_object('subject_type', repeat('m', 64), 'subject_id', 'M-1'),
         '23514 agent_run_subject_ck', 'a longer kind of subject is refused'),
        ('{"subject_type": "matter", "subject_id": ""}', '23514 agent_run_subject_ck',
         'an empty subject is refused'),
        (jsonb_build_object('subject_type', 'matter', 'subject_id', repeat('ü', 200)), 'accepted',
         'a subject has up to 200 characters'),
        (jsonb_build_object('subject_type', 'matter', 'subject_id', repeat('ü', 201)),
         '23514 agent_run_subject_ck', 'a longer subject is refused'),
        ('{"actor_type": "user", "actor_id": "U-1"}', 'accepted', 'a user may ask'),
        ('{"actor_type": "service", "actor_id": "S-1"}', 'accepted', 'a service may ask'),
        ('{"actor_type": "schedule", "actor_id": "nightly"}', 'accepted', 'a schedule may ask'),
        ('{"actor_type": "agent", "actor_id": "A-1"}', 'accepted', 'an agent may ask'),
        ('{"actor_type": "ghost", "actor_id": "G-1"}', '23514 agent_run_actor_ck',
         'another kind of actor is refused'),
        ('{"actor_type": "user"}', '23514 agent_run_actor_ck',
         'a kind of actor without the actor is refused'),
        ('{"actor_id": "U-1"}', '23514 agent_run_actor_ck', 'an actor without its kind is refused'),
        ('{"actor_type": "user", "actor_id": ""}', '23514 agent_run_actor_ck',
         'an empty actor is refused'),
        ('{"actor_type": "user", "actor_id": "9"}', 'accepted', 'an actor may be short'),
        (jsonb_build_object('actor_type', 'user', 'actor_id', repeat('ü', 200)), 'accepted',
         'an actor has up to 200 characters'),
        (jsonb_build_object('actor_type', 'user', 'actor_id', repeat('ü', 201)),
         '23514 agent_run_actor_ck', 'a longer actor is refused'),

        -- Where it stands.
        ('{
            "status": "running", "worker_id": "w1", "heartbeat_at": "2026-06-15T12:00:01Z",
            "lease_expires_at": "2026-06-15T12:01:00Z"
         }', 'accepted', 'a run may be running'),
        ('{
            "status": "running", "heartbeat_at": "2026-06-15T12:00:01Z",
            "lease_expires_at": "2026-06-15T12:01:00Z"
         }', '23514 agent_run_running_has_lease_ck', 'a running run has a worker'),
        ('{
            "status": "running", "worker_id": "w1", "lease_expires_at": "2026-06-15T12:01:00Z"
         }', '23514 agent_run_running_has_lease_ck', 'a running run has a heartbeat'),
        ('{
            "status": "running", "worker_id": "w1", "heartbeat_at": "2026-06-15T12:00:01Z"
         }', '23514 agent_run_running_has_lease_ck', 'a running run has a lease'),
        ('{"status": "waiting_approval"}', 'accepted', 'a run may wait for a person'),
        ('{"status": "succeeded", "ended_at": "2026-06-15T12:00:00Z"}', 'accepted',
         'a run may succeed, in no time even'),
        ('{"status": "failed", "ended_at": "2026-06-15T13:00:00Z", "error_type": "timeout"}',
         'accepted', 'a run may fail'),
        ('{"status": "cancelled", "ended_at": "2026-06-15T13:00:00Z"}', 'accepted',
         'a run may be cancelled'),
        ('{"status": "timed_out", "ended_at": "2026-06-15T13:00:00Z"}', 'accepted',
         'a run may time out'),
        ('{"status": "abandoned", "ended_at": "2026-06-15T13:00:00Z"}', 'accepted',
         'a run may be abandoned'),
        ('{"status": "done", "ended_at": "2026-06-15T13:00:00Z"}', '23514 agent_run_status_ck',
         'another status is refused'),
        ('{"status": "succeeded"}', '23514 agent_run_ended_when_terminal_ck',
         'a run that is over says when it ended'),
        ('{"ended_at": "2026-06-15T13:00:00Z"}', '23514 agent_run_ended_when_terminal_ck',
         'a run that has not run has not ended'),
        ('{"status": "waiting_approval", "ended_at": "2026-06-15T13:00:00Z"}',
         '23514 agent_run_ended_when_terminal_ck', 'a run that waits has not ended'),
        ('{
            "status": "running", "worker_id": "w1", "heartbeat_at": "2026-06-15T12:00:01Z",
            "lease_expires_at": "2026-06-15T12:01:00Z", "ended_at": "2026-06-15T13:00:00Z"
         }', '23514 agent_run_ended_when_terminal_ck', 'a run that runs has not ended'),
        ('{"status": "succeeded", "ended_at": "2026-06-15T11:59:59.999999Z"}',
         '23514 agent_run_ended_after_started_ck', 'a run does not end before it starts'),
        ('{"status": "failed", "ended_at": "2026-06-15T13:00:00Z"}',
         '23514 agent_run_failed_has_error_ck', 'a run that failed says with what'),
        (jsonb_build_object('error_message', repeat('ü', 1024)), 'accepted',
         'an error message has up to 2,048 bytes'),
        (jsonb_build_object('error_message', repeat('ü', 1024) || '.'),
         '23514 agent_run_error_message_ck', 'a longer one is refused'),
        ('{"attempt_no": 0}', '23514 agent_run_attempt_no_ck', 'attempts are counted from 1'),

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
         '23514 agent_run_input_includes_cache_ck',
         'the input includes what the cache read and wrote'),
        ('{"cache_read_tokens": 1}', '23514 agent_run_input_includes_cache_ck',
         'nothing is read from the cache without input'),
        ('{"cache_write_tokens": 1}', '23514 agent_run_input_includes_cache_ck',
         'nothing is written to the cache without input'),
        ('{"output_tokens": 5, "reasoning_tokens": 6}',
         '23514 agent_run_output_includes_reasoning_ck', 'the output includes the reasoning'),
        ('{"reasoning_tokens": 1}', '23514 agent_run_output_includes_reasoning_ck',
         'there is no reasoning without output'),
        ('{"cache_read_tokens": -1}', '23514 agent_run_tokens_ck',
         'no tokens fewer than none are read from the cache'),
        ('{"cache_write_tokens": -1}', '23514 agent_run_tokens_ck',
         'no tokens fewer than none are written to the cache'),
        ('{"reasoning_tokens": -1}', '23514 agent_run_tokens_ck',
         'no tokens fewer than none are spent on reasoning'),
        ('{"input_tokens": -1, "cache_read_tokens": -1}', '23514 agent_run_tokens_ck',
         'no tokens fewer than none are taken in'),
        ('{"output_tokens": -1, "reasoning_tokens": -1}', '23514 agent_run_tokens_ck',
         'no tokens fewer than none are given out'),
        ('{"cost_usd": 0}', 'accepted', 'a run may be free'),
        ('{"cost_usd": 0.000000001}', 'accepted', 'a price is exact to a billionth of a dollar'),
        ('{"cost_usd": -0.000000001}', '23514 agent_run_cost_usd_ck',
         'a run does not cost less than nothing'),
        ('{"cost_usd": "NaN"}', '23514 agent_run_cost_usd_ck',
         'a price is a number, or every sum with it is none'),
        ('{"cost_usd": 1000000000}', '22003 numeric field overflow',
         'a price of a billion is a mistake'),
        ('{"first_token_ms": 0}', 'accepted', 'an answer may begin at once'),
        ('{"first_token_ms": -1}', '23514 agent_run_first_token_ms_ck',
         'an answer does not begin before the question'),

        -- Where it is traced.
        (jsonb_build_object('trace_id', repeat('0123456789abcdef', 2)), 'accepted',
         'a trace id is 32 hex digits'),
        (jsonb_build_object('trace_id', repeat('0F', 16)), '23514 agent_run_trace_id_ck',
         'a trace id in capitals is refused'),
        (jsonb_build_object('trace_id', repeat('0', 31)), '23514 agent_run_trace_id_ck',
         'a shorter trace id is refused'),
        (jsonb_build_object('trace_id', repeat('0', 33)), '23514 agent_run_trace_id_ck',
         'a longer trace id is refused'),
        ('{"span_id": "0123456789abcdef"}', 'accepted', 'a span id is 16 hex digits'),
        (jsonb_build_object('span_id', repeat('0F', 8)), '23514 agent_run_span_id_ck',
         'a span id in capitals is refused'),
        (jsonb_build_object('span_id', repeat('0', 15)), '23514 agent_run_span_id_ck',
         'a shorter span id is refused'),
        (jsonb_build_object('span_id', repeat('0', 17)), '23514 agent_run_span_id_ck',
         'a longer span id is refused'),

        -- Times.
        ('{"status": "succeeded", "ended_at": "infinity"}', '23514 agent_run_times_are_finite_ck',
         'a run does not end at the end of time'),
        ('{"heartbeat_at": "infinity"}', '23514 agent_run_times_are_finite_ck',
         'a worker does not live for ever'),
        ('{"lease_expires_at": "infinity"}', '23514 agent_run_times_are_finite_ck',
         'a lease does not last for ever'),
        ('{"lease_expires_at": "-infinity"}', '23514 agent_run_times_are_finite_ck',
         'a lease did not end before time began'),
        ('{"cancel_requested_at": "infinity"}', '23514 agent_run_times_are_finite_ck',
         'nobody cancels at the end of time'),

        -- What the caller adds.
        (jsonb_build_object('metadata', jsonb_build_object('k', repeat('x', 8183))), 'accepted',
         'metadata has up to 8,192 bytes'),
        (jsonb_build_object('metadata', jsonb_build_object('k', repeat('x', 8184))),
         '23514 agent_run_metadata_ck', 'longer metadata is refused'),
        (jsonb_build_object('metadata', jsonb_build_object('k', repeat('ü', 4092))),
         '23514 agent_run_metadata_ck', 'bytes are counted, not characters'),
        ('{"metadata": []}', '23514 agent_run_metadata_ck', 'metadata is an object'),

        -- Its conversation.
        ('{"session_id": "5e550000-0000-4000-8000-0000000000a1"}', 'accepted',
         'a run may belong to a conversation'),
        ('{"session_id": "5e550000-0000-4000-8000-0000000000a9"}', '23503 agent_run_session_fk',
         'a run of a conversation that is not there is refused')
) AS run (difference, fate, promise);

-- The tree of runs: a2 is a root; the run that is tried, a1, may stand below it.
SELECT is(
    pg_temp.fate_of(
        jsonb_build_object(
            'parent_run_id', '00000000-0000-4000-8000-0000000000' || parent,
            'root_run_id', '00000000-0000-4000-8000-0000000000' || root,
            'depth', depth
        )
    ),
    fate,
    promise
)
FROM (
    VALUES
        (NULL, 'a1', 0, 'accepted', 'a run without parent is its own root'),
        (NULL, 'a2', 0, '23514 agent_run_place_in_tree_ck',
         'a run without parent has no other root than itself'),
        (NULL, 'a1', 1, '23514 agent_run_place_in_tree_ck',
         'a run without parent stands at the top'),
        (NULL, 'a1', -1, '23514 agent_run_place_in_tree_ck',
         'a run without parent does not stand above the top'),
        ('a2', 'a2', 1, 'accepted', 'a run may have a parent'),
        ('a2', 'a2', 32, 'accepted', 'a tree may be 32 runs deep'),
        ('a2', 'a2', 33, '23514 agent_run_place_in_tree_ck',
         'a deeper one is a runaway recursion'),
        ('a2', 'a2', 0, '23514 agent_run_place_in_tree_ck',
         'a run with a parent is not at the top'),
        ('a2', 'a1', 1, '23514 agent_run_place_in_tree_ck',
         'a run with a parent is not its own root'),
        ('a1', 'a2', 1, '23514 agent_run_place_in_tree_ck', 'a run is not its own parent'),
        ('a9', 'a2', 1, '23503 agent_run_parent_fk', 'a parent that is not there is refused'),
        ('a2', 'a9', 1, '23503 agent_run_root_fk', 'a root that is not there is refused')
) AS place (parent, root, depth, fate, promise);

-- All rows above were undone; so that nothing is left open, the key gets its run.
INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a1',
        '2026-06-15 12:00:00+00',
        '00000000-0000-4000-8000-0000000000a1',
        'MatterChatAgent'
    );
SELECT lives_ok($$ SET CONSTRAINTS ALL IMMEDIATE $$, 'every key has its run');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_class, aclexplode(relacl)
       WHERE pg_class.oid = 'agents.agent_run'::regclass AND grantee <> relowner $$,
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
       WHERE attrelid = 'agents.agent_run'::regclass
       GROUP BY 1, 2, 3 $$,
    $$ VALUES
        ('muniment_app', 'UPDATE', false,
         'attempt_no cache_read_tokens cache_write_tokens cancel_requested_at cost_usd ended_at '
         'error_message error_type finish_reason first_token_ms heartbeat_at input_tokens '
         'is_error_retryable lease_expires_at output_tokens price_ref reasoning_tokens '
         'response_model status worker_id'),
        ('muniment_service', 'UPDATE', false,
         'ended_at error_message error_type is_error_retryable status') $$,
    'agents say what becomes of a run, the backend ends it, nobody says what was asked of it'
);
SELECT throws_ok(
    $$ DELETE FROM agents.agent_run $$,
    'MU001',
    'agents.agent_run_p202606 is append-only: delete refused',
    'not even a superuser deletes a run'
);
SELECT throws_ok(
    $$ TRUNCATE agents.agent_run CASCADE $$,
    'MU001',
    'agents.agent_run is append-only: truncate refused',
    'not even a superuser empties the table of runs'
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format(statement, 'agents.agent_run'),
    '42501',
    'permission denied for table agent_run',
    promise
)
FROM (
    VALUES
        ('UPDATE %s SET firm_id = firm_id', 'an agent cannot rewrite a run'),
        ('DELETE FROM %s', 'an agent cannot delete a run'),
        ('TRUNCATE %s CASCADE', 'an agent cannot empty the table')
) AS attempt (statement, promise);

RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ INSERT INTO agents.agent_run DEFAULT VALUES $$,
    '42501',
    'permission denied for table agent_run',
    'a reader cannot write a run'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

-- Subject: agents.tool_call    Docs: docs/schema/agents.md#tool-call
--
-- The shape of the table and the rules of a row. How a call hangs on its run and where its bodies
-- may be is in ../_behaviour/run_identity.sql, how months work in
-- ../_behaviour/partition_routing.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
-- Keys are written before their runs here.
SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;
SELECT plan(182);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid = 'agents.tool_call'::regclass AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('firm_id'::name, 'uuid', true, NULL),
        ('tool_call_id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('requested_at', 'timestamp with time zone', true, 'now()'),
        ('run_id', 'uuid', true, NULL),
        ('run_started_at', 'timestamp with time zone', true, NULL),
        ('turn_id', 'uuid', false, NULL),
        ('call_no', 'integer', true, NULL),
        ('attempt_no', 'integer', true, '1'),
        ('provider_call_id', 'text', false, NULL),
        ('tool_name', 'text', true, NULL),
        ('tool_version', 'text', true, NULL),
        ('definition_sha256', 'bytea', true, NULL),
        ('idempotency_key', 'text', false, NULL),
        ('status', 'text', true, '''requested''::text'),
        ('started_at', 'timestamp with time zone', false, NULL),
        ('ended_at', 'timestamp with time zone', false, NULL),
        ('error_type', 'text', false, NULL),
        ('error_message', 'text', false, NULL),
        ('is_error_retryable', 'boolean', false, NULL),
        ('approval_status', 'text', true, '''not_required''::text'),
        ('approval_expires_at', 'timestamp with time zone', false, NULL),
        ('approval_decided_by', 'text', false, NULL),
        ('approval_decided_at', 'timestamp with time zone', false, NULL),
        ('approval_reason', 'text', false, NULL),
        ('approval_args_sha256', 'bytea', false, NULL),
        ('child_run_id', 'uuid', false, NULL),
        ('external_ref', 'text', false, NULL),
        ('cost_usd', 'numeric(18,9)', false, NULL),
        ('span_id', 'text', false, NULL),
        ('args_storage', 'text', false, NULL),
        ('args_inline', 'text', false, NULL),
        ('args_s3_key', 'text', false, NULL),
        ('args_sha256', 'bytea', false, NULL),
        ('args_bytes', 'bigint', false, NULL),
        ('args_preview', 'text', false, NULL),
        ('result_storage', 'text', false, NULL),
        ('result_inline', 'text', false, NULL),
        ('result_s3_key', 'text', false, NULL),
        ('result_sha256', 'bytea', false, NULL),
        ('result_bytes', 'bigint', false, NULL),
        ('result_preview', 'text', false, NULL) $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid = 'agents.tool_call'::regclass
           AND contype IN ('p', 'u', 'f')
           AND convalidated $$,
    $$ VALUES
        ('tool_call_pk'::name, 'PRIMARY KEY (firm_id, tool_call_id, requested_at)'),
        ('tool_call_call_no_uq', 'UNIQUE (firm_id, run_id, call_no, attempt_no, requested_at)'),
        ('tool_call_run_fk',
         'FOREIGN KEY (firm_id, run_id, run_started_at) '
         'REFERENCES agents.agent_run_key(firm_id, run_id, started_at) ON DELETE RESTRICT'),
        ('tool_call_child_run_fk',
         'FOREIGN KEY (firm_id, child_run_id) '
         'REFERENCES agents.agent_run_key(firm_id, run_id) ON DELETE RESTRICT'),
        ('tool_call_definition_fk',
         'FOREIGN KEY (tool_name, tool_version, definition_sha256) '
         'REFERENCES agents.tool_registry(tool_name, tool_version, definition_sha256) '
         'ON DELETE RESTRICT') $$,
    'every key and every reference begins with the firm, but for the tools that all firms share'
);
SELECT set_eq(
    $$ SELECT conname
       FROM pg_constraint
       WHERE conrelid = 'agents.tool_call'::regclass AND contype = 'c' AND convalidated $$,
    ARRAY[
        'tool_call_call_no_ck', 'tool_call_attempt_no_ck', 'tool_call_child_is_another_run_ck',
        'tool_call_idempotency_key_ck', 'tool_call_status_ck', 'tool_call_running_has_started_ck',
        'tool_call_not_yet_started_ck', 'tool_call_ended_when_over_ck',
        'tool_call_times_in_order_ck', 'tool_call_failed_has_error_ck',
        'tool_call_error_message_ck', 'tool_call_result_when_over_ck',
        'tool_call_approval_status_ck', 'tool_call_approval_fits_status_ck',
        'tool_call_approval_is_signed_ck', 'tool_call_approved_args_ck', 'tool_call_cost_usd_ck',
        'tool_call_span_id_ck', 'tool_call_args_storage_ck', 'tool_call_args_place_ck',
        'tool_call_args_inline_ck', 'tool_call_args_s3_key_ck', 'tool_call_args_sha256_ck',
        'tool_call_args_bytes_ck', 'tool_call_args_preview_ck', 'tool_call_result_storage_ck',
        'tool_call_result_place_ck', 'tool_call_result_inline_ck', 'tool_call_result_s3_key_ck',
        'tool_call_result_sha256_ck', 'tool_call_result_bytes_ck', 'tool_call_result_preview_ck',
        'tool_call_times_are_finite_ck'
    ]::name[],
    'the rules of a row are those that are tried below'
);
SELECT set_eq(
    $$ SELECT indexrelid::regclass::text, indisunique,
           substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       WHERE indrelid = 'agents.tool_call'::regclass AND indisvalid $$,
    $$ VALUES
        ('agents.tool_call_pk', true, 'btree (firm_id, tool_call_id, requested_at)'),
        ('agents.tool_call_call_no_uq', true,
         'btree (firm_id, run_id, call_no, attempt_no, requested_at)'),
        ('agents.tool_call_definition_ix', false,
         'btree (firm_id, tool_name, tool_version, requested_at)'),
        ('agents.tool_call_child_run_ix', false,
         'btree (firm_id, child_run_id) WHERE (child_run_id IS NOT NULL)'),
        ('agents.tool_call_idempotency_key_ix', false,
         'btree (firm_id, run_id, idempotency_key) WHERE (idempotency_key IS NOT NULL)'),
        ('agents.tool_call_attention_ix', false,
         'btree (firm_id, status, requested_at) WHERE (status = ANY (ARRAY[''requested''::text, '
         '''waiting_approval''::text, ''running''::text, ''failed''::text, ''timed_out''::text, '
         '''unknown''::text]))') $$,
    'the indexes are those of the keys, of tools, of subagents and of what needs attention'
);
SELECT set_eq(
    $$ SELECT tgname, tgenabled::text, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid = 'agents.tool_call'::regclass AND NOT tgisinternal $$,
    $$ VALUES
        ('tool_call_forbid_delete_tg'::name, 'O',
         'BEFORE DELETE ON agents.tool_call FOR EACH ROW '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('tool_call_forbid_truncate_tg', 'O',
         'BEFORE TRUNCATE ON agents.tool_call FOR EACH STATEMENT '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('tool_call_guard_tg', 'O',
         'BEFORE UPDATE ON agents.tool_call FOR EACH ROW '
         'EXECUTE FUNCTION agents.guard_tool_call()') $$,
    'what is triggered is the refusal to lose a row, and the state machine'
);
SELECT set_eq(
    $$ SELECT pg_get_partkeydef(oid), relrowsecurity, relforcerowsecurity, relowner::regrole::text
       FROM pg_class
       WHERE oid = 'agents.tool_call'::regclass $$,
    $$ VALUES ('RANGE (requested_at)', true, true, 'muniment_owner') $$,
    'it is split by requested_at, and row security binds its owner too'
);
SET LOCAL timezone = 'UTC';
SELECT set_eq(
    $$ SELECT relid::text, relrowsecurity, relforcerowsecurity, relowner::regrole::text,
           array_to_string(reloptions, ', '), pg_get_expr(relpartbound, oid)
       FROM pg_partition_tree('agents.tool_call')
       JOIN pg_class ON oid = relid
       WHERE isleaf $$,
    $$ VALUES
        ('agents.tool_call_p202605', true, true, 'muniment_owner', NULL,
         'FOR VALUES FROM (''2026-05-01 00:00:00+00'') TO (''2026-06-01 00:00:00+00'')'),
        ('agents.tool_call_p202606', true, true, 'muniment_owner', NULL,
         'FOR VALUES FROM (''2026-06-01 00:00:00+00'') TO (''2026-07-01 00:00:00+00'')'),
        ('agents.tool_call_p202607', true, true, 'muniment_owner', NULL,
         'FOR VALUES FROM (''2026-07-01 00:00:00+00'') TO (''2026-08-01 00:00:00+00'')') $$,
    'it begins with three months of UTC, each under row security, and has no default partition'
);
SELECT is_empty(
    $$ SELECT relid, grantee::regrole, privilege_type
       FROM pg_partition_tree('agents.tool_call')
       JOIN pg_class ON oid = relid,
           aclexplode(relacl)
       WHERE isleaf AND grantee <> relowner $$,
    'nobody is granted a month'
);
SELECT set_eq(
    $$ SELECT tablename, policyname
       FROM pg_policies
       WHERE schemaname = 'agents'
           AND tablename LIKE 'tool_call\_p______'
           AND roles = '{muniment_owner}'
           AND permissive = 'PERMISSIVE'
           AND cmd = 'ALL'
           AND qual = '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))'
           AND with_check = qual $$,
    $$ VALUES
        ('tool_call_p202605'::name, 'tool_call_p202605_owner'::name),
        ('tool_call_p202606', 'tool_call_p202606_owner'),
        ('tool_call_p202607', 'tool_call_p202607_owner') $$,
    'a month is closed to everyone but its owner, who must name a tenant too'
);
SELECT is_empty(
    $$ SELECT tablename, policyname
       FROM pg_policies
       WHERE schemaname = 'agents'
           AND tablename LIKE 'tool_call\_p______'
           AND policyname <> tablename || '_owner' $$,
    'no other policy opens a month'
);
-- A month inherits a trigger for each row, but none for a statement: that one is its own.
SELECT set_eq(
    $$ SELECT tgname, tgenabled::text, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid = 'agents.tool_call_p202606'::regclass AND NOT tgisinternal $$,
    $$ VALUES
        ('tool_call_forbid_delete_tg'::name, 'O',
         'BEFORE DELETE ON agents.tool_call_p202606 FOR EACH ROW '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('tool_call_p202606_forbid_truncate_tg', 'O',
         'BEFORE TRUNCATE ON agents.tool_call_p202606 FOR EACH STATEMENT '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('tool_call_guard_tg', 'O',
         'BEFORE UPDATE ON agents.tool_call_p202606 FOR EACH ROW '
         'EXECUTE FUNCTION agents.guard_tool_call()') $$,
    'a month refuses to lose a row too, and holds it to its states'
);
SELECT set_eq(
    $$ SELECT policyname, permissive, cmd, roles::text
       FROM pg_policies
       WHERE schemaname = 'agents' AND tablename = 'tool_call' $$,
    $$ VALUES
        ('tool_call_tenant'::name, 'PERMISSIVE', 'ALL',
         '{muniment_app,muniment_owner,muniment_reader}'),
        ('tool_call_tenant_guard', 'RESTRICTIVE', 'ALL',
         '{muniment_app,muniment_owner,muniment_reader}'),
        ('tool_call_service', 'PERMISSIVE', 'ALL', '{muniment_service}') $$,
    'one policy lets the tenant in, one keeps the others out, one is for the backend of all firms'
);
SELECT is_empty(
    $$ SELECT policyname, qual, with_check
       FROM pg_policies
       WHERE schemaname = 'agents'
           AND tablename = 'tool_call'
           AND policyname <> 'tool_call_service'
           AND (qual, with_check) IS DISTINCT FROM (
               '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))',
               '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))'
           ) $$,
    'both compare the firm with the tenant, which is asked for once a statement'
);

-- Behaviour -----------------------------------------------------------------

-- What becomes of a call with these differences from a good one: accepted, or the SQLSTATE and the
-- name of the rule that refuses it. Nothing of it stays.
CREATE FUNCTION pg_temp.fate_of(p_difference jsonb)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_rule text;
BEGIN
    INSERT INTO agents.tool_call
    SELECT call.*
    FROM jsonb_populate_record(
        NULL::agents.tool_call,
        jsonb_build_object(
            'firm_id', '00000000-0000-4000-8000-00000000000a',
            'tool_call_id', 'ca110000-0000-4000-8000-0000000000a1',
            'requested_at', '2026-06-15T12:00:00Z',
            'run_id', '00000000-0000-4000-8000-0000000000a1',
            'run_started_at', '2026-06-15T11:00:00Z',
            'call_no', 1,
            'attempt_no', 1,
            'tool_name', 'get_matter',
            'tool_version', '1.0.0',
            'definition_sha256', (
                SELECT definition_sha256::text
                FROM agents.tool_registry
                WHERE (tool_name, tool_version) = ('get_matter', '1.0.0')
            ),
            'status', 'requested',
            'approval_status', 'not_required'
        ) || p_difference
    ) AS call;
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_rule = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(nullif(v_rule, ''), SQLERRM));
END;
$$;

-- The columns of a body, args or result, that is in the row.
CREATE FUNCTION pg_temp.inline(p_body text, p_content text)
RETURNS jsonb
LANGUAGE sql
AS $$
    SELECT jsonb_build_object(
        p_body || '_storage', 'inline',
        p_body || '_inline', p_content,
        p_body || '_sha256', sha256(convert_to(p_content, 'UTF8'))::text,
        p_body || '_bytes', octet_length(convert_to(p_content, 'UTF8'))
    )
$$;

-- The columns of a body, args or result, that is on the shelf.
CREATE FUNCTION pg_temp.on_the_shelf(p_body text, p_sha256 bytea DEFAULT sha256('a body'))
RETURNS jsonb
LANGUAGE sql
AS $$
    SELECT jsonb_build_object(
        p_body || '_storage', 's3',
        p_body || '_s3_key',
        'agents/00000000-0000-4000-8000-00000000000a/202606/00000000-0000-4000-8000-0000000000a1/'
        || p_body || '/' || encode(p_sha256, 'hex') || '.json',
        p_body || '_sha256', p_sha256::text,
        p_body || '_bytes', 40000
    )
$$;

SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
INSERT INTO agents.agent_run_key (firm_id, run_id, started_at) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a1',
        '2026-06-15 11:00:00+00'
    ),
    (
        '00000000-0000-4000-8000-00000000000a',
        '00000000-0000-4000-8000-0000000000a2',
        '2026-06-15 12:00:00+00'
    );
INSERT INTO agents.agent_run (firm_id, run_id, started_at, root_run_id, agent_name)
SELECT firm_id, run_id, started_at, run_id, 'MatterChatAgent'
FROM agents.agent_run_key;
INSERT INTO agents.tool_call (
    firm_id, requested_at, run_id, run_started_at, call_no, tool_name, tool_version,
    definition_sha256
)
SELECT
    '00000000-0000-4000-8000-00000000000a',
    '2026-06-15 12:00:00+00',
    '00000000-0000-4000-8000-0000000000a2',
    '2026-06-15 12:00:00+00',
    1,
    tool_name,
    tool_version,
    definition_sha256
FROM agents.tool_registry
WHERE tool_name = 'get_matter';

SELECT results_eq(
    $$ SELECT attempt_no, status, approval_status, args_storage, result_storage, cost_usd
       FROM agents.tool_call $$,
    $$ VALUES (1, 'requested', 'not_required', NULL::text, NULL::text, NULL::numeric) $$,
    'a call begins requested, at its first attempt, without bodies and not priced'
);
SELECT matches(
    (SELECT tool_call_id::text FROM agents.tool_call),
    '^.{14}7',
    'the id of a call is made in the order of time'
);

SELECT is(pg_temp.fate_of(difference), fate, promise)
FROM (
    VALUES
        ('{}'::jsonb, 'accepted', 'a call is accepted'),

        -- Its place in the run.
        ('{"call_no": 0}', '23514 tool_call_call_no_ck', 'calls are counted from 1'),
        ('{"attempt_no": 0}', '23514 tool_call_attempt_no_ck', 'attempts are counted from 1'),
        ('{
            "run_id": "00000000-0000-4000-8000-0000000000a2",
            "run_started_at": "2026-06-15T12:00:00Z"
         }', '23505 tool_call_p202606_firm_id_run_id_call_no_attempt_no_request_key',
         'an attempt is recorded once'),
        ('{
            "run_id": "00000000-0000-4000-8000-0000000000a2",
            "run_started_at": "2026-06-15T12:00:00Z", "attempt_no": 2
         }', 'accepted', 'a retry is another attempt'),
        ('{"run_id": null}', '23502 null value in column "run_id" of relation "tool_call_p202606" '
         'violates not-null constraint', 'a call belongs to a run'),
        ('{"run_started_at": null}', '23502 null value in column "run_started_at" of relation '
         '"tool_call_p202606" violates not-null constraint', 'half a reference is refused'),
        ('{"run_id": "00000000-0000-4000-8000-0000000000a9"}', '23503 tool_call_run_fk',
         'a call of a run that is not there is refused'),
        ('{"run_started_at": "2026-06-15T11:00:01Z"}', '23503 tool_call_run_fk',
         'a call cannot say that its run started at another time'),
        ('{"child_run_id": "00000000-0000-4000-8000-0000000000a2"}', 'accepted',
         'a call may start a run'),
        ('{"child_run_id": "00000000-0000-4000-8000-0000000000a1"}',
         '23514 tool_call_child_is_another_run_ck', 'a call does not start the run that it is of'),
        ('{"child_run_id": "00000000-0000-4000-8000-0000000000a9"}', '23503 tool_call_child_run_fk',
         'a call does not start a run that is not there'),
        ('{"turn_id": "70000000-0000-4000-8000-0000000000a9"}', 'accepted',
         'the turn that asked may have left with its month'),
        (jsonb_build_object('idempotency_key', repeat('ü', 255)), 'accepted',
         'an idempotency key has up to 255 characters'),
        (jsonb_build_object('idempotency_key', repeat('ü', 256)),
         '23514 tool_call_idempotency_key_ck', 'a longer idempotency key is refused'),
        ('{"idempotency_key": "9"}', 'accepted', 'an idempotency key may be short'),
        ('{"idempotency_key": ""}', '23514 tool_call_idempotency_key_ck',
         'an empty idempotency key is refused'),

        -- Its tool.
        ('{"tool_name": "make_coffee"}', '23503 tool_call_definition_fk',
         'a tool that is not registered is not called'),
        ('{"tool_version": "1.0.1"}', '23503 tool_call_definition_fk',
         'a version that is not registered is not called'),
        (jsonb_build_object('definition_sha256', sha256('another definition')::text),
         '23503 tool_call_definition_fk',
         'a definition other than the registered one is not called'),
        ('{"definition_sha256": null}', '23502 null value in column "definition_sha256" of '
         'relation "tool_call_p202606" violates not-null constraint',
         'a call says what the model was told'),

        -- Where it stands.
        ('{"status": "running", "started_at": "2026-06-15T12:00:00Z"}', 'accepted',
         'a call may be running'),
        ('{
            "status": "succeeded", "started_at": "2026-06-15T12:00:00Z",
            "ended_at": "2026-06-15T12:00:00Z"
         }', 'accepted', 'a call may succeed, in no time even'),
        ('{"status": "succeeded", "ended_at": "2026-06-15T12:00:01Z"}', 'accepted',
         'an import may not know when it started'),
        ('{
            "status": "failed", "started_at": "2026-06-15T12:00:00Z",
            "ended_at": "2026-06-15T12:00:01Z", "error_type": "timeout"
         }', 'accepted', 'a call may fail'),
        ('{
            "status": "timed_out", "started_at": "2026-06-15T12:00:00Z",
            "ended_at": "2026-06-15T12:00:01Z"
         }', 'accepted', 'a call may time out'),
        ('{"status": "cancelled", "ended_at": "2026-06-15T12:00:01Z"}', 'accepted',
         'a call may be cancelled before it starts'),
        ('{"status": "unknown", "started_at": "2026-06-15T12:00:00Z"}', 'accepted',
         'an effect may have happened that nobody saw end'),
        ('{
            "status": "unknown", "started_at": "2026-06-15T12:00:00Z",
            "ended_at": "2026-06-15T12:00:01Z"
         }', 'accepted', 'a call may end in doubt about its effect'),
        ('{"status": "done", "ended_at": "2026-06-15T12:00:01Z"}', '23514 tool_call_status_ck',
         'another status is refused'),
        ('{"status": "running"}', '23514 tool_call_running_has_started_ck',
         'a call that runs has started'),
        ('{"started_at": "2026-06-15T12:00:01Z"}', '23514 tool_call_not_yet_started_ck',
         'a call that is requested has not started'),
        ('{"ended_at": "2026-06-15T12:00:01Z"}', '23514 tool_call_ended_when_over_ck',
         'a call that is requested has not ended'),
        ('{
            "status": "running", "started_at": "2026-06-15T12:00:00Z",
            "ended_at": "2026-06-15T12:00:01Z"
         }', '23514 tool_call_ended_when_over_ck', 'a call that runs has not ended'),
        ('{"status": "succeeded"}', '23514 tool_call_ended_when_over_ck',
         'a call that succeeded has ended'),
        ('{"status": "failed", "error_type": "timeout"}', '23514 tool_call_ended_when_over_ck',
         'a call that failed has ended'),
        ('{"status": "timed_out"}', '23514 tool_call_ended_when_over_ck',
         'a call that timed out has ended'),
        ('{"status": "cancelled"}', '23514 tool_call_ended_when_over_ck',
         'a call that was cancelled has ended'),
        ('{"requested_at": "2026-06-15T11:00:00Z"}', 'accepted',
         'a call may be asked for as soon as the run starts'),
        ('{"requested_at": "2026-06-15T10:59:59.999999Z"}', '23514 tool_call_times_in_order_ck',
         'a call is not asked for before the run starts'),
        ('{"status": "running", "started_at": "2026-06-15T11:59:59.999999Z"}',
         '23514 tool_call_times_in_order_ck', 'a call does not start before it is asked for'),
        ('{
            "status": "succeeded", "started_at": "2026-06-15T12:00:01Z",
            "ended_at": "2026-06-15T12:00:00Z"
         }', '23514 tool_call_times_in_order_ck', 'a call does not end before it starts'),
        ('{"status": "succeeded", "ended_at": "2026-06-15T11:59:59.999999Z"}',
         '23514 tool_call_times_in_order_ck', 'a call does not end before it is asked for'),
        ('{"status": "failed", "ended_at": "2026-06-15T12:00:01Z"}',
         '23514 tool_call_failed_has_error_ck', 'a call that failed says with what'),
        (jsonb_build_object('error_message', repeat('ü', 1024)), 'accepted',
         'an error message has up to 2,048 bytes'),
        (jsonb_build_object('error_message', repeat('ü', 1024) || '.'),
         '23514 tool_call_error_message_ck', 'a longer error message is refused'),
        (pg_temp.inline('result', 'r'), '23514 tool_call_result_when_over_ck',
         'there is no result before the end'),
        (pg_temp.inline('result', 'r') || '{"status": "unknown"}',
         '23514 tool_call_result_when_over_ck',
         'there is no result of a call that did not end, in doubt or not'),
        ('{"cost_usd": 0}', 'accepted', 'a call may be free'),
        ('{"cost_usd": 0.000000001}', 'accepted', 'a price is exact to a billionth of a dollar'),
        ('{"cost_usd": -0.000000001}', '23514 tool_call_cost_usd_ck',
         'a call does not cost less than nothing'),
        ('{"cost_usd": "NaN"}', '23514 tool_call_cost_usd_ck',
         'a price is a number, or every sum with it is none'),
        ('{"span_id": "0123456789abcdef"}', 'accepted', 'a span id is 16 hex digits'),
        (jsonb_build_object('span_id', repeat('0F', 8)), '23514 tool_call_span_id_ck',
         'a span id in capitals is refused'),
        (jsonb_build_object('span_id', repeat('0', 15)), '23514 tool_call_span_id_ck',
         'a shorter span id is refused'),
        (jsonb_build_object('span_id', repeat('0', 17)), '23514 tool_call_span_id_ck',
         'a longer span id is refused'),

        -- Times.
        ('{
            "status": "succeeded", "started_at": "infinity", "ended_at": "infinity"
         }', '23514 tool_call_times_are_finite_ck', 'a call does not start at the end of time'),
        ('{"status": "running", "started_at": "infinity"}', '23514 tool_call_times_are_finite_ck',
         'a call does not run at the end of time'),
        ('{"status": "succeeded", "ended_at": "infinity"}', '23514 tool_call_times_are_finite_ck',
         'a call does not end at the end of time'),
        ('{"approval_expires_at": "infinity"}', '23514 tool_call_times_are_finite_ck',
         'nobody is asked for ever'),
        ('{"approval_expires_at": "-infinity"}', '23514 tool_call_times_are_finite_ck',
         'nobody was asked before time began')
) AS call (difference, fate, promise);

-- A person's decision. What was approved is what runs.
SELECT is(pg_temp.fate_of(difference), fate, promise)
FROM (
    VALUES
        ('{
            "status": "waiting_approval", "approval_status": "pending",
            "approval_expires_at": "2026-06-16T12:00:00Z"
         }'::jsonb, 'accepted', 'a call may wait for a person'),
        ('{"approval_status": "pending"}', '23514 tool_call_approval_fits_status_ck',
         'a pending approval holds the call up'),
        ('{
            "status": "running", "approval_status": "pending", "started_at": "2026-06-15T12:00:00Z"
         }', '23514 tool_call_approval_fits_status_ck',
         'a call does not run before it is approved'),
        ('{"status": "waiting_approval"}', '23514 tool_call_approval_fits_status_ck',
         'a call that needs no approval does not wait for one'),
        ('{
            "status": "waiting_approval", "approval_status": "pending",
            "started_at": "2026-06-15T12:00:00Z"
         }', '23514 tool_call_not_yet_started_ck', 'a call that waits has not started'),
        ('{
            "status": "waiting_approval", "approval_status": "pending",
            "ended_at": "2026-06-15T12:00:00Z"
         }', '23514 tool_call_ended_when_over_ck', 'a call that waits has not ended'),
        ('{
            "status": "denied", "approval_status": "denied", "approval_decided_by": "U-1",
            "approval_decided_at": "2026-06-15T12:01:00Z", "ended_at": "2026-06-15T12:01:00Z"
         }', 'accepted', 'a person may deny it'),
        ('{
            "status": "denied", "approval_status": "denied", "approval_decided_by": "U-1",
            "approval_decided_at": "2026-06-15T12:01:00Z"
         }', '23514 tool_call_ended_when_over_ck', 'a call that is denied is over'),
        ('{
            "status": "denied", "approval_status": "denied", "approval_decided_by": "U-1",
            "approval_decided_at": "2026-06-15T12:01:00Z", "started_at": "2026-06-15T12:00:00Z",
            "ended_at": "2026-06-15T12:01:00Z"
         }', '23514 tool_call_not_yet_started_ck', 'a call that is denied never started'),
        ('{
            "status": "denied", "approval_status": "denied", "ended_at": "2026-06-15T12:01:00Z",
            "approval_decided_at": "2026-06-15T12:01:00Z"
         }', '23514 tool_call_approval_is_signed_ck', 'who denies gives a name'),
        ('{
            "status": "denied", "approval_status": "denied", "ended_at": "2026-06-15T12:01:00Z",
            "approval_decided_by": "U-1"
         }', '23514 tool_call_approval_is_signed_ck', 'who denies gives a time'),
        ('{"status": "denied", "ended_at": "2026-06-15T12:01:00Z"}',
         '23514 tool_call_approval_fits_status_ck', 'nothing is denied that nobody was asked for'),
        ('{
            "status": "cancelled", "approval_status": "denied", "approval_decided_by": "U-1",
            "approval_decided_at": "2026-06-15T12:01:00Z", "ended_at": "2026-06-15T12:01:00Z"
         }', '23514 tool_call_approval_fits_status_ck', 'what was denied is denied'),
        ('{"status": "denied", "approval_status": "expired", "ended_at": "2026-06-15T12:01:00Z"}',
         'accepted', 'no answer may count as a denial'),
        ('{
            "status": "cancelled", "approval_status": "expired", "ended_at": "2026-06-15T12:01:00Z"
         }', 'accepted', 'no answer may cancel the call'),
        ('{"approval_status": "expired"}', '23514 tool_call_approval_fits_status_ck',
         'no answer never lets it run'),
        ('{
            "status": "cancelled", "approval_status": "expired", "approval_decided_by": "U-1",
            "approval_decided_at": "2026-06-15T12:01:00Z", "ended_at": "2026-06-15T12:01:00Z"
         }', '23514 tool_call_approval_is_signed_ck', 'nobody has decided what expired'),
        ('{
            "status": "waiting_approval", "approval_status": "pending", "approval_decided_by": "U-1"
         }', '23514 tool_call_approval_is_signed_ck', 'nobody has decided what is pending'),
        ('{"approval_decided_at": "2026-06-15T12:01:00Z"}',
         '23514 tool_call_approval_is_signed_ck', 'nobody has decided what was never asked'),
        ('{
            "status": "succeeded", "ended_at": "2026-06-15T12:01:00Z",
            "approval_status": "not_recorded"
         }', 'accepted', 'an import may not know whether somebody was asked'),
        ('{
            "status": "succeeded", "ended_at": "2026-06-15T12:01:00Z",
            "approval_status": "not_recorded", "approval_decided_by": "U-1"
         }', '23514 tool_call_approval_is_signed_ck',
         'an import that does not know whether does not know who'),
        ('{"status": "waiting_approval", "approval_status": "not_recorded"}',
         '23514 tool_call_approval_fits_status_ck',
         'nothing waits for an answer that is not recorded'),
        (pg_temp.inline('args', '{"to": ["client"]}') || jsonb_build_object(
            'approval_status', 'approved', 'approval_decided_by', 'U-1',
            'approval_decided_at', '2026-06-15T12:01:00Z',
            'approval_args_sha256', sha256('{"to": ["client"]}')::text
         ), 'accepted', 'a person may approve it'),
        (pg_temp.inline('args', '{"to": ["client"]}') || jsonb_build_object(
            'approval_status', 'approved', 'approval_decided_at', '2026-06-15T12:01:00Z',
            'approval_args_sha256', sha256('{"to": ["client"]}')::text
         ), '23514 tool_call_approval_is_signed_ck', 'who approves gives a name'),
        (pg_temp.inline('args', '{"to": ["client"]}') || jsonb_build_object(
            'approval_status', 'approved', 'approval_decided_by', 'U-1',
            'approval_args_sha256', sha256('{"to": ["client"]}')::text
         ), '23514 tool_call_approval_is_signed_ck', 'who approves gives a time'),
        (pg_temp.inline('args', '{"to": ["everybody"]}') || jsonb_build_object(
            'approval_status', 'approved', 'approval_decided_by', 'U-1',
            'approval_decided_at', '2026-06-15T12:01:00Z',
            'approval_args_sha256', sha256('{"to": ["client"]}')::text
         ), '23514 tool_call_approved_args_ck', 'other arguments were not approved'),
        (jsonb_build_object(
            'approval_status', 'approved', 'approval_decided_by', 'U-1',
            'approval_decided_at', '2026-06-15T12:01:00Z',
            'approval_args_sha256', sha256('{"to": ["client"]}')::text
         ), '23514 tool_call_approved_args_ck', 'a call without arguments has not those'),
        (pg_temp.inline('args', '{"to": ["client"]}') || jsonb_build_object(
            'approval_status', 'approved', 'approval_decided_by', 'U-1',
            'approval_decided_at', '2026-06-15T12:01:00Z'
         ), '23514 tool_call_approved_args_ck', 'an approval says of what'),
        ('{
            "approval_status": "approved", "approval_decided_by": "U-1",
            "approval_decided_at": "2026-06-15T12:01:00Z"
         }', '23514 tool_call_approved_args_ck', 'nothing at all is not approved'),
        (pg_temp.inline('args', '{"to": ["client"]}') || jsonb_build_object(
            'status', 'waiting_approval', 'approval_status', 'approved',
            'approval_decided_by', 'U-1', 'approval_decided_at', '2026-06-15T12:01:00Z',
            'approval_args_sha256', sha256('{"to": ["client"]}')::text
         ), '23514 tool_call_approval_fits_status_ck', 'what is approved does not wait any more'),
        (pg_temp.inline('args', '{"to": ["client"]}') || jsonb_build_object(
            'status', 'denied', 'ended_at', '2026-06-15T12:01:00Z', 'approval_status', 'approved',
            'approval_decided_by', 'U-1', 'approval_decided_at', '2026-06-15T12:01:00Z',
            'approval_args_sha256', sha256('{"to": ["client"]}')::text
         ), '23514 tool_call_approval_fits_status_ck', 'what is approved is not denied'),
        (pg_temp.inline('args', '{"to": ["client"]}') || jsonb_build_object(
            'approval_status', 'approved', 'approval_decided_by', 'U-1',
            'approval_decided_at', 'infinity',
            'approval_args_sha256', sha256('{"to": ["client"]}')::text
         ), '23514 tool_call_times_are_finite_ck', 'nobody decides at the end of time'),
        ('{"approval_status": "perhaps"}', '23514 tool_call_approval_status_ck',
         'another state of approval is refused')
) AS call (difference, fate, promise);

-- Both bodies of a call that is over, by the same rules.
SELECT is(
    pg_temp.fate_of(
        '{"status": "succeeded", "ended_at": "2026-06-15T12:00:01Z"}'
        || columns
        || replace(difference, 'BODY', body)::jsonb
    ),
    replace(fate, 'BODY', body),
    format('%s: %s', body, promise)
)
FROM
    unnest(ARRAY['args', 'result']) AS body,
    LATERAL (
        VALUES
            (pg_temp.inline(body, 'Grüße'), '{}', 'accepted', 'the body may be in the row'),
            (pg_temp.inline(body, ''), '{}', 'accepted', 'an empty body is a body'),
            (pg_temp.on_the_shelf(body), '{}', 'accepted', 'the body may be on the shelf'),
            (pg_temp.on_the_shelf(body), '{"BODY_storage": "redacted", "BODY_s3_key": null}',
             'accepted', 'the body may be taken away, and its hash and length be left'),
            (pg_temp.on_the_shelf(body), '{"BODY_storage": "redacted"}',
             '23514 tool_call_BODY_place_ck', 'what is taken away has no key'),
            (pg_temp.inline(body, 'b'), '{"BODY_storage": "redacted"}',
             '23514 tool_call_BODY_place_ck', 'what is taken away is not in the row'),
            (pg_temp.on_the_shelf(body),
             '{"BODY_storage": "redacted", "BODY_s3_key": null, "BODY_preview": "a b"}',
             '23514 tool_call_BODY_place_ck', 'what is taken away cannot be guessed'),
            (pg_temp.on_the_shelf(body),
             '{"BODY_storage": "redacted", "BODY_s3_key": null, "BODY_sha256": null}',
             '23514 tool_call_BODY_place_ck', 'what is taken away has a hash'),
            (pg_temp.on_the_shelf(body),
             '{"BODY_storage": "redacted", "BODY_s3_key": null, "BODY_bytes": null}',
             '23514 tool_call_BODY_place_ck', 'what is taken away has a length'),
            ('{}', '{"BODY_storage": "tape"}', '23514 tool_call_BODY_place_ck',
             'there is no third place for a body'),
            (pg_temp.inline(body, 'b'), '{"BODY_storage": null}', '23514 tool_call_BODY_place_ck',
             'a body says in which place it is'),
            ('{}', '{"BODY_inline": "b"}', '23514 tool_call_BODY_place_ck',
             'a text alone is no body'),
            ('{}', '{"BODY_s3_key": "k"}', '23514 tool_call_BODY_place_ck',
             'a key alone is no body'),
            (pg_temp.inline(body, 'b'), '{"BODY_inline": null}', '23514 tool_call_BODY_place_ck',
             'what is in the row is in the row'),
            (pg_temp.inline(body, 'b'), '{"BODY_sha256": null}', '23514 tool_call_BODY_place_ck',
             'a body in the row has a hash'),
            (pg_temp.inline(body, 'b'), '{"BODY_bytes": null}', '23514 tool_call_BODY_place_ck',
             'a body in the row has a length'),
            (pg_temp.on_the_shelf(body), '{"BODY_s3_key": null}', '23514 tool_call_BODY_place_ck',
             'what is on the shelf has a key'),
            (pg_temp.on_the_shelf(body), '{"BODY_sha256": null}', '23514 tool_call_BODY_place_ck',
             'a body on the shelf has a hash'),
            (pg_temp.on_the_shelf(body), '{"BODY_bytes": null}', '23514 tool_call_BODY_place_ck',
             'a body on the shelf has a length'),
            (pg_temp.on_the_shelf(body), '{"BODY_inline": "a body", "BODY_bytes": 6}',
             '23514 tool_call_BODY_place_ck', 'a body is not in both places'),
            (pg_temp.on_the_shelf(body, sha256('b')) || pg_temp.inline(body, 'b'), '{}',
             '23514 tool_call_BODY_place_ck', 'a body in the row has no key on the shelf'),
            ('{}', '{"BODY_preview": "a bo"}', '23514 tool_call_BODY_place_ck',
             'no preview without a body'),
            ('{}', '{"BODY_sha256": "\\x00"}', '23514 tool_call_BODY_place_ck',
             'no hash without a body'),
            ('{}', '{"BODY_bytes": 0}', '23514 tool_call_BODY_place_ck',
             'no length without a body'),
            (pg_temp.inline(body, 'b'), '{"BODY_bytes": 2}', '23514 tool_call_BODY_inline_ck',
             'a length that is wrong is refused'),
            (pg_temp.inline(body, 'b'), format('{"BODY_sha256": "\\x%s"}', repeat('00', 32)),
             '23514 tool_call_BODY_inline_ck', 'a hash that is wrong is refused'),
            (pg_temp.on_the_shelf(body), format('{"BODY_sha256": "\\x%s"}', repeat('00', 32)),
             '23514 tool_call_BODY_s3_key_ck', 'a key that is of another hash is refused'),
            (pg_temp.on_the_shelf(body, '\x00'), '{}', '23514 tool_call_BODY_sha256_ck',
             'a hash has 32 bytes'),
            (pg_temp.on_the_shelf(body), '{"BODY_bytes": -1}', '23514 tool_call_BODY_bytes_ck',
             'a body is not shorter than nothing'),
            (pg_temp.on_the_shelf(body), format('{"BODY_preview": "%s"}', repeat('ü', 500)),
             'accepted', 'a preview has up to 500 characters'),
            (pg_temp.on_the_shelf(body), format('{"BODY_preview": "%s"}', repeat('ü', 501)),
             '23514 tool_call_BODY_preview_ck', 'a longer preview is refused')
    ) AS call (columns, difference, fate, promise);

-- The registry under the call that is on the books.
RESET ROLE;
SELECT throws_ok(
    $$ UPDATE agents.tool_registry
       SET description = 'Return whatever you like.'
       WHERE tool_name = 'get_matter' $$,
    '23503',
    'update or delete on table "tool_registry" violates foreign key constraint '
    '"tool_call_definition_fk" on table "tool_call"',
    'a version that was called cannot be rewritten under the call, not even by a superuser'
);
SELECT throws_ok(
    $$ DELETE FROM agents.tool_registry WHERE tool_name = 'get_matter' $$,
    -- Since version 18 a RESTRICT has its own SQLSTATE.
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'a version that was called cannot be removed'
);
SELECT lives_ok(
    $$ UPDATE agents.tool_registry SET is_active = false WHERE tool_name = 'get_matter' $$,
    'a version that was called can be taken out of use'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_class, aclexplode(relacl)
       WHERE pg_class.oid = 'agents.tool_call'::regclass AND grantee <> relowner $$,
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
       WHERE attrelid = 'agents.tool_call'::regclass
       GROUP BY 1, 2, 3 $$,
    $$ VALUES
        ('muniment_app', 'UPDATE', false,
         'approval_args_sha256 approval_decided_at approval_decided_by approval_reason '
         'approval_status child_run_id cost_usd ended_at error_message error_type external_ref '
         'is_error_retryable result_bytes result_inline result_preview result_s3_key '
         'result_sha256 result_storage started_at status'),
        ('muniment_service', 'UPDATE', false,
         'approval_status args_inline args_preview args_s3_key args_storage ended_at '
         'error_message error_type is_error_retryable result_inline result_preview '
         'result_s3_key result_storage status') $$,
    'agents say what becomes of a call, the backend ends it and takes bodies away'
);
SELECT throws_ok(
    $$ DELETE FROM agents.tool_call $$,
    'MU001',
    'agents.tool_call_p202606 is append-only: delete refused',
    'not even a superuser deletes a call'
);
SELECT throws_ok(
    $$ TRUNCATE agents.tool_call CASCADE $$,
    'MU001',
    'agents.tool_call is append-only: truncate refused',
    'not even a superuser empties the table of calls'
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format(statement, 'agents.tool_call'),
    '42501',
    'permission denied for table tool_call',
    promise
)
FROM (
    VALUES
        ('UPDATE %s SET firm_id = firm_id', 'an agent cannot rewrite a call'),
        ('DELETE FROM %s', 'an agent cannot delete a call'),
        ('TRUNCATE %s CASCADE', 'an agent cannot empty the table')
) AS attempt (statement, promise);

RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ INSERT INTO agents.tool_call DEFAULT VALUES $$,
    '42501',
    'permission denied for table tool_call',
    'a reader cannot write a call'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;

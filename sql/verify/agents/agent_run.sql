-- Verify agents:agent_run on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, run_id, started_at, session_id, parent_run_id, root_run_id, depth, operation,
    agent_name, agent_version, prompt_name, prompt_version, subject_type, subject_id, actor_type,
    actor_id, provider_name, request_model, response_model, status, attempt_no, worker_id,
    heartbeat_at, lease_expires_at, cancel_requested_at, ended_at, finish_reason, error_type,
    error_message, is_error_retryable, input_tokens, output_tokens, cache_read_tokens,
    cache_write_tokens, reasoning_tokens, cost_usd, price_ref, first_token_ms, trace_id, span_id,
    metadata
FROM agents.agent_run
WHERE false;

DO $verify$
DECLARE
    v_own_rows CONSTANT text :=
        '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))';
    v_offender text;
BEGIN
    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'agent_run_pk', 'agent_run_key_fk', 'agent_run_session_fk', 'agent_run_parent_fk',
        'agent_run_root_fk', 'agent_run_place_in_tree_ck', 'agent_run_operation_ck',
        'agent_run_agent_name_ck', 'agent_run_subject_ck', 'agent_run_actor_ck',
        'agent_run_status_ck', 'agent_run_attempt_no_ck', 'agent_run_running_has_lease_ck',
        'agent_run_ended_when_terminal_ck', 'agent_run_ended_after_started_ck',
        'agent_run_failed_has_error_ck', 'agent_run_error_message_ck', 'agent_run_tokens_ck',
        'agent_run_input_includes_cache_ck', 'agent_run_output_includes_reasoning_ck',
        'agent_run_cost_usd_ck', 'agent_run_first_token_ms_ck', 'agent_run_trace_id_ck',
        'agent_run_span_id_ck', 'agent_run_times_are_finite_ck', 'agent_run_metadata_ck'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = 'agents.agent_run'::regclass
            AND conname = want.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run: missing or not validated: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_constraint
    WHERE conrelid = 'agents.agent_run_key'::regclass
        AND conname = 'agent_run_key_run_fk'
        AND convalidated
        AND NOT condeferred;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.agent_run_key: agent_run_key_run_fk is missing or deferred';
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'agent_run_started_at_ix', 'agent_run_session_ix', 'agent_run_parent_ix',
        'agent_run_root_ix', 'agent_run_subject_ix', 'agent_run_attention_ix',
        'agent_run_running_ix', 'agent_run_trace_ix'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index
        WHERE indrelid = 'agents.agent_run'::regclass
            AND indexrelid = to_regclass('agents.' || want.name)
            AND indisvalid
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run: missing or invalid index: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'agent_run_forbid_delete_tg', 'agent_run_forbid_truncate_tg'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = 'agents.agent_run'::regclass
            AND tgname = want.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run: missing or disabled trigger: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.agent_run'::regclass
        AND relowner = 'muniment_owner'::regrole
        AND relrowsecurity
        AND relforcerowsecurity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.agent_run: not of muniment_owner, or row security not forced';
    END IF;

    -- Exactly these policies, for all commands.
    SELECT string_agg(coalesce(have.polname, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('agent_run_tenant', true, v_own_rows),
            ('agent_run_tenant_guard', false, v_own_rows),
            ('agent_run_service', true, 'true')
    ) AS want (name, is_permissive, rows)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid = 'agents.agent_run'::regclass
    ) AS have ON have.polname = want.name
    WHERE have.polname IS NULL
        OR want.name IS NULL
        OR have.polpermissive <> want.is_permissive
        OR have.polcmd <> '*'
        OR ARRAY(SELECT role::regrole::text FROM unnest(have.polroles) AS role ORDER BY 1)
            <> CASE
                WHEN want.rows = 'true' THEN ARRAY['muniment_service']
                ELSE ARRAY['muniment_app', 'muniment_owner', 'muniment_reader']
            END
        OR pg_get_expr(have.polqual, have.polrelid) IS DISTINCT FROM want.rows
        OR pg_get_expr(have.polwithcheck, have.polrelid) IS DISTINCT FROM want.rows;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run: policy missing, foreign or changed: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_inherits
    WHERE inhparent = 'agents.agent_run'::regclass;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.agent_run: no partition at all'
            USING HINT = 'Call agents.ensure_partitions().';
    END IF;

    -- Months come and go. Each that is here is closed to all, and to an owner without a tenant.
    SELECT string_agg(leaf.relname, ', ' ORDER BY leaf.relname)
    INTO v_offender
    FROM pg_catalog.pg_inherits
    INNER JOIN pg_catalog.pg_class AS leaf ON leaf.oid = inhrelid
    WHERE inhparent = 'agents.agent_run'::regclass
        AND (
            NOT leaf.relrowsecurity
            OR NOT leaf.relforcerowsecurity
            OR leaf.relowner <> 'muniment_owner'::regrole
            OR ARRAY(
                SELECT format(
                    '%s %s %s %s %s',
                    polname, polcmd, polroles::regrole[],
                    pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
                )
                FROM pg_catalog.pg_policy
                WHERE polrelid = leaf.oid
            ) <> ARRAY[
                format('%s_owner * {muniment_owner} %s %s', leaf.relname, v_own_rows, v_own_rows)
            ]
            OR NOT EXISTS (
                SELECT
                FROM pg_catalog.pg_trigger
                WHERE tgrelid = leaf.oid
                    AND tgname = leaf.relname || '_forbid_truncate_tg'
                    AND tgenabled = 'O'
            )
            OR EXISTS (
                SELECT
                FROM aclexplode(leaf.relacl) AS acl
                WHERE acl.grantee <> leaf.relowner
            )
            OR EXISTS (
                SELECT
                FROM pg_catalog.pg_attribute
                WHERE attrelid = leaf.oid
                    AND attacl IS NOT NULL
            )
        );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run: partition that is not closed: %', v_offender;
    END IF;

    -- Exactly these rights: one too many is as wrong as one too few.
    SELECT string_agg(
        concat_ws(' ', grantee, privilege), ', ' ORDER BY grantee, privilege
    )
    INTO v_offender
    FROM (
        VALUES
            ('muniment_app', 'INSERT'),
            ('muniment_app', 'SELECT'),
            ('muniment_reader', 'SELECT'),
            ('muniment_service', 'SELECT')
    ) AS want (grantee, privilege)
    FULL JOIN (
        SELECT
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege
        FROM pg_catalog.pg_class
        CROSS JOIN aclexplode(relacl) AS acl
        WHERE pg_class.oid = 'agents.agent_run'::regclass
            AND acl.grantee <> relowner
    ) AS have USING (grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run: right missing or too many: %', v_offender;
    END IF;

    -- Exactly these columns too.
    SELECT string_agg(
        concat_ws(' ', grantee, privilege, attname), ', ' ORDER BY grantee, privilege, attname
    )
    INTO v_offender
    FROM (
        SELECT listed.grantee, listed.privilege, attname
        FROM (
            VALUES
                ('muniment_app', 'UPDATE', ARRAY[
                    'response_model', 'status', 'attempt_no', 'worker_id', 'heartbeat_at',
                    'lease_expires_at', 'cancel_requested_at', 'ended_at', 'finish_reason',
                    'error_type', 'error_message', 'is_error_retryable', 'input_tokens',
                    'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens',
                    'cost_usd', 'price_ref', 'first_token_ms'
                ]),
                ('muniment_service', 'UPDATE', ARRAY[
                    'status', 'ended_at', 'error_type', 'error_message', 'is_error_retryable'
                ])
        ) AS listed (grantee, privilege, columns)
        CROSS JOIN LATERAL unnest(listed.columns) AS attname
    ) AS want
    FULL JOIN (
        SELECT
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege,
            attname::text
        FROM pg_catalog.pg_attribute
        CROSS JOIN aclexplode(attacl) AS acl
        WHERE attrelid = 'agents.agent_run'::regclass
    ) AS have USING (grantee, privilege, attname)
    WHERE want IS NULL
        OR have IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run: column right missing or too many: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;

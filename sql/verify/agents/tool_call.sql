-- Verify agents:tool_call on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, tool_call_id, requested_at, run_id, run_started_at, turn_id, call_no, attempt_no,
    provider_call_id, tool_name, tool_version, definition_sha256, idempotency_key, status,
    started_at, ended_at, error_type, error_message, is_error_retryable, approval_status,
    approval_expires_at, approval_decided_by, approval_decided_at, approval_reason,
    approval_args_sha256, child_run_id, external_ref, cost_usd, span_id, args_storage, args_inline,
    args_s3_key, args_sha256, args_bytes, args_preview, result_storage, result_inline,
    result_s3_key, result_sha256, result_bytes, result_preview
FROM agents.tool_call
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
        'tool_call_pk', 'tool_call_call_no_uq', 'tool_call_run_fk', 'tool_call_child_run_fk',
        'tool_call_definition_fk', 'tool_call_call_no_ck', 'tool_call_attempt_no_ck',
        'tool_call_child_is_another_run_ck', 'tool_call_idempotency_key_ck', 'tool_call_status_ck',
        'tool_call_running_has_started_ck', 'tool_call_not_yet_started_ck',
        'tool_call_ended_when_over_ck', 'tool_call_times_in_order_ck',
        'tool_call_failed_has_error_ck', 'tool_call_error_message_ck',
        'tool_call_result_when_over_ck', 'tool_call_approval_status_ck',
        'tool_call_approval_fits_status_ck', 'tool_call_approval_is_signed_ck',
        'tool_call_approved_args_ck', 'tool_call_cost_usd_ck', 'tool_call_span_id_ck',
        'tool_call_args_storage_ck', 'tool_call_args_place_ck', 'tool_call_args_inline_ck',
        'tool_call_args_s3_key_ck', 'tool_call_args_sha256_ck', 'tool_call_args_bytes_ck',
        'tool_call_args_preview_ck', 'tool_call_result_storage_ck', 'tool_call_result_place_ck',
        'tool_call_result_inline_ck', 'tool_call_result_s3_key_ck', 'tool_call_result_sha256_ck',
        'tool_call_result_bytes_ck', 'tool_call_result_preview_ck', 'tool_call_times_are_finite_ck'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = 'agents.tool_call'::regclass
            AND conname = want.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.tool_call: missing or not validated: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'tool_call_definition_ix', 'tool_call_child_run_ix', 'tool_call_idempotency_key_ix',
        'tool_call_attention_ix'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index
        WHERE indrelid = 'agents.tool_call'::regclass
            AND indexrelid = to_regclass('agents.' || want.name)
            AND indisvalid
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.tool_call: missing or invalid index: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'tool_call_forbid_delete_tg', 'tool_call_forbid_truncate_tg'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = 'agents.tool_call'::regclass
            AND tgname = want.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.tool_call: missing or disabled trigger: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.tool_call'::regclass
        AND relowner = 'muniment_owner'::regrole
        AND relrowsecurity
        AND relforcerowsecurity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.tool_call: not of muniment_owner, or row security not forced';
    END IF;

    -- Exactly these policies, for all commands.
    SELECT string_agg(coalesce(have.polname, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('tool_call_tenant', true, v_own_rows),
            ('tool_call_tenant_guard', false, v_own_rows),
            ('tool_call_service', true, 'true')
    ) AS want (name, is_permissive, rows)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid = 'agents.tool_call'::regclass
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
        RAISE EXCEPTION 'agents.tool_call: policy missing, foreign or changed: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_inherits
    WHERE inhparent = 'agents.tool_call'::regclass;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.tool_call: no partition at all'
            USING HINT = 'Call agents.ensure_partitions().';
    END IF;

    -- Months come and go. Each that is here is closed to all, and to an owner without a tenant.
    SELECT string_agg(leaf.relname, ', ' ORDER BY leaf.relname)
    INTO v_offender
    FROM pg_catalog.pg_inherits
    INNER JOIN pg_catalog.pg_class AS leaf ON leaf.oid = inhrelid
    WHERE inhparent = 'agents.tool_call'::regclass
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
        RAISE EXCEPTION 'agents.tool_call: partition that is not closed: %', v_offender;
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
        WHERE pg_class.oid = 'agents.tool_call'::regclass
            AND acl.grantee <> relowner
    ) AS have USING (grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.tool_call: right missing or too many: %', v_offender;
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
                    'status', 'started_at', 'ended_at', 'error_type', 'error_message',
                    'is_error_retryable', 'approval_status', 'approval_decided_by',
                    'approval_decided_at', 'approval_reason', 'approval_args_sha256',
                    'child_run_id', 'external_ref', 'cost_usd', 'result_storage',
                    'result_inline', 'result_s3_key', 'result_sha256', 'result_bytes',
                    'result_preview'
                ]),
                ('muniment_service', 'UPDATE', ARRAY[
                    'status', 'ended_at', 'error_type', 'error_message', 'is_error_retryable',
                    'approval_status', 'args_storage', 'args_inline', 'args_s3_key',
                    'args_preview', 'result_storage', 'result_inline', 'result_s3_key',
                    'result_preview'
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
        WHERE attrelid = 'agents.tool_call'::regclass
    ) AS have USING (grantee, privilege, attname)
    WHERE want IS NULL
        OR have IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.tool_call: column right missing or too many: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;

-- Verify agents:chat_turn on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, turn_id, created_at, session_id, turn_no, run_id, run_started_at, role, author_id,
    status, response_id, response_model, finish_reason, latency_ms, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd, content_format,
    content_storage, content_inline, content_s3_key, content_sha256, content_bytes,
    content_preview, metadata
FROM agents.chat_turn
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
        'chat_turn_pk', 'chat_turn_turn_no_uq', 'chat_turn_session_fk', 'chat_turn_run_fk',
        'chat_turn_run_is_whole_ck', 'chat_turn_turn_no_ck', 'chat_turn_role_ck',
        'chat_turn_not_before_run_ck', 'chat_turn_status_ck', 'chat_turn_latency_ms_ck',
        'chat_turn_tokens_ck',
        'chat_turn_input_includes_cache_ck', 'chat_turn_output_includes_reasoning_ck',
        'chat_turn_cost_usd_ck', 'chat_turn_content_format_ck', 'chat_turn_content_storage_ck',
        'chat_turn_content_place_ck', 'chat_turn_content_inline_ck', 'chat_turn_content_s3_key_ck',
        'chat_turn_content_sha256_ck', 'chat_turn_content_bytes_ck',
        'chat_turn_content_preview_ck', 'chat_turn_times_are_finite_ck', 'chat_turn_metadata_ck'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = 'agents.chat_turn'::regclass
            AND conname = want.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_turn: missing or not validated: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'chat_turn_run_ix'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index
        WHERE indrelid = 'agents.chat_turn'::regclass
            AND indexrelid = to_regclass('agents.' || want.name)
            AND indisvalid
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_turn: missing or invalid index: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'chat_turn_forbid_delete_tg', 'chat_turn_forbid_truncate_tg'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = 'agents.chat_turn'::regclass
            AND tgname = want.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_turn: missing or disabled trigger: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.chat_turn'::regclass
        AND relowner = 'muniment_owner'::regrole
        AND relrowsecurity
        AND relforcerowsecurity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.chat_turn: not of muniment_owner, or row security not forced';
    END IF;

    -- Exactly these policies, for all commands.
    SELECT string_agg(coalesce(have.polname, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('chat_turn_tenant', true, v_own_rows),
            ('chat_turn_tenant_guard', false, v_own_rows),
            ('chat_turn_service', true, 'true')
    ) AS want (name, is_permissive, rows)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid = 'agents.chat_turn'::regclass
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
        RAISE EXCEPTION 'agents.chat_turn: policy missing, foreign or changed: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_inherits
    WHERE inhparent = 'agents.chat_turn'::regclass;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.chat_turn: no partition at all'
            USING HINT = 'Call agents.ensure_partitions().';
    END IF;

    -- Months come and go. Each that is here is closed to all, and to an owner without a tenant.
    SELECT string_agg(leaf.relname, ', ' ORDER BY leaf.relname)
    INTO v_offender
    FROM pg_catalog.pg_inherits
    INNER JOIN pg_catalog.pg_class AS leaf ON leaf.oid = inhrelid
    WHERE inhparent = 'agents.chat_turn'::regclass
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
        RAISE EXCEPTION 'agents.chat_turn: partition that is not closed: %', v_offender;
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
        WHERE pg_class.oid = 'agents.chat_turn'::regclass
            AND acl.grantee <> relowner
    ) AS have USING (grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_turn: right missing or too many: %', v_offender;
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
                ('muniment_service', 'UPDATE', ARRAY[
                    'content_storage', 'content_inline', 'content_s3_key', 'content_preview'
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
        WHERE attrelid = 'agents.chat_turn'::regclass
    ) AS have USING (grantee, privilege, attname)
    WHERE want IS NULL
        OR have IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_turn: column right missing or too many: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;

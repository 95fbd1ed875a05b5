-- Verify agents:chat_session on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, session_id, subject_type, subject_id, actor_type, actor_id, channel, title, status,
    last_turn_no, last_turn_at, created_at, closed_at, idempotency_key, metadata
FROM agents.chat_session
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
        'chat_session_pk', 'chat_session_idempotency_key_uq', 'chat_session_subject_ck',
        'chat_session_actor_ck', 'chat_session_status_ck', 'chat_session_closed_when_not_open_ck',
        'chat_session_last_turn_no_ck', 'chat_session_last_turn_at_ck',
        'chat_session_times_are_finite_ck', 'chat_session_idempotency_key_ck',
        'chat_session_metadata_ck'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = 'agents.chat_session'::regclass
            AND conname = want.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_session: missing or not validated: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'chat_session_created_at_ix', 'chat_session_subject_ix'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index
        WHERE indrelid = 'agents.chat_session'::regclass
            AND indexrelid = to_regclass('agents.' || want.name)
            AND indisvalid
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_session: missing or invalid index: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'chat_session_forbid_delete_tg', 'chat_session_forbid_truncate_tg'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = 'agents.chat_session'::regclass
            AND tgname = want.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_session: missing or disabled trigger: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.chat_session'::regclass
        AND relowner = 'muniment_owner'::regrole
        AND relrowsecurity
        AND relforcerowsecurity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.chat_session: not of muniment_owner, or row security not forced';
    END IF;

    -- Exactly these policies, for all commands.
    SELECT string_agg(coalesce(have.polname, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('chat_session_tenant', true, v_own_rows),
            ('chat_session_tenant_guard', false, v_own_rows),
            ('chat_session_service', true, 'true')
    ) AS want (name, is_permissive, rows)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid = 'agents.chat_session'::regclass
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
        RAISE EXCEPTION 'agents.chat_session: policy missing, foreign or changed: %', v_offender;
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
        WHERE pg_class.oid = 'agents.chat_session'::regclass
            AND acl.grantee <> relowner
    ) AS have USING (grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_session: right missing or too many: %', v_offender;
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
                    'title', 'status', 'last_turn_no', 'last_turn_at', 'closed_at'
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
        WHERE attrelid = 'agents.chat_session'::regclass
    ) AS have USING (grantee, privilege, attname)
    WHERE want IS NULL
        OR have IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_session: column right missing or too many: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;

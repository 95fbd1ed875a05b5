-- Rule: a function does what it says, for whoever calls it, and for nobody else.
--
-- Holds for every function in a schema that muniment_owner owns, but for those of extensions.
BEGIN;
SELECT plan(14);

-- Declared ------------------------------------------------------------------

-- Functions that act as their owner, and the one role that may call each.
CREATE TEMPORARY VIEW definer_function AS
SELECT *
FROM (
    VALUES
        (
            'agents.ensure_partitions(p_from date, p_months integer)', 'muniment_maintainer',
            'a partition must belong to the owner, and whoever keeps the calendar sees no rows'
        ),
        (
            'agentcore.enter_department(p_home_department_id uuid, p_user_id uuid, '
            'p_token_version integer, p_department_id uuid)', 'muniment_app',
            'a runtime must not write itself who belongs to a department'
        ),
        (
            'agentcore.decide_approval(p_approval_id uuid, p_decision text, '
            'p_edited_content text, p_notes text)', 'muniment_app',
            'a runtime must not write decisions, nor the trust that follows from them'
        ),
        (
            'agentcore.escalate_approval(p_approval_id uuid, p_escalated_to_id uuid, '
            'p_reason text)', 'muniment_app',
            'a runtime must not write who decides'
        ),
        (
            'agentcore.request_approval(p_message_id uuid, p_intent_name text)', 'muniment_app',
            'a runtime must not ask about what the assistant did not write'
        ),
        (
            'agentcore.read_pii(p_department_id uuid, p_conversation_id uuid, p_reason text)',
            'muniment_service', 'nobody reads what is personal without a trace'
        )
) AS declared (label, role_name, reason);

-- Functions that set the tenant, or look at the setting by themselves.
CREATE TEMPORARY VIEW tenant_setting_function AS
SELECT *
FROM (
    VALUES
        ('platform.set_tenant', 'that is what it is for'),
        ('platform.current_tenant_id', 'reads it for all others'),
        ('platform.enter_tenant', 'sets it once, and refuses another'),
        ('agents.ensure_partitions', 'acts as a tenant that nobody is'),
        ('goclaw.recount_team_tasks', 'sees whether there is one'),
        ('goclaw.system_config', 'looks at the settings of the master, and goes back'),
        ('goclaw.hooks_for_event', 'looks at the hooks of the master, and goes back'),
        ('agentcore.enter_department', 'enters the department that the user asked for'),
        ('agentcore.read_pii', 'acts for the department that the backend names, and goes back')
) AS declared (name, reason);

-- Functions whose answer depends on nothing but their arguments, whoever asks and whenever.
CREATE TEMPORARY VIEW immutable_function AS
SELECT *
FROM (
    VALUES
        (
            'agents.tool_definition_sha256(p_tool_name text, p_tool_version text, '
            'p_description text, p_input_schema jsonb, p_output_schema jsonb, '
            'p_annotations jsonb)',
            'a generated column needs it, and it hashes its arguments only'
        ),
        (
            'agents.seal_sha256(p_firm_id uuid, p_chain_no smallint, p_seal_no bigint, '
            'p_format_no smallint, p_kind text, p_run_id uuid, p_run_started_at timestamp with '
            'time zone, p_redaction_id uuid, p_sealed_at timestamp with time zone, p_row_count '
            'integer, p_row_digests bytea, p_content_sha256 bytea, p_previous_sha256 bytea)',
            'a CHECK needs it, and it hashes its arguments only'
        ),
        (
            'goclaw.usage_window(p_window_key text, p_at timestamp with time zone)',
            'the bounds of an hour, day, week or month in UTC'
        )
) AS declared (label, reason);

-- Names of conditions that functions raise (PostgreSQL documentation, appendix A). One that is
-- not here has to be added, so that the comments can be held to it.
CREATE TEMPORARY VIEW condition AS
SELECT *
FROM (
    VALUES
        ('insufficient_privilege', '42501'),
        ('invalid_parameter_value', '22023'),
        ('null_value_not_allowed', '22004'),
        ('not_null_violation', '23502'),
        ('no_data_found', 'P0002'),
        ('object_not_in_prerequisite_state', '55000'),
        ('lock_not_available', '55P03'),
        ('serialization_failure', '40001'),
        ('feature_not_supported', '0A000')
) AS declared (name, sqlstate);

-- Found in the catalog ------------------------------------------------------

CREATE TEMPORARY VIEW function AS
SELECT
    p.oid,
    format(
        '%s.%s(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)
    ) AS label,
    p.prokind AS kind,
    p.proowner AS owner,
    p.prosecdef AS is_definer,
    p.proleakproof AS is_leakproof,
    p.provolatile AS volatility,
    p.prorettype AS result,
    p.prosrc AS source,
    p.proconfig AS settings,
    p.proacl AS acl,
    l.lanname AS language,
    obj_description(p.oid, 'pg_proc') AS description
FROM pg_catalog.pg_proc AS p
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
INNER JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner'
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_proc'::regclass
            AND d.objid = p.oid
            AND d.deptype = 'e'
    );

-- What a function raises by ERRCODE = or by RAISE SQLSTATE: a state, or the name of a condition.
CREATE TEMPORARY VIEW raised AS
SELECT DISTINCT
    f.label,
    f.description,
    found.match[1] AS raised,
    coalesce(c.sqlstate, found.match[1]) AS sqlstate
FROM function AS f
CROSS JOIN LATERAL regexp_matches(
    f.source, '(?:\merrcode\s*:?=|\mraise\s+(?:exception\s+)?sqlstate)\s*''(\w+)''', 'gi'
) AS found (match)
LEFT JOIN condition AS c ON c.name = lower(found.match[1]);

-- Rights --------------------------------------------------------------------

SELECT is_empty(
    $$ SELECT label, owner::regrole FROM function WHERE owner::regrole::text <> 'muniment_owner' $$,
    'muniment_owner, who cannot log in, owns every function'
);
SELECT is_empty(
    $$
    SELECT label
    FROM function
    WHERE is_definer
        AND label NOT IN (SELECT label FROM definer_function)
    $$,
    'a function acts as its caller, or is declared to act as its owner'
);
SELECT is_empty(
    $$
    SELECT d.label
    FROM definer_function AS d
    WHERE to_regnamespace(split_part(d.label, '.', 1)) IS NOT NULL
        AND d.label NOT IN (SELECT label FROM function WHERE is_definer)
    $$,
    'a function that is declared to act as its owner is there and does'
);
SELECT is_empty(
    $$
    SELECT f.label, acl.grantee::regrole
    FROM function AS f
    INNER JOIN definer_function AS d ON d.label = f.label
    CROSS JOIN LATERAL aclexplode(f.acl) AS acl
    WHERE acl.grantee NOT IN (f.owner, 0)
        AND acl.grantee::regrole::text <> d.role_name
    $$,
    'what acts as its owner can be called by the declared role alone'
);
SELECT is_empty(
    $$
    SELECT label, acl.grantee::regrole
    FROM function AS f
    CROSS JOIN LATERAL aclexplode(f.acl) AS acl
    WHERE f.result = 'trigger'::regtype
        AND acl.grantee NOT IN (f.owner, 0)
    $$,
    'nobody is granted a trigger function: triggers do not ask'
);

-- Properties ----------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT label, settings
    FROM function
    WHERE NOT coalesce(settings, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']
    $$,
    'every function has its search_path pinned to pg_catalog, pg_temp'
);
SELECT is_empty(
    $$ SELECT label FROM function WHERE is_leakproof $$,
    'no function is LEAKPROOF, so none is asked about rows that a policy hides'
);
SELECT is_empty(
    $$
    SELECT label
    FROM function
    WHERE volatility = 'i'
        AND (
            label NOT IN (SELECT label FROM immutable_function)
            OR source ~* '\m(current_\w+|session_user|now|\w+_timestamp|(from|join)\s+\w+\.\w+)\M'
        )
    $$,
    'a function is IMMUTABLE only if declared, and then asks neither tenant, clock nor table'
);
SELECT is_empty(
    $$
    SELECT d.label
    FROM immutable_function AS d
    WHERE to_regnamespace(split_part(d.label, '.', 1)) IS NOT NULL
        AND d.label NOT IN (SELECT label FROM function WHERE volatility = 'i')
    $$,
    'a function that is declared IMMUTABLE is there and is'
);
SELECT is_empty(
    $$ SELECT label, language FROM function WHERE language NOT IN ('sql', 'plpgsql') $$,
    'every function is written in SQL or PL/pgSQL'
);

-- Errors --------------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT label
    FROM function
    WHERE regexp_count(source, '\mraise\s+exception\M', 1, 'i')
        > regexp_count(source, '\merrcode\s*:?=|\mraise\s+exception\s+sqlstate\M', 1, 'i')
    $$,
    'whatever is raised has an SQLSTATE of its own'
);
SELECT is_empty(
    $$
    SELECT label, raised
    FROM raised
    WHERE sqlstate !~ '^([0-9A-Z]{5}|MU[0-9]{3})$'
    $$,
    'whatever is raised is an SQLSTATE, or the name of a known one'
);
SELECT is_empty(
    $$
    SELECT f.label, r.sqlstate
    FROM function AS f
    LEFT JOIN raised AS r ON r.label = f.label
    WHERE f.description !~* '\mraises\M'
        OR f.description !~ ('\m' || r.sqlstate || '\M')
    $$,
    'the comment of a function names every SQLSTATE that it raises'
);

SELECT is_empty(
    $$
    SELECT p.oid::regproc::text
    FROM pg_catalog.pg_proc AS p
    INNER JOIN function AS f ON f.oid = p.oid
    WHERE p.prosrc ~ '\m(set_tenant|app\.tenant_id)\M'
        AND p.oid::regproc::text NOT IN (SELECT name FROM tenant_setting_function)
    $$,
    'only what is declared sets the tenant, or reads it otherwise than by current_tenant_id()'
);

SELECT * FROM finish(true);
ROLLBACK;

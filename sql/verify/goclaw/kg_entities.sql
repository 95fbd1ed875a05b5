-- Verify goclaw:kg_entities on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, agent_id, user_id, external_id, name, entity_type, description, properties,
    source_id, confidence, team_id, embedding, tsv, valid_from, valid_until, created_at,
    updated_at
FROM goclaw.kg_entities
WHERE false;

SELECT
    tenant_id, id, agent_id, user_id, source_entity_id, relation_type, target_entity_id,
    confidence, properties, team_id, valid_from, valid_until, created_at
FROM goclaw.kg_relations
WHERE false;

SELECT
    tenant_id, id, agent_id, user_id, entity_a_id, entity_b_id, similarity, status, created_at
FROM goclaw.kg_dedup_candidates
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('kg_entities', ARRAY[
                'kg_entities_pk', 'kg_entities_agent_id_uq', 'kg_entities_embedding_ck',
                'kg_entities_external_id_uq', 'kg_entities_tenant_fk',
                'kg_entities_agent_fk', 'kg_entities_team_fk', 'kg_entities_external_id_ck',
                'kg_entities_confidence_ck', 'kg_entities_valid_ck'
            ]),
            ('kg_relations', ARRAY[
                'kg_relations_pk', 'kg_relations_relation_type_uq', 'kg_relations_tenant_fk',
                'kg_relations_agent_fk', 'kg_relations_source_entity_fk',
                'kg_relations_target_entity_fk', 'kg_relations_team_fk',
                'kg_relations_relation_type_ck', 'kg_relations_confidence_ck',
                'kg_relations_valid_ck'
            ]),
            ('kg_dedup_candidates', ARRAY[
                'kg_dedup_candidates_pk', 'kg_dedup_candidates_entities_uq',
                'kg_dedup_candidates_tenant_fk', 'kg_dedup_candidates_agent_fk',
                'kg_dedup_candidates_entity_a_fk', 'kg_dedup_candidates_entity_b_fk',
                'kg_dedup_candidates_entities_ck', 'kg_dedup_candidates_similarity_ck',
                'kg_dedup_candidates_status_ck'
            ])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = to_regclass('goclaw.' || want.table_name)
            AND conname = part.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or not validated: %', v_offender;
    END IF;

    -- Without the agent a relation could join what two agents know.
    SELECT string_agg(conname, ', ')
    INTO v_offender
    FROM pg_catalog.pg_constraint
    WHERE confrelid = 'goclaw.kg_entities'::regclass
        AND cardinality(conkey) <> 3;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'does not carry the agent: %', v_offender;
    END IF;

    -- Without its team a row would be for everybody.
    SELECT string_agg(conname, ', ')
    INTO v_offender
    FROM pg_catalog.pg_constraint
    WHERE conrelid IN (
            'goclaw.kg_entities'::regclass, 'goclaw.kg_relations'::regclass
    )
        AND confrelid = 'goclaw.agent_teams'::regclass
        AND confdeltype <> 'c';
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'does not go with its team: %', v_offender;
    END IF;

    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('kg_entities', ARRAY[
                'kg_entities_user_id_ix', 'kg_entities_entity_type_ix',
                'kg_entities_team_id_ix', 'kg_entities_current_ix', 'kg_entities_tsv_ix',
                'kg_entities_embedding_ix'
            ]),
            ('kg_relations', ARRAY[
                'kg_relations_source_entity_id_ix', 'kg_relations_target_entity_id_ix',
                'kg_relations_team_id_ix', 'kg_relations_current_ix'
            ]),
            ('kg_dedup_candidates', ARRAY[
                'kg_dedup_candidates_pair_uq', 'kg_dedup_candidates_status_ix',
                'kg_dedup_candidates_entity_b_id_ix'
            ])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index
        WHERE indrelid = to_regclass('goclaw.' || want.table_name)
            AND indexrelid = to_regclass('goclaw.' || part.name)
            AND indisvalid
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or invalid index: %', v_offender;
    END IF;

    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('kg_entities', ARRAY['kg_entities_set_updated_at_tg'])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = to_regclass('goclaw.' || want.table_name)
            AND tgname = part.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or disabled trigger: %', v_offender;
    END IF;

    SELECT string_agg(format('goclaw.%s', want.table_name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('kg_entities', true),
            ('kg_relations', true),
            ('kg_dedup_candidates', true)
    ) AS want (table_name, is_tenant_table)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_class
        WHERE oid = to_regclass('goclaw.' || want.table_name)
            AND relowner = 'muniment_owner'::regrole
            AND relrowsecurity = want.is_tenant_table
            AND relforcerowsecurity = want.is_tenant_table
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'not of muniment_owner, or row security not as it must be: %', v_offender;
    END IF;

    -- Exactly these policies, for all commands: with a column, for runtimes and owner, who are
    -- held to the tenant in it; without one, for muniment_service, which sees all tenants.
    SELECT string_agg(coalesce(have.polname, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('kg_entities', 'kg_entities_tenant', true, 'tenant_id'),
            ('kg_entities', 'kg_entities_tenant_guard', false, 'tenant_id'),
            ('kg_relations', 'kg_relations_tenant', true, 'tenant_id'),
            ('kg_relations', 'kg_relations_tenant_guard', false, 'tenant_id'),
            ('kg_dedup_candidates', 'kg_dedup_candidates_tenant', true, 'tenant_id'),
            ('kg_dedup_candidates', 'kg_dedup_candidates_tenant_guard', false, 'tenant_id')
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.kg_entities'::regclass, 'goclaw.kg_relations'::regclass,
                'goclaw.kg_dedup_candidates'::regclass
        )
    ) AS have
        ON have.polrelid = to_regclass('goclaw.' || want.table_name)
        AND have.polname = want.name
    CROSS JOIN LATERAL (
        SELECT coalesce(
            '(' || want.tenant_column
                || ' = ( SELECT platform.current_tenant_id() AS current_tenant_id))',
            'true'
        )
    ) AS expected (rows)
    WHERE have.polname IS NULL
        OR want.name IS NULL
        OR have.polpermissive <> want.is_permissive
        OR have.polcmd <> '*'
        OR ARRAY(SELECT role::regrole::text FROM unnest(have.polroles) AS role ORDER BY 1)
            <> CASE
                WHEN want.tenant_column IS NULL THEN ARRAY['muniment_service']
                ELSE ARRAY['muniment_app', 'muniment_owner', 'muniment_reader']
            END
        OR pg_get_expr(have.polqual, have.polrelid) IS DISTINCT FROM expected.rows
        OR pg_get_expr(have.polwithcheck, have.polrelid) IS DISTINCT FROM expected.rows;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'policy missing, foreign or changed: %', v_offender;
    END IF;

    -- Exactly these rights: one too many is as wrong as one too few.
    SELECT string_agg(concat_ws(' ', table_name, grantee, privilege), ', ')
    INTO v_offender
    FROM (
        SELECT
            'goclaw.' || listed.table_name AS table_name,
            listed.grantee,
            privilege
        FROM (
            VALUES
                ('kg_entities', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('kg_entities', 'muniment_reader', ARRAY['SELECT']),
                ('kg_relations', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('kg_relations', 'muniment_reader', ARRAY['SELECT']),
                ('kg_dedup_candidates', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('kg_dedup_candidates', 'muniment_reader', ARRAY['SELECT'])
        ) AS listed (table_name, grantee, privileges)
        CROSS JOIN LATERAL unnest(listed.privileges) AS privilege
    ) AS want
    FULL JOIN (
        SELECT
            'goclaw.' || relname AS table_name,
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege
        FROM pg_catalog.pg_class
        CROSS JOIN aclexplode(relacl) AS acl
        WHERE pg_class.oid IN (
            'goclaw.kg_entities'::regclass, 'goclaw.kg_relations'::regclass,
            'goclaw.kg_dedup_candidates'::regclass
        )
            AND acl.grantee <> relowner
    ) AS have USING (table_name, grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'right missing or too many: %', v_offender;
    END IF;

    SELECT string_agg(concat_ws(' ', table_name, column_name, grantee, privilege), ', ')
    INTO v_offender
    FROM (
        SELECT
            'goclaw.' || listed.table_name AS table_name,
            listed.grantee,
            listed.privilege,
            column_name
        FROM (
            VALUES
                ('kg_entities', 'muniment_app', 'UPDATE', ARRAY[
                    'external_id', 'name', 'entity_type', 'description', 'properties',
                    'source_id', 'confidence', 'team_id', 'embedding', 'valid_from',
                    'valid_until', 'updated_at'
                ]),
                ('kg_relations', 'muniment_app', 'UPDATE', ARRAY[
                    'relation_type', 'confidence', 'properties', 'team_id', 'valid_from',
                    'valid_until'
                ]),
                ('kg_dedup_candidates', 'muniment_app', 'UPDATE', ARRAY[
                    'similarity', 'status'
                ])
        ) AS listed (table_name, grantee, privilege, column_names)
        CROSS JOIN LATERAL unnest(listed.column_names) AS column_name
    ) AS want
    FULL JOIN (
        SELECT
            'goclaw.' || relname AS table_name,
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege,
            attname::text AS column_name
        FROM pg_catalog.pg_attribute
        INNER JOIN pg_catalog.pg_class ON pg_class.oid = attrelid
        CROSS JOIN aclexplode(attacl) AS acl
        WHERE attrelid IN (
            'goclaw.kg_entities'::regclass, 'goclaw.kg_relations'::regclass,
            'goclaw.kg_dedup_candidates'::regclass
        )
    ) AS have USING (table_name, grantee, privilege, column_name)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'column right missing or too many: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;

-- Deploy astra:accessible_agents to pg
-- requires: agent_collaborators
-- requires: agent_admins
--
-- Row security keeps organisations apart; this says who in one of them may use which agent. It is
-- asked by the program, which knows the user; the database knows the organisation only. public does
-- not reach beyond the organisation: it means people without a membership, such as visitors of its
-- chat.
-- Locks: none.  Docs: docs/schema/astra.md#accessible-agents

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.accessible_agents(p_user_id uuid)
RETURNS TABLE (agent_id uuid, permission text)
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH membership AS (
        SELECT m.role
        FROM astra.org_memberships AS m
        WHERE m.org_id = (SELECT platform.current_tenant_id())
            AND m.user_id = p_user_id
    ),
    given (agent_id, rank) AS (
        SELECT
            d.agent_id,
            4
        FROM astra.agent_admins AS d
        WHERE d.org_id = (SELECT platform.current_tenant_id())
            AND d.user_id = p_user_id
        UNION ALL
        SELECT
            c.agent_id,
            CASE c.permission WHEN 'edit' THEN 3 WHEN 'run' THEN 2 ELSE 1 END
        FROM astra.agent_collaborators AS c
        WHERE c.org_id = (SELECT platform.current_tenant_id())
            AND (
                c.user_id = p_user_id
                OR c.team_id IN (
                    SELECT t.team_id
                    FROM astra.team_memberships AS t
                    WHERE t.org_id = (SELECT platform.current_tenant_id())
                        AND t.user_id = p_user_id
                )
            )
        UNION ALL
        SELECT
            a.id,
            CASE
                WHEN membership.role IN ('owner', 'admin') THEN 4
                WHEN membership.role = 'viewer' AND a.visibility = 'org' THEN 1
                ELSE 2
            END
        FROM astra.agents AS a
        LEFT JOIN membership ON true
        WHERE a.org_id = (SELECT platform.current_tenant_id())
            AND (
                a.visibility = 'public'
                OR (a.visibility = 'org' AND membership.role IS NOT NULL)
                OR membership.role IN ('owner', 'admin')
            )
    )
    SELECT
        g.agent_id,
        (ARRAY['view', 'run', 'edit', 'admin'])[max(g.rank)]
    FROM given AS g
    GROUP BY g.agent_id;
$function$;

COMMENT ON FUNCTION astra.accessible_agents(uuid) IS
    'The agents of the organisation that a user may use, each with the most that the user may do: '
    'view, run, edit or admin, each including those before it. Owners and admins of the '
    'organisation and admins of the agent: admin; collaborators, also by team: as shared; '
    'visibility org: run for members, view for viewers; public: run for everybody. Returns no row '
    'for an agent that is out of reach. Raises 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.accessible_agents(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.accessible_agents(uuid) TO muniment_app, muniment_reader;

COMMIT;

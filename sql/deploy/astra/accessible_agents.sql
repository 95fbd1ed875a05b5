-- Deploy astra:accessible_agents to pg
-- requires: agent_collaborators
-- requires: agent_admins
--
-- Row security keeps organisations apart; this says who in one of them may use which agent. It is
-- asked by the program, which knows the user; the database knows the organisation only. public does
-- not reach beyond the organisation: it means people without a membership, such as visitors of its
-- chat. What is shared with a user and what with their teams are two questions: with OR between
-- them, all shares of the organisation would be read.
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
    given (agent_id, permission) AS (
        SELECT
            d.agent_id,
            'admin'
        FROM astra.agent_admins AS d
        WHERE d.org_id = (SELECT platform.current_tenant_id())
            AND d.user_id = p_user_id
        UNION ALL
        SELECT
            c.agent_id,
            c.permission
        FROM astra.agent_collaborators AS c
        WHERE c.org_id = (SELECT platform.current_tenant_id())
            AND c.user_id = p_user_id
        UNION ALL
        SELECT
            c.agent_id,
            c.permission
        FROM astra.team_memberships AS t
        INNER JOIN astra.agent_collaborators AS c ON c.org_id = t.org_id AND c.team_id = t.team_id
        WHERE t.org_id = (SELECT platform.current_tenant_id())
            AND t.user_id = p_user_id
        UNION ALL
        SELECT
            a.id,
            CASE
                WHEN membership.role IN ('owner', 'admin') THEN 'admin'
                WHEN membership.role = 'viewer' AND a.visibility = 'org' THEN 'view'
                ELSE 'run'
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
    SELECT DISTINCT ON (g.agent_id)
        g.agent_id,
        g.permission
    FROM given AS g
    ORDER BY g.agent_id, array_position(ARRAY['admin', 'edit', 'run', 'view'], g.permission);
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

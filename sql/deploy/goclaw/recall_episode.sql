-- Deploy goclaw:recall_episode to pg
-- requires: episodic_summaries
--
-- Counts a find and its score in one statement: two searches that find the same episode at the same
-- time wait for each other's row, and both are counted.
-- Locks: none.  Docs: docs/schema/goclaw.md#recall-episode

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.recall_episode(p_episode_id uuid, p_score double precision)
RETURNS TABLE (recall_count integer, recall_score double precision)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- NULL, NaN and infinities too: one of them would stay in the mean for ever.
    IF (p_score >= 0 AND p_score < 'Infinity') IS NOT TRUE THEN
        RAISE EXCEPTION 'p_score is not a number from 0 on'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass the score with which the search found the episode.';
    END IF;

    -- clock_timestamp(), and not backwards: transactions that began earlier may come later.
    RETURN QUERY
    UPDATE goclaw.episodic_summaries AS e
    SET recall_count = e.recall_count + 1,
        recall_score = e.recall_score + (p_score - e.recall_score) / (e.recall_count + 1),
        last_recalled_at = greatest(e.last_recalled_at, clock_timestamp())
    WHERE e.tenant_id = (SELECT platform.current_tenant_id())
        AND e.id = p_episode_id
    RETURNING e.recall_count, e.recall_score;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'episode is not there'
            USING ERRCODE = 'MU300',
                  HINT = 'It was pruned, or is not of this tenant: leave it out of what was found.';
    END IF;
END;
$function$;

COMMENT ON FUNCTION goclaw.recall_episode(uuid, double precision) IS
    'Counts that a search found an episode with a score from 0 on: adds 1 to recall_count, takes '
    'the score into the mean recall_score, sets last_recalled_at. Returns the new count and mean. '
    'Raises MU300 when the episode is not there, 22023 when the score is not a number from 0 on, '
    '42501 when no tenant is set.';

REVOKE ALL ON FUNCTION goclaw.recall_episode(uuid, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.recall_episode(uuid, double precision) TO muniment_app;

COMMIT;

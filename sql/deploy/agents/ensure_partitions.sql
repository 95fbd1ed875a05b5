-- Deploy agents:ensure_partitions to pg
-- requires: agent_run
-- requires: chat_turn
-- requires: tool_call
--
-- SECURITY DEFINER because a partition must belong to the owner, and whoever keeps the calendar
-- must not be able to read a tenant's rows. muniment_owner is no superuser and cannot log in.
-- Each month is built apart and then attached: that takes SHARE UPDATE EXCLUSIVE on the parent,
-- where CREATE TABLE ... PARTITION OF would shut out every reader. Attaching also takes SHARE ROW
-- EXCLUSIVE on the tables that the foreign keys name, so it gives up after 900 milliseconds rather
-- than hold up the writers behind it: call it again, months ahead, off the peak. That is less than
-- the server's deadlock_timeout, so in a deadlock it yields before a writer is chosen as victim.
-- Locks: none now; see above for each call.  Docs: docs/schema/agents.md#ensure-partitions

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.ensure_partitions(p_from date, p_months integer DEFAULT 3)
RETURNS SETOF text
LANGUAGE plpgsql
VOLATILE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '900ms'
AS $function$
DECLARE
    v_tenant    CONSTANT text := coalesce(current_setting('app.tenant_id', true), '');
    v_parent    record;
    v_month     date;
    v_partition text;
BEGIN
    IF p_from IS NULL OR p_from NOT BETWEEN '2000-01-01' AND '2099-12-31'
        OR p_months IS NULL OR p_months NOT BETWEEN 1 AND 120
    THEN
        RAISE EXCEPTION 'p_from must lie in the years 2000 to 2099, and p_months from 1 to 120'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    -- Conflicts with itself and with no reader or writer: one caller at a time. A role that may
    -- not change the table cannot take it, so nobody can keep the calendar waiting. ONLY, because
    -- a VACUUM of some month is no reason to wait.
    LOCK TABLE ONLY agents.agent_run IN SHARE UPDATE EXCLUSIVE MODE;

    -- Attaching asks, under row security, whether the rows of the new partition have their keys.
    -- There are none yet, so the tenant that nobody is will do; the caller gets its own back.
    PERFORM set_config('app.tenant_id', '00000000-0000-0000-0000-000000000000', true);

    FOR v_parent IN
        SELECT *
        FROM (
            VALUES
                ('agent_run', 'WITH (fillfactor = 80)'),
                ('chat_turn', ''),
                ('tool_call', '')
        ) AS parent (name, storage)
    LOOP
        FOR v_month IN
            SELECT date_trunc('month', p_from::timestamp) + make_interval(months => month_no)
            FROM generate_series(0, p_months - 1) AS month_no
        LOOP
            v_partition := format('%s_p%s', v_parent.name, to_char(v_month, 'YYYYMM'));
            CONTINUE WHEN EXISTS (
                SELECT
                FROM pg_catalog.pg_inherits
                WHERE inhrelid = to_regclass(format('agents.%I', v_partition))
                    AND inhparent = to_regclass(format('agents.%I', v_parent.name))
            );

            -- Attaching would take these in an order of its own. Writers open a session, then start
            -- a run: this order waits for them where another could make one a deadlock's victim.
            LOCK TABLE agents.chat_session, agents.agent_run_key, agents.tool_registry
            IN SHARE ROW EXCLUSIVE MODE;

            EXECUTE format(
                'CREATE TABLE agents.%I (
                    LIKE agents.%I
                    INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE
                ) %s',
                v_partition, v_parent.name, v_parent.storage
            );

            -- A partition is born without row security. Nobody is granted one; forcing it and
            -- naming the owner means that a stray grant still opens nothing.
            EXECUTE format('ALTER TABLE agents.%I ENABLE ROW LEVEL SECURITY', v_partition);
            EXECUTE format('ALTER TABLE agents.%I FORCE ROW LEVEL SECURITY', v_partition);
            EXECUTE format(
                'CREATE POLICY %I ON agents.%I
                    TO muniment_owner
                    USING (firm_id = (SELECT platform.current_tenant_id()))
                    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()))',
                v_partition || '_owner', v_partition
            );
            EXECUTE format(
                'CREATE TRIGGER %I
                    BEFORE TRUNCATE ON agents.%I
                    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change()',
                v_partition || '_forbid_truncate_tg', v_partition
            );

            EXECUTE format(
                'ALTER TABLE agents.%I ATTACH PARTITION agents.%I FOR VALUES FROM (%L) TO (%L)',
                v_parent.name,
                v_partition,
                to_char(v_month, 'YYYY-MM-DD') || ' 00:00:00+00',
                to_char(v_month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00'
            );

            RETURN NEXT v_partition;
        END LOOP;
    END LOOP;

    PERFORM set_config('app.tenant_id', v_tenant, true);
END;
$function$;

COMMENT ON FUNCTION agents.ensure_partitions(date, integer) IS
    'Makes the monthly partitions from the month of p_from on, p_months of them (1 to 120), and '
    'returns the names of those it made. Raises 22023 on a bad argument, 42P07 when a detached '
    'table has the name of a month, and 55P03 when a lock is not granted in 900 ms; then nothing '
    'was made.';

REVOKE ALL ON FUNCTION agents.ensure_partitions(date, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.ensure_partitions(date, integer) TO muniment_maintainer;

COMMIT;

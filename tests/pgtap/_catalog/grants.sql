-- Rule: a role can do what was decided for it, and no more.
--
-- Holds for every schema that muniment_owner owns. What an extension brought is not looked at: the
-- right to use the schema guards it.
BEGIN;
SELECT plan(26);

-- Declared ------------------------------------------------------------------

-- Rights beyond the common ones, which are: muniment_app reads and appends, muniment_reader reads,
-- tables without a tenant are only read. by_column: the right is to named columns.
CREATE TEMPORARY VIEW declared_right AS
SELECT
    'open_agents' AS schema_name,
    t.name AS table_name,
    'muniment_service' AS role_name,
    p.privilege,
    p.by_column,
    'the backend serves all accounts, with the rights that a runtime has for one' AS reason
FROM unnest(ARRAY[
    'sessions', 'chats', 'chat_messages', 'chat_reads', 'workflow_runs', 'workflow_run_steps'
]) AS t (name)
CROSS JOIN (
    VALUES ('SELECT', false), ('INSERT', true), ('UPDATE', true), ('DELETE', false)
) AS p (privilege, by_column)
WHERE p.privilege <> 'DELETE'
    OR t.name NOT IN ('workflow_runs', 'workflow_run_steps')
UNION ALL
SELECT
    'open_agents',
    unnest(ARRAY[
        'sessions', 'chats', 'chat_messages', 'chat_reads', 'workflow_runs', 'workflow_run_steps'
    ]),
    'muniment_app',
    'INSERT',
    true,
    'a runtime writes a row, but not when it was made, nor the count of a chat'
UNION ALL
SELECT *
FROM (
    VALUES
        (
            'agents', 'tool_registry', 'muniment_service', 'SELECT', false,
            'an importer looks whether a tool is known'
        ),
        (
            'agents', 'tool_registry', 'muniment_service', 'INSERT', true,
            'an importer registers tools, but never puts one into use'
        ),
        (
            'agents', 'agent_run_key', 'muniment_app', 'INSERT', true,
            'a runtime names its run, but never says that its month has left'
        ),
        (
            'agents', 'usage_daily', 'muniment_app', 'UPDATE', true,
            'a day that has changed is rolled up again'
        ),
        (
            'agents', 'agent_run_key', 'muniment_service', 'SELECT', false,
            'the backend seals the runs that it ends'
        ),
        (
            'agents', 'agent_run', 'muniment_app', 'UPDATE', true,
            'a runtime says what becomes of a run, and a trigger in which order'
        ),
        (
            'agents', 'agent_run', 'muniment_service', 'SELECT', false,
            'the backend finds runs of dead workers'
        ),
        ('agents', 'agent_run', 'muniment_service', 'UPDATE', true, 'and ends them'),
        (
            'agents', 'chat_session', 'muniment_app', 'UPDATE', true,
            'a runtime counts turns and closes conversations'
        ),
        (
            'agents', 'chat_session', 'muniment_service', 'SELECT', false,
            'the backend seals the runs that it ends'
        ),
        (
            'agents', 'chat_turn', 'muniment_service', 'SELECT', false,
            'the backend seals turns, and finds bodies that are to go'
        ),
        (
            'agents', 'chat_turn', 'muniment_service', 'UPDATE', true,
            'and takes these away'
        ),
        (
            'agents', 'redaction', 'muniment_service', 'SELECT', false,
            'the backend seals what it redacts'
        ),
        (
            'agents', 'redaction', 'muniment_service', 'INSERT', true,
            'the backend redacts, and a runtime does not'
        ),
        (
            'agents', 'seal_chain', 'muniment_app', 'UPDATE', true,
            'each seal moves the head of its chain'
        ),
        (
            'agents', 'seal_chain', 'muniment_service', 'SELECT', false,
            'the backend seals runs and redactions too'
        ),
        ('agents', 'seal_chain', 'muniment_service', 'INSERT', false, 'the same'),
        ('agents', 'seal_chain', 'muniment_service', 'UPDATE', true, 'the same'),
        ('agents', 'run_seal', 'muniment_service', 'SELECT', false, 'the same'),
        ('agents', 'run_seal', 'muniment_service', 'INSERT', false, 'the same'),
        (
            'agents', 'tool_call', 'muniment_app', 'UPDATE', true,
            'a runtime says what becomes of a call, and a trigger in which order'
        ),
        (
            'agents', 'tool_call', 'muniment_service', 'SELECT', false,
            'the backend finds calls of dead workers, and bodies that are to go'
        ),
        (
            'agents', 'tool_call', 'muniment_service', 'UPDATE', true,
            'and ends those, and takes these away'
        ),
        ('open_agents', 'workflow_runs', 'muniment_app', 'UPDATE', true, 'a run ends'),
        ('open_agents', 'workflow_run_steps', 'muniment_app', 'UPDATE', true, 'a step ends'),
        ('open_agents', 'accounts', 'muniment_service', 'SELECT', false, 'accounts are looked up'),
        ('open_agents', 'accounts', 'muniment_service', 'INSERT', false, 'accounts are made'),
        ('open_agents', 'accounts', 'muniment_service', 'DELETE', false, 'accounts leave'),
        (
            'goclaw', 'tenants', 'muniment_service', 'SELECT', false,
            'a tenant is looked up before there is one'
        ),
        ('goclaw', 'tenants', 'muniment_service', 'INSERT', false, 'tenants are made'),
        ('goclaw', 'tenants', 'muniment_service', 'UPDATE', true, 'tenants are suspended'),
        ('goclaw', 'tenants', 'muniment_service', 'DELETE', false, 'tenants leave'),
        (
            'goclaw', 'tenant_users', 'muniment_service', 'SELECT', false,
            'a login asks for the tenants of a user'
        ),
        (
            'goclaw', 'tenant_users', 'muniment_service', 'INSERT', false,
            'a new tenant gets its first user'
        ),
        (
            'goclaw', 'builtin_tools', 'muniment_service', 'SELECT', false,
            'a gateway compares the list with its own'
        ),
        ('goclaw', 'builtin_tools', 'muniment_service', 'INSERT', false, 'and adds to it'),
        ('goclaw', 'builtin_tools', 'muniment_service', 'UPDATE', true, 'and corrects it'),
        ('goclaw', 'builtin_tools', 'muniment_service', 'DELETE', false, 'and takes from it'),
        (
            'goclaw', 'api_keys', 'muniment_service', 'SELECT', false,
            'a key is looked up to learn the tenant'
        ),
        (
            'goclaw', 'api_keys', 'muniment_service', 'UPDATE', true,
            'and it is noted when that was'
        ),
        (
            'goclaw', 'subagent_tasks', 'muniment_service', 'SELECT', true,
            'tasks of all tenants are archived by age'
        ),
        (
            'goclaw', 'subagent_tasks', 'muniment_service', 'UPDATE', true,
            'which sets when, and nothing else'
        ),
        (
            'goclaw', 'team_tasks', 'muniment_service', 'SELECT', true,
            'locks that lapsed and reminders that are due are found'
        ),
        (
            'goclaw', 'team_tasks', 'muniment_service', 'UPDATE', true,
            'tasks are pending again, reminders are counted'
        ),
        (
            'goclaw', 'workstation_activity', 'muniment_service', 'SELECT', true,
            'entries of all tenants leave by age'
        ),
        (
            'goclaw', 'workstation_activity', 'muniment_service', 'DELETE', false,
            'once they are old enough'
        ),
        (
            'goclaw', 'episodic_summaries', 'muniment_service', 'SELECT', true,
            'expired episodes of all tenants are found, whatever is in them'
        ),
        (
            'goclaw', 'episodic_summaries', 'muniment_service', 'DELETE', false,
            'and pruned'
        ),
        (
            'goclaw', 'agents', 'muniment_service', 'SELECT', true,
            'a claim passes by agents that do not work, and sees nothing else of them'
        ),
        (
            'goclaw', 'skills', 'muniment_app', 'INSERT', true,
            'a runtime writes skills, but never says that one came with the gateway'
        ),
        (
            'goclaw', 'skills', 'muniment_service', 'INSERT', false,
            'the backend puts the skills of the gateway into tenants'
        ),
        (
            'goclaw', 'skills', 'muniment_service', 'SELECT', true,
            'and sees which are there'
        ),
        (
            'goclaw', 'cron_jobs', 'muniment_app', 'INSERT', true,
            'a runtime writes jobs, but never says that one was claimed'
        ),
        (
            'goclaw', 'agent_heartbeats', 'muniment_app', 'INSERT', true,
            'a runtime writes heartbeats, but never says that one was claimed, or counts'
        ),
        (
            'goclaw', 'cron_jobs', 'muniment_service', 'SELECT', false,
            'a worker gets the jobs that it claims'
        ),
        (
            'goclaw', 'cron_jobs', 'muniment_service', 'UPDATE', true,
            'a claim and the end of a run change the state of a job'
        ),
        (
            'goclaw', 'cron_jobs', 'muniment_service', 'DELETE', false,
            'a job that was to run once is deleted after it'
        ),
        ('goclaw', 'cron_run_logs', 'muniment_service', 'INSERT', false, 'runs are logged'),
        (
            'goclaw', 'agent_heartbeats', 'muniment_service', 'SELECT', false,
            'a worker gets the heartbeats that it claims'
        ),
        (
            'goclaw', 'agent_heartbeats', 'muniment_service', 'UPDATE', true,
            'a claim and the end of a run change the state of a heartbeat'
        ),
        ('goclaw', 'heartbeat_run_logs', 'muniment_service', 'INSERT', false, 'runs are logged'),
        (
            'goclaw', 'channel_pending_messages', 'muniment_service', 'SELECT', true,
            'messages of all tenants leave after seven days'
        ),
        (
            'goclaw', 'channel_pending_messages', 'muniment_service', 'DELETE', false,
            'once they are old enough'
        ),
        (
            'goclaw', 'channel_pending_messages', 'muniment_service', 'UPDATE', true,
            'which locks them before; it is to what means least'
        ),
        (
            'goclaw', 'pairing_requests', 'muniment_service', 'SELECT', true,
            'codes of all tenants leave when they have ended'
        ),
        ('goclaw', 'pairing_requests', 'muniment_service', 'DELETE', false, 'and are deleted'),
        (
            'goclaw', 'pairing_requests', 'muniment_service', 'UPDATE', true,
            'which locks them before; it is to what means least'
        ),
        ('goclaw', 'paired_devices', 'muniment_service', 'SELECT', true, 'and pairings too'),
        ('goclaw', 'paired_devices', 'muniment_service', 'DELETE', false, 'and are deleted'),
        (
            'goclaw', 'paired_devices', 'muniment_service', 'UPDATE', true,
            'which locks them before; it is to what means least'
        ),
        (
            'goclaw', 'browser_cookies', 'muniment_service', 'SELECT', true,
            'and cookies too; no value of one is in reach'
        ),
        ('goclaw', 'browser_cookies', 'muniment_service', 'DELETE', false, 'and are deleted'),
        (
            'goclaw', 'browser_cookies', 'muniment_service', 'UPDATE', true,
            'which locks them before; it is to what means least'
        ),
        (
            'goclaw', 'episodic_summaries', 'muniment_service', 'UPDATE', true,
            'which locks them before; it is to what means least'
        ),
        (
            'goclaw', 'workstation_activity', 'muniment_service', 'UPDATE', true,
            'which locks them before; the trigger refuses a change'
        ),
        (
            'goclaw', 'bitrix_portals', 'muniment_service', 'SELECT', true,
            'a portal is looked up by its domain to learn the tenant; no secret is in reach'
        ),
        (
            'goclaw', 'usage_pricing_catalog', 'muniment_service', 'SELECT', false,
            'the backend compares prices with those that providers publish'
        ),
        ('goclaw', 'usage_pricing_catalog', 'muniment_service', 'INSERT', false, 'and adds models'),
        ('goclaw', 'usage_pricing_catalog', 'muniment_service', 'UPDATE', true, 'and new prices'),
        (
            'goclaw', 'usage_pricing_catalog', 'muniment_service', 'DELETE', false,
            'and takes away models that are gone'
        ),
        (
            'goclaw', 'usage_cap_policies', 'muniment_service', 'SELECT', true,
            'expire_usage() finds the policies of reservations, by their keys'
        ),
        (
            'goclaw', 'usage_cap_policies', 'muniment_service', 'UPDATE', true,
            'and locks them, for which PostgreSQL wants the right to change something'
        ),
        (
            'goclaw', 'usage_cap_reservations', 'muniment_service', 'SELECT', true,
            'it finds reservations by age'
        ),
        ('goclaw', 'usage_cap_reservations', 'muniment_service', 'UPDATE', true, 'and ends them'),
        (
            'goclaw', 'usage_cap_counters', 'muniment_service', 'SELECT', true,
            'it takes what they held from what is reserved'
        ),
        ('goclaw', 'usage_cap_counters', 'muniment_service', 'UPDATE', true, 'and from nothing else'),
        ('goclaw', 'usage_cap_events', 'muniment_service', 'INSERT', true, 'and notes each'),
        (
            'goclaw', 'hook_executions', 'muniment_app', 'UPDATE', true,
            'the error can be taken out of the trail, and a trigger lets nothing else through'
        ),
        (
            'goclaw', 'webhooks', 'muniment_service', 'SELECT', true,
            'a secret is looked up to learn the tenant'
        ),
        (
            'goclaw', 'webhook_calls', 'muniment_service', 'SELECT', true,
            'workers claim the calls of all tenants'
        ),
        (
            'goclaw', 'webhook_calls', 'muniment_service', 'UPDATE', true,
            'and say how the delivery goes, but not what was called'
        ),
        (
            'agentcore', 'department', 'muniment_service', 'SELECT', false,
            'a department is looked up before it is entered'
        ),
        ('agentcore', 'department', 'muniment_service', 'INSERT', false, 'departments are made'),
        (
            'agentcore', 'department', 'muniment_service', 'UPDATE', true,
            'departments are renamed and archived'
        ),
        (
            'agentcore', 'system_role', 'muniment_app', 'SELECT', true,
            'a runtime does not get which departments a role opens'
        ),
        (
            'agentcore', 'system_role', 'muniment_service', 'SELECT', false,
            'roles are listed to those who give them'
        ),
        (
            'agentcore', 'system_role', 'muniment_service', 'INSERT', true,
            'roles are made, but no built-in ones'
        ),
        (
            'agentcore', 'system_role', 'muniment_service', 'UPDATE', true,
            'and changed, but keep their short name'
        ),
        (
            'agentcore', 'department_member', 'muniment_service', 'INSERT', false,
            'a user who is made or transferred is known at home'
        ),
        (
            'agentcore', 'users', 'muniment_app', 'SELECT', true,
            'a runtime does not get the hash of a password, nor other departments'
        ),
        (
            'agentcore', 'users', 'muniment_app', 'UPDATE', true,
            'it changes the profile, but neither rights nor password'
        ),
        (
            'agentcore', 'users', 'muniment_service', 'SELECT', false,
            'a login looks for the account'
        ),
        ('agentcore', 'users', 'muniment_service', 'INSERT', false, 'accounts are made'),
        (
            'agentcore', 'users', 'muniment_service', 'UPDATE', true,
            'and get roles, passwords and another home'
        ),
        (
            'agentcore', 'password_reset_token', 'muniment_app', 'SELECT', true,
            'a runtime does not get the hash of a link'
        ),
        (
            'agentcore', 'password_reset_token', 'muniment_service', 'SELECT', false,
            'a link is looked up to learn whose it is'
        ),
        (
            'agentcore', 'password_reset_token', 'muniment_service', 'INSERT', true,
            'links are made, and are open'
        ),
        ('agentcore', 'password_reset_token', 'muniment_service', 'UPDATE', true, 'and used, once'),
        (
            'agentcore', 'audit_log', 'muniment_app', 'INSERT', true,
            'an entry has the time at which it was made'
        ),
        (
            'agentcore', 'audit_log', 'muniment_service', 'INSERT', true,
            'what the backend does is logged, likewise'
        ),
        (
            'agentcore', 'notification', 'muniment_app', 'INSERT', true,
            'a user is told something, unread'
        ),
        (
            'agentcore', 'notification', 'muniment_app', 'UPDATE', true,
            'a notification is marked as read'
        ),
        ('agentcore', 'conversation', 'muniment_app', 'INSERT', true, 'a conversation is begun'),
        ('agentcore', 'conversation', 'muniment_app', 'UPDATE', true, 'a conversation is closed'),
        ('agentcore', 'message', 'muniment_app', 'INSERT', true, 'but not its time'),
        (
            'agentcore', 'pii_redaction_map', 'muniment_app', 'INSERT', true,
            'what is personal is put away, but not its time'
        ),
        (
            'agentcore', 'pii_redaction_map', 'muniment_app', 'SELECT', true,
            'a runtime does not get what a placeholder stands for'
        ),
        (
            'agentcore', 'intent_trust', 'muniment_service', 'SELECT', false,
            'the backend keeps the trust matrix'
        ),
        (
            'agentcore', 'intent_trust', 'muniment_service', 'INSERT', true,
            'an intent is entered, without trust'
        ),
        (
            'agentcore', 'intent_trust', 'muniment_service', 'UPDATE', true,
            'what it takes is changed, but not what was earned'
        ),
        (
            'agentcore', 'document_generation', 'muniment_app', 'INSERT', true,
            'a generation is begun, without what comes out'
        ),
        (
            'agentcore', 'document_generation', 'muniment_app', 'UPDATE', true,
            'what came out is noted'
        ),
        ('agentcore', 'agent_task', 'muniment_app', 'INSERT', true, 'a task is queued'),
        ('agentcore', 'agent_task', 'muniment_service', 'SELECT', false, 'workers look for tasks'),
        (
            'agentcore', 'agent_task', 'muniment_service', 'UPDATE', true,
            'and say how they go, but not what was asked'
        ),
        (
            'agentcore', 'retrieval_hit', 'muniment_app', 'INSERT', true,
            'what was found is noted when it is found'
        ),
        (
            'agentcore', 'retrieval_hit', 'muniment_app', 'UPDATE', true,
            'what another model says of a hit is noted later'
        ),
        ('agentcore', 'agent_tool_call', 'muniment_app', 'INSERT', true, 'a step is begun'),
        (
            'agentcore', 'agent_tool_call', 'muniment_app', 'UPDATE', true,
            'what a step gave back is noted'
        ),
        ('agentcore', 'agent_run', 'muniment_app', 'INSERT', true, 'a run is begun'),
        (
            'agentcore', 'agent_run', 'muniment_app', 'UPDATE', true,
            'what an answer took is noted when it is there'
        ),
        (
            'astra', 'organizations', 'muniment_service', 'SELECT', false,
            'an organisation is looked up before there is a tenant'
        ),
        ('astra', 'organizations', 'muniment_service', 'INSERT', false, 'organisations are made'),
        ('astra', 'organizations', 'muniment_service', 'UPDATE', true, 'and named anew'),
        ('astra', 'organizations', 'muniment_service', 'DELETE', false, 'and leave'),
        (
            'astra', 'users', 'muniment_service', 'SELECT', false,
            'a login asks which organisations know an address'
        ),
        (
            'astra', 'users', 'muniment_service', 'INSERT', false,
            'a new organisation gets its first person'
        ),
        (
            'astra', 'org_memberships', 'muniment_service', 'SELECT', false,
            'a login asks for the organisations of a person'
        ),
        (
            'astra', 'org_memberships', 'muniment_service', 'INSERT', false,
            'and its first member'
        ),
        (
            'astra', 'workers', 'muniment_app', 'INSERT', true,
            'a worker says that it is there, but not since when'
        ),
        (
            'astra', 'goals', 'muniment_app', 'INSERT', true,
            'a runtime sets goals, but never says when one was set or reached'
        ),
        (
            'astra', 'tasks', 'muniment_app', 'INSERT', true,
            'a runtime plans tasks, but never says what came of one, or when'
        ),
        (
            'astra', 'events', 'muniment_app', 'INSERT', true,
            'a runtime reports what happened, but not in what order, or when'
        ),
        (
            'astra', 'llm_usage', 'muniment_app', 'INSERT', true,
            'a runtime enters what was used, but never on another day'
        ),
        (
            'astra', 'token_reservations', 'muniment_app', 'INSERT', true,
            'a runtime reserves tokens, but never on the budget of another day'
        ),
        (
            'astra', 'memories', 'muniment_service', 'SELECT', true,
            'what has expired is found, whatever is in it'
        ),
        ('astra', 'memories', 'muniment_service', 'DELETE', false, 'and deleted'),
        (
            'astra', 'memories', 'muniment_service', 'UPDATE', true,
            'rows are locked first, which asks for a right to a column'
        ),
        (
            'astra', 'chat_sessions', 'muniment_service', 'SELECT', true,
            'says how long its messages are kept'
        ),
        (
            'astra', 'chat_sessions', 'muniment_service', 'UPDATE', true,
            'rows are locked first, which asks for a right to a column'
        ),
        (
            'astra', 'chat_messages', 'muniment_service', 'SELECT', true,
            'what is too old is found, whatever is in it'
        ),
        ('astra', 'chat_messages', 'muniment_service', 'DELETE', false, 'and deleted'),
        (
            'astra', 'approval_requests', 'muniment_app', 'INSERT', true,
            'a runtime asks, but says neither when nor what came of it'
        ),
        (
            'astra', 'approval_decisions', 'muniment_app', 'INSERT', true,
            'a runtime says who decides what, but not when'
        )
) AS declared (schema_name, table_name, role_name, privilege, by_column, reason);

CREATE TEMPORARY VIEW global_table AS
SELECT *
FROM (
    VALUES
        ('agents', 'tool_registry', 'says what tools are, not what a firm did with them'),
        ('goclaw', 'builtin_tools', 'says what the gateway can do, not what a tenant did with it'),
        ('goclaw', 'usage_pricing_catalog', 'prices that providers publish'),
        ('agentcore', 'system_role', 'says what roles allow, not who has one')
) AS declared (schema_name, table_name, reason);

-- In all but the ledger the runtimes own what a tenant set up and what it is working on: they
-- change named columns and delete. Not so in these tables, where rows are only appended or are not
-- theirs.
CREATE TEMPORARY VIEW kept_table AS
SELECT *
FROM (
    VALUES
        ('open_agents', 'accounts', 'accounts are made and removed by the backend'),
        ('open_agents', 'workflow_runs', 'what was executed'),
        ('open_agents', 'workflow_run_steps', 'what was executed'),
        ('goclaw', 'tenants', 'tenants are made and changed by the backend'),
        ('goclaw', 'activity_logs', 'an audit trail'),
        ('goclaw', 'team_task_events', 'what happened to tasks'),
        ('goclaw', 'workstation_activity', 'what was run on workstations, and what was refused'),
        ('goclaw', 'agent_evolution_metrics', 'what was measured'),
        ('goclaw', 'cron_run_logs', 'a journal of runs'),
        ('goclaw', 'heartbeat_run_logs', 'a journal of runs'),
        ('goclaw', 'usage_cap_events', 'a journal of decisions'),
        ('goclaw', 'hook_executions', 'an audit trail'),
        ('goclaw', 'vault_versions', 'what was in files'),
        ('agentcore', 'department', 'departments are made and changed by the backend'),
        ('agentcore', 'department_member', 'who is known in a department'),
        ('agentcore', 'users', 'accounts are made and changed by the backend'),
        ('agentcore', 'password_reset_token', 'links are made and used by the backend'),
        ('agentcore', 'audit_log', 'an audit trail'),
        ('agentcore', 'notification', 'what users were told'),
        ('agentcore', 'conversation', 'what was said'),
        ('agentcore', 'message', 'what was said'),
        ('agentcore', 'pii_redaction_map', 'what was said'),
        ('agentcore', 'intent_trust', 'what was earned'),
        ('agentcore', 'approval', 'what was decided'),
        ('agentcore', 'document_generation', 'what was generated'),
        ('agentcore', 'agent_task', 'what agents did'),
        ('agentcore', 'agent_tool_call', 'what agents did'),
        ('agentcore', 'agent_run', 'what models answered'),
        ('agentcore', 'retrieval_hit', 'what was read for an answer'),
        ('astra', 'organizations', 'organisations are made and changed by the backend'),
        ('astra', 'agent_config_revisions', 'a history'),
        ('astra', 'events', 'a journal'),
        ('astra', 'llm_usage', 'what was spent'),
        ('astra', 'approval_decisions', 'who decided what'),
        ('astra', 'chat_messages', 'what was said')
) AS declared (schema_name, table_name, reason);

-- Rows that may be given to another tenant, and by whom.
CREATE TEMPORARY VIEW movable_table AS
SELECT *
FROM (
    VALUES
        (
            'agentcore', 'users', 'department_id', 'muniment_service',
            'a transfer gives an account another home, and what was done stays where it was'
        )
) AS declared (schema_name, table_name, column_name, role_name, reason);

-- Columns that sound like a secret, and are none.
CREATE TEMPORARY VIEW no_secret AS
SELECT *
FROM (
    VALUES
        ('goclaw.secure_cli_user_credentials.credential_type', 'says of what kind a secret is'),
        ('goclaw.webhooks.secret_prefix', 'by which people tell secrets apart')
) AS declared (label, reason);

-- Whoever may read a secret besides the runtimes of its tenant.
CREATE TEMPORARY VIEW may_read_secret AS
SELECT *
FROM (
    VALUES
        ('muniment_service', 'goclaw.api_keys.key_hash', 'a key is looked up to learn the tenant'),
        ('muniment_service', 'goclaw.webhooks.secret_hash', 'so is the secret of a webhook'),
        ('muniment_service', 'goclaw.webhook_calls.lease_token', 'it gives tokens out'),
        ('muniment_service', 'goclaw.webhook_calls.lease_token', 'it gives tokens out'),
        ('muniment_service', 'goclaw.webhook_calls.lease_token', 'it gives tokens out'),
        ('muniment_service', 'open_agents.sessions.sandbox_state', 'the backend resumes sandboxes'),
        ('muniment_service', 'agentcore.users.password_hash', 'a login compares it'),
        ('muniment_service', 'agentcore.password_reset_token.token', 'a link is looked up by it')
) AS declared (role_name, label, reason);

CREATE TEMPORARY VIEW muniment_role AS
SELECT r.*
FROM (
    VALUES
        ('muniment_owner', 'owns every object'),
        ('muniment_app', 'writes and reads for one tenant'),
        ('muniment_reader', 'reads for one tenant'),
        ('muniment_service', 'works across tenants where a table says so'),
        ('muniment_maintainer', 'makes and retires partitions')
) AS declared (name, reason)
INNER JOIN pg_catalog.pg_roles AS r ON r.rolname = declared.name;

-- Found in the catalog ------------------------------------------------------

CREATE TEMPORARY VIEW muniment_schema AS
SELECT
    n.oid,
    n.nspname AS name,
    n.nspowner AS owner,
    n.nspacl AS acl
FROM pg_catalog.pg_namespace AS n
WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner';

CREATE TEMPORARY VIEW secret_column AS
SELECT
    c.oid AS table_oid,
    a.attnum AS column_no,
    format('%s.%I', c.oid::regclass, a.attname) AS label
FROM pg_catalog.pg_attribute AS a
INNER JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
INNER JOIN muniment_schema AS s ON s.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
    AND a.attnum > 0
    AND NOT a.attisdropped
    AND col_description(c.oid, a.attnum) ~ '(the reader has no right to it|^Ciphertext)';

CREATE TEMPORARY VIEW extension_member AS
SELECT
    c.relname AS catalog,
    d.objid AS oid
FROM pg_catalog.pg_depend AS d
INNER JOIN pg_catalog.pg_class AS c ON c.oid = d.classid
WHERE d.deptype = 'e';

-- All rights to all objects, the owner's own left out. An ACL that is NULL stands for the server's
-- default, which for functions and types includes PUBLIC.
CREATE TEMPORARY VIEW held_right AS
SELECT
    object.kind,
    object.schema_name,
    object.name,
    object.by_column,
    CASE WHEN acl.grantee = 0 THEN 'public' ELSE acl.grantee::regrole::text END AS role_name,
    acl.privilege_type AS privilege,
    acl.is_grantable
FROM (
    SELECT
        'schema' AS kind,
        s.name AS schema_name,
        s.name,
        false AS by_column,
        s.owner,
        s.acl
    FROM muniment_schema AS s
    UNION ALL
    SELECT
        CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END,
        s.name,
        c.relname,
        false,
        c.relowner,
        c.relacl
    FROM pg_catalog.pg_class AS c
    INNER JOIN muniment_schema AS s ON s.oid = c.relnamespace
    WHERE ('pg_class', c.oid) NOT IN (SELECT catalog, oid FROM extension_member)
    UNION ALL
    SELECT
        'table',
        s.name,
        c.relname,
        true,
        c.relowner,
        a.attacl
    FROM pg_catalog.pg_attribute AS a
    INNER JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    INNER JOIN muniment_schema AS s ON s.oid = c.relnamespace
    WHERE ('pg_class', c.oid) NOT IN (SELECT catalog, oid FROM extension_member)
    UNION ALL
    SELECT
        'function',
        s.name,
        format('%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)),
        false,
        p.proowner,
        coalesce(p.proacl, acldefault('f', p.proowner))
    FROM pg_catalog.pg_proc AS p
    INNER JOIN muniment_schema AS s ON s.oid = p.pronamespace
    WHERE ('pg_proc', p.oid) NOT IN (SELECT catalog, oid FROM extension_member)
    UNION ALL
    -- Without the row type that each table has and the array type that each type has: nobody
    -- makes or grants those.
    SELECT
        'type',
        s.name,
        t.typname,
        false,
        t.typowner,
        coalesce(t.typacl, acldefault('T', t.typowner))
    FROM pg_catalog.pg_type AS t
    INNER JOIN muniment_schema AS s ON s.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
    WHERE ('pg_type', t.oid) NOT IN (SELECT catalog, oid FROM extension_member)
        AND (c.relkind IS NULL OR c.relkind = 'c')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS e WHERE e.typarray = t.oid)
) AS object
CROSS JOIN LATERAL aclexplode(object.acl) AS acl
WHERE acl.grantee <> object.owner;

-- PUBLIC --------------------------------------------------------------------

SELECT is_empty(
    $$ SELECT name, privilege FROM held_right WHERE kind = 'schema' AND role_name = 'public' $$,
    'PUBLIC has no right to a schema'
);
SELECT is_empty(
    $$
    SELECT schema_name, name, privilege
    FROM held_right
    WHERE kind IN ('table', 'sequence')
        AND role_name = 'public'
    $$,
    'PUBLIC has no right to a table, a view, a column or a sequence'
);
SELECT is_empty(
    $$ SELECT schema_name, name FROM held_right WHERE kind = 'function' AND role_name = 'public' $$,
    'PUBLIC cannot execute a function'
);
SELECT is_empty(
    $$ SELECT schema_name, name FROM held_right WHERE kind = 'type' AND role_name = 'public' $$,
    'PUBLIC cannot use a type'
);

-- Roles ---------------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT kind, schema_name, name, role_name, privilege
    FROM held_right
    WHERE role_name <> 'public'
        AND role_name NOT IN (SELECT rolname FROM muniment_role)
    $$,
    'rights are held by the roles of muniment and by no login'
);
SELECT is_empty(
    $$ SELECT kind, schema_name, name, role_name FROM held_right WHERE is_grantable $$,
    'nobody can hand a right on'
);
SELECT is_empty(
    $$
    SELECT name, role_name, privilege
    FROM held_right
    WHERE kind = 'schema'
        AND privilege <> 'USAGE'
    $$,
    'nobody but the owner makes objects in a schema'
);
SELECT is_empty(
    $$
    SELECT schema_name, name, role_name, privilege
    FROM held_right
    WHERE kind = 'table'
        AND (
            privilege NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
            OR (privilege = 'UPDATE' AND NOT by_column)
        )
    $$,
    'no role truncates, refers to or attaches triggers to a table, or updates whole rows of it'
);
SELECT is_empty(
    $$
    SELECT schema_name, name, role_name
    FROM held_right
    WHERE schema_name = 'agents'
        AND kind = 'table'
        AND privilege = 'DELETE'
    $$,
    'no role deletes from the ledger'
);
SELECT is_empty(
    $$
    SELECT schema_name, name, role_name, privilege
    FROM held_right
    WHERE kind IN ('table', 'sequence')
        AND role_name = 'muniment_reader'
        AND privilege <> 'SELECT'
    $$,
    'muniment_reader only reads'
);
SELECT is_empty(
    $$
    SELECT schema_name, name, privilege
    FROM held_right
    WHERE kind IN ('table', 'sequence')
        AND role_name = 'muniment_maintainer'
        AND (schema_name, name, privilege) <> ('agents', 'partition_status', 'SELECT')
    $$,
    'muniment_maintainer has no right to any table, and of views sees the calendar alone'
);
-- A plain view can be written through, so a right beyond SELECT would be one to its tables.
SELECT is_empty(
    $$
    SELECT r.schema_name, r.name, r.role_name, r.privilege
    FROM held_right AS r
    INNER JOIN pg_catalog.pg_class AS c
        ON c.oid = to_regclass(format('%I.%I', r.schema_name, r.name))
    WHERE r.kind = 'table'
        AND c.relkind = 'v'
        AND r.privilege <> 'SELECT'
    $$,
    'a view is only read'
);
SELECT is_empty(
    $$
    SELECT c.oid::regclass
    FROM pg_catalog.pg_class AS c
    INNER JOIN muniment_schema AS s ON s.oid = c.relnamespace
    WHERE c.relkind = 'v'
        AND NOT has_table_privilege('muniment_reader', c.oid, 'SELECT')
    $$,
    'a view is for readers'
);
SELECT is_empty(
    $$
    SELECT r.schema_name, r.name, r.role_name, r.privilege, r.by_column
    FROM held_right AS r
    WHERE r.kind IN ('table', 'sequence')
        AND r.role_name IN ('muniment_app', 'muniment_service')
        AND NOT (
            r.role_name = 'muniment_app'
            AND NOT r.by_column
            AND (
                r.privilege = 'SELECT'
                OR (
                    r.privilege = 'INSERT'
                    AND (r.schema_name, r.name) NOT IN (
                        SELECT schema_name, table_name FROM global_table
                    )
                )
            )
        )
        AND NOT (
            r.role_name = 'muniment_app'
            AND r.schema_name <> 'agents'
            AND (r.privilege, r.by_column) IN (('UPDATE', true), ('DELETE', false))
            AND (r.schema_name, r.name) NOT IN (
                SELECT schema_name, table_name FROM kept_table
                UNION ALL
                SELECT schema_name, table_name FROM global_table
            )
        )
        AND NOT EXISTS (
            SELECT
            FROM declared_right AS d
            WHERE d.schema_name = r.schema_name
                AND d.table_name = r.name
                AND d.role_name = r.role_name
                AND d.privilege = r.privilege
                AND d.by_column = r.by_column
        )
    $$,
    'muniment_app reads and appends; any other right of it or of muniment_service is declared'
);
SELECT is_empty(
    $$
    SELECT d.schema_name, d.table_name, d.role_name, d.privilege
    FROM declared_right AS d
    WHERE to_regnamespace(d.schema_name) IS NOT NULL
        AND NOT EXISTS (
            SELECT
            FROM held_right AS r
            WHERE r.kind = 'table'
                AND d.schema_name = r.schema_name
                AND d.table_name = r.name
                AND d.role_name = r.role_name
                AND d.privilege = r.privilege
                AND d.by_column = r.by_column
        )
    $$,
    'a declared right is there'
);
SELECT is_empty(
    $$
    SELECT k.schema_name, k.table_name
    FROM kept_table AS k
    WHERE to_regnamespace(k.schema_name) IS NOT NULL
        AND to_regclass(format('%I.%I', k.schema_name, k.table_name)) IS NULL
    $$,
    'a table whose rows are kept is there'
);
-- What says of itself that it is a secret, or ciphertext, is not for readers, and for the backend
-- only where that is declared; and whatever sounds like a secret says so.
SELECT is_empty(
    $$
    SELECT secret.label, r.name
    FROM secret_column AS secret
    CROSS JOIN unnest(ARRAY['muniment_reader', 'muniment_service']) AS r (name)
    WHERE has_column_privilege(r.name, secret.table_oid, secret.column_no, 'SELECT')
        AND (r.name, secret.label) NOT IN (SELECT role_name, label FROM may_read_secret)
    $$,
    'nobody but the runtimes gets a secret, not even as ciphertext'
);
SELECT is_empty(
    $$
    SELECT label FROM may_read_secret
    WHERE to_regnamespace(split_part(label, '.', 1)) IS NOT NULL
        AND label NOT IN (SELECT s.label FROM secret_column AS s)
    $$,
    'what is declared to read a secret reads one'
);
SELECT is_empty(
    $$
    SELECT format('%s.%I', c.oid::regclass, a.attname)
    FROM pg_catalog.pg_attribute AS a
    INNER JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    INNER JOIN muniment_schema AS s ON s.oid = c.relnamespace
    WHERE s.name <> 'agents'
        AND c.relkind IN ('r', 'p')
        AND a.attnum > 0
        AND NOT a.attisdropped
        AND (
            a.atttypid = 'bytea'::regtype
            OR (
                -- Counts and versions of tokens are no secrets.
                a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'jsonb'::regtype)
                AND (
                    a.attname ~ '(secret|token|password|credential|api_key|key_hash|encrypted)'
                    OR a.attname IN ('headers', 'env')
                )
            )
        )
        AND format('%s.%I', c.oid::regclass, a.attname) NOT IN (SELECT label FROM secret_column)
        AND format('%s.%I', c.oid::regclass, a.attname) NOT IN (SELECT label FROM no_secret)
    $$,
    'outside of the ledger, what sounds like a secret is one'
);
-- A key that changes is another row in disguise, and a tenant that changes is a row given away.
SELECT is_empty(
    $$
    SELECT c.oid::regclass, a.attname, acl.grantee::regrole
    FROM pg_catalog.pg_attribute AS a
    INNER JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    INNER JOIN muniment_schema AS s ON s.oid = c.relnamespace
    CROSS JOIN LATERAL aclexplode(a.attacl) AS acl
    WHERE acl.privilege_type = 'UPDATE'
        AND (
            a.attname IN ('firm_id', 'tenant_id', 'org_id', 'account_id', 'department_id')
            OR EXISTS (
                SELECT
                FROM pg_catalog.pg_index AS i
                WHERE i.indrelid = c.oid
                    AND i.indisprimary
                    AND a.attnum = ANY (i.indkey::smallint[])
            )
        )
        AND (s.name, c.relname, a.attname, acl.grantee::regrole::text) NOT IN (
            SELECT schema_name, table_name, column_name, role_name FROM movable_table
        )
    $$,
    'nobody changes the tenant or the primary key of a row, but for those declared'
);
SELECT is_empty(
    $$
    SELECT m.schema_name, m.table_name
    FROM movable_table AS m
    WHERE to_regnamespace(m.schema_name) IS NOT NULL
        AND (
            to_regclass(format('%I.%I', m.schema_name, m.table_name)) IS NULL
            OR EXISTS (
                SELECT
                FROM pg_catalog.pg_constraint AS k
                WHERE k.contype = 'f'
                    AND k.confrelid = to_regclass(format('%I.%I', m.schema_name, m.table_name))
            )
        )
    $$,
    'a table whose rows may move is there, and no row refers to them'
);

-- What is to come, and what goes around grants -------------------------------

SELECT results_eq(
    $$
    SELECT d.defaclobjtype::text, d.defaclnamespace, acl.grantee::regrole::text, acl.privilege_type
    FROM pg_catalog.pg_default_acl AS d
    CROSS JOIN LATERAL aclexplode(d.defaclacl) AS acl
    WHERE d.defaclrole = 'muniment_owner'::regrole
        OR d.defaclnamespace IN (SELECT oid FROM muniment_schema)
    $$,
    $$ VALUES ('f', 0::oid, 'muniment_owner', 'EXECUTE') $$,
    'what muniment_owner makes is its own: not even a new function is for PUBLIC'
);
SELECT is_empty(
    $$
    SELECT rolname
    FROM muniment_role
    WHERE rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb OR rolreplication
    $$,
    'no role of muniment logs in, passes row security or makes roles or databases'
);
SELECT is_empty(
    $$
    SELECT m.member::regrole, m.roleid::regrole
    FROM pg_catalog.pg_auth_members AS m
    INNER JOIN muniment_role AS r ON r.oid = m.member
    $$,
    'no role of muniment is a member of another role'
);
SELECT is_empty(
    $$
    SELECT r.rolname, setting.setconfig
    FROM pg_catalog.pg_db_role_setting AS setting
    INNER JOIN muniment_role AS r ON r.oid = setting.setrole
    UNION ALL
    SELECT r.rolname, ARRAY[parameter.parname]
    FROM pg_catalog.pg_parameter_acl AS parameter
    CROSS JOIN LATERAL aclexplode(parameter.paracl) AS acl
    INNER JOIN muniment_role AS r ON r.oid = acl.grantee
    $$,
    'no role of muniment brings settings along or may change protected ones'
);
SELECT is_empty(
    $$
    SELECT d.datname, acl.grantee, acl.privilege_type
    FROM pg_catalog.pg_database AS d
    CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS acl
    LEFT JOIN muniment_role AS r ON r.oid = acl.grantee
    WHERE d.datname = current_database()
        AND acl.privilege_type = 'CREATE'
        AND (acl.grantee = 0 OR r.oid IS NOT NULL)
    $$,
    'neither PUBLIC nor a role of muniment makes schemas in the database'
);

SELECT * FROM finish(true);
ROLLBACK;

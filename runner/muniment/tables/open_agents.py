"""The tables of the schema open_agents. Made by `muniment docs tables`; do not edit."""

# fmt: off
# ruff: noqa: E501

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from muniment.tables.contract import as_written, metadata

__all__ = ["accounts", "chat_messages", "chat_reads", "chats", "sessions", "workflow_run_steps", "workflow_runs"]

accounts = sa.Table(
    'accounts',
    metadata,
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name='accounts_pk'),
    schema='open_agents',
)

chat_messages = sa.Table(
    'chat_messages',
    metadata,
    sa.Column('account_id', sa.Uuid(), server_default=as_written('platform.current_tenant_id()'), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('chat_id', sa.Text(), nullable=False),
    sa.Column('message_no', sa.Integer(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('parts', postgresql.JSONB(), nullable=False),
    sa.Column('created_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.ForeignKeyConstraint(['account_id', 'chat_id'], ['open_agents.chats.account_id', 'open_agents.chats.id'], name='chat_messages_chat_fk', ondelete='CASCADE'),
    sa.CheckConstraint(as_written("(id <> ''::text)"), name='chat_messages_id_ck'),
    sa.CheckConstraint(as_written('(message_no >= 1)'), name='chat_messages_message_no_ck'),
    sa.UniqueConstraint('account_id', 'chat_id', 'message_no', name='chat_messages_message_no_uq'),
    sa.CheckConstraint(as_written("(jsonb_typeof(parts) = 'array'::text)"), name='chat_messages_parts_ck'),
    sa.PrimaryKeyConstraint('account_id', 'id', name='chat_messages_pk'),
    sa.CheckConstraint(as_written("(role = ANY (ARRAY['user'::text, 'assistant'::text]))"), name='chat_messages_role_ck'),
    sa.Index('chat_messages_chat_id_ix', 'account_id', 'chat_id', unique=False),
    schema='open_agents',
)

chat_reads = sa.Table(
    'chat_reads',
    metadata,
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('chat_id', sa.Text(), nullable=False),
    sa.Column('last_read_message_no', sa.Integer(), server_default=as_written('0'), nullable=False),
    sa.Column('last_read_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.Column('created_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.Column('updated_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['open_agents.accounts.id'], name='chat_reads_account_fk', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['account_id', 'chat_id'], ['open_agents.chats.account_id', 'open_agents.chats.id'], name='chat_reads_chat_fk', ondelete='CASCADE'),
    sa.CheckConstraint(as_written('(last_read_message_no >= 0)'), name='chat_reads_last_read_message_no_ck'),
    sa.PrimaryKeyConstraint('account_id', 'chat_id', name='chat_reads_pk'),
    schema='open_agents',
)

chats = sa.Table(
    'chats',
    metadata,
    sa.Column('account_id', sa.Uuid(), server_default=as_written('platform.current_tenant_id()'), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('session_id', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=True),
    sa.Column('model_id', sa.Text(), nullable=True),
    sa.Column('last_message_no', sa.Integer(), server_default=as_written('0'), nullable=False),
    sa.Column('created_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.Column('updated_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.CheckConstraint(as_written("(id <> ''::text)"), name='chats_id_ck'),
    sa.CheckConstraint(as_written('(last_message_no >= 0)'), name='chats_last_message_no_ck'),
    sa.PrimaryKeyConstraint('account_id', 'id', name='chats_pk'),
    sa.ForeignKeyConstraint(['account_id', 'session_id'], ['open_agents.sessions.account_id', 'open_agents.sessions.id'], name='chats_session_fk', ondelete='CASCADE'),
    sa.Index('chats_session_id_ix', 'account_id', 'session_id', unique=False),
    schema='open_agents',
)

sessions = sa.Table(
    'sessions',
    metadata,
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), server_default=as_written("'running'::text"), nullable=False),
    sa.Column('lifecycle_state', sa.Text(), nullable=True),
    sa.Column('auto_commit_push_override', sa.Boolean(), nullable=True),
    sa.Column('global_skill_refs', postgresql.JSONB(), server_default=as_written("'[]'::jsonb"), nullable=False),
    sa.Column('title', sa.Text(), nullable=True),
    sa.Column('repo_owner', sa.Text(), nullable=True),
    sa.Column('repo_name', sa.Text(), nullable=True),
    sa.Column('branch', sa.Text(), nullable=True),
    sa.Column('clone_url', sa.Text(), nullable=True),
    sa.Column('sandbox_state', postgresql.JSONB(), nullable=True),
    sa.Column('created_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.Column('updated_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['open_agents.accounts.id'], name='sessions_account_fk', ondelete='CASCADE'),
    sa.CheckConstraint(as_written("((clone_url !~* '^[[:space:]]*[a-z0-9+.-]*https?:/*[^/]*@'::text) AND (clone_url !~* '^[[:space:]]*[a-z0-9+.-]+://[^/@]*:[^/@]*@'::text) AND (clone_url !~* '[?&;][^=&]*(token|password|secret|key|auth|sig)[^=&]*='::text))"), name='sessions_clone_url_ck'),
    sa.CheckConstraint(as_written("(jsonb_typeof(global_skill_refs) = 'array'::text)"), name='sessions_global_skill_refs_ck'),
    sa.CheckConstraint(as_written("(id <> ''::text)"), name='sessions_id_ck'),
    sa.CheckConstraint(as_written("(lifecycle_state = ANY (ARRAY['provisioning'::text, 'active'::text, 'hibernating'::text, 'hibernated'::text, 'restoring'::text, 'archived'::text, 'failed'::text]))"), name='sessions_lifecycle_state_ck'),
    sa.PrimaryKeyConstraint('account_id', 'id', name='sessions_pk'),
    sa.CheckConstraint(as_written("(status = ANY (ARRAY['running'::text, 'completed'::text, 'failed'::text, 'archived'::text]))"), name='sessions_status_ck'),
    sa.Index('sessions_account_id_ix', 'account_id', unique=False, postgresql_where=as_written("(status = 'running'::text)")),
    schema='open_agents',
)

workflow_run_steps = sa.Table(
    'workflow_run_steps',
    metadata,
    sa.Column('tenant_id', sa.Uuid(), server_default=as_written('platform.current_tenant_id()'), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('workflow_run_id', sa.Text(), nullable=False),
    sa.Column('step_number', sa.Integer(), nullable=False),
    sa.Column('started_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.Column('finished_at', sa.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('duration_ms', sa.BigInteger(), nullable=True),
    sa.Column('finish_reason', sa.Text(), nullable=True),
    sa.Column('created_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.CheckConstraint(as_written('(NOT ((duration_ms)::numeric IS DISTINCT FROM floor((EXTRACT(epoch FROM (finished_at - started_at)) * (1000)::numeric))))'), name='workflow_run_steps_duration_ms_ck'),
    sa.CheckConstraint(as_written('((finish_reason IS NULL) OR (finished_at IS NOT NULL))'), name='workflow_run_steps_finish_reason_ck'),
    sa.CheckConstraint(as_written("(id <> ''::text)"), name='workflow_run_steps_id_ck'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name='workflow_run_steps_pk'),
    sa.CheckConstraint(as_written('(step_number >= 0)'), name='workflow_run_steps_step_number_ck'),
    sa.UniqueConstraint('tenant_id', 'workflow_run_id', 'step_number', name='workflow_run_steps_step_number_uq'),
    sa.CheckConstraint(as_written('(isfinite(started_at) AND isfinite(finished_at) AND (finished_at >= started_at))'), name='workflow_run_steps_times_ck'),
    sa.ForeignKeyConstraint(['tenant_id', 'workflow_run_id'], ['open_agents.workflow_runs.tenant_id', 'open_agents.workflow_runs.id'], name='workflow_run_steps_workflow_run_fk', ondelete='CASCADE'),
    sa.Index('workflow_run_steps_open_uq', 'tenant_id', 'workflow_run_id', unique=True, postgresql_where=as_written('(finished_at IS NULL)')),
    schema='open_agents',
)

workflow_runs = sa.Table(
    'workflow_runs',
    metadata,
    sa.Column('tenant_id', sa.Uuid(), server_default=as_written('platform.current_tenant_id()'), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('chat_id', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), server_default=as_written("'running'::text"), nullable=False),
    sa.Column('started_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.Column('finished_at', sa.TIMESTAMP(timezone=True), nullable=True),
    sa.Column('total_duration_ms', sa.BigInteger(), nullable=True),
    sa.Column('model_id', sa.Text(), nullable=True),
    sa.Column('created_at', sa.TIMESTAMP(timezone=True), server_default=as_written('now()'), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'chat_id'], ['open_agents.chats.account_id', 'open_agents.chats.id'], name='workflow_runs_chat_fk', ondelete='CASCADE'),
    sa.CheckConstraint(as_written("((status = 'running'::text) = (finished_at IS NULL))"), name='workflow_runs_finished_ck'),
    sa.CheckConstraint(as_written("(id <> ''::text)"), name='workflow_runs_id_ck'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name='workflow_runs_pk'),
    sa.CheckConstraint(as_written("(status = ANY (ARRAY['running'::text, 'completed'::text, 'aborted'::text, 'failed'::text]))"), name='workflow_runs_status_ck'),
    sa.CheckConstraint(as_written('(isfinite(started_at) AND isfinite(finished_at) AND (finished_at >= started_at))'), name='workflow_runs_times_ck'),
    sa.CheckConstraint(as_written('(NOT ((total_duration_ms)::numeric IS DISTINCT FROM floor((EXTRACT(epoch FROM (finished_at - started_at)) * (1000)::numeric))))'), name='workflow_runs_total_duration_ms_ck'),
    sa.Index('workflow_runs_chat_id_ix', 'tenant_id', 'chat_id', unique=False),
    sa.Index('workflow_runs_running_ix', 'started_at', unique=False, postgresql_where=as_written("(status = 'running'::text)")),
    schema='open_agents',
)

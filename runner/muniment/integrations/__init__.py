"""Frameworks that write into the ledger, each an extra of the package.

* :mod:`muniment.integrations.openai_agents`, extra ``openai-agents``: a ``Session`` and a
  ``TracingProcessor`` for the OpenAI Agents SDK.
* :mod:`muniment.integrations.langchain`, extra ``langchain``: a chat message history and a callback
  handler for LangChain and LangGraph.
* :mod:`muniment.integrations.opentelemetry`, extra ``opentelemetry``: a ``SpanExporter`` for spans
  of the semantic conventions for generative AI.

A session keeps what an agent is to remember: it raises when the ledger refuses. The other three
look on while an agent works, and record each run when it is over, whole and sealed:
:class:`~muniment.ledger.Ledger` is not asked whether a tool may work, and what happens to it does
not break the agent. What they have in common:

* A tool that the registry does not know is registered as ``imported``, as by an import of
  transcripts: its effects are unknown, it is not active, and so no run may call it through the
  ledger. That takes a login that is a member of ``muniment_service``. With another login the run is
  recorded without the call, which its ``metadata`` names under ``not_recorded``.
* A part that cannot be recorded is left out, and logged to ``muniment.integrations``; a turn, a
  call or a body is named under ``not_recorded`` too.
* A run is recorded once, however often it is reported: its idempotency key is made of the ids that
  the framework gives.
* With ``strict=True`` errors are raised, where the framework lets them through.

docs/how-to/use-with-a-framework.md shows them at work.
"""

from __future__ import annotations

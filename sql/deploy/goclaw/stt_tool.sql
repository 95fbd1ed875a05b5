-- Deploy goclaw:stt_tool to pg
-- requires: builtin_tools
--
-- The one built-in tool that the schema brings along; the gateway registers the others itself.
-- Locks: none.  Docs: docs/schema/goclaw.md#stt-tool

BEGIN;

SET LOCAL ROLE muniment_owner;

INSERT INTO goclaw.builtin_tools (name, display_name, description, category)
VALUES (
    'stt',
    'Speech to text',
    'Turns recorded speech into text, with ElevenLabs Scribe or a proxy for it.',
    'media'
);

COMMIT;

"""The ledger as programs use it: what agents do is written down while they do it."""

from __future__ import annotations

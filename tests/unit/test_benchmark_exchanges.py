"""The texts of the ledger's benchmark have the size that is said, and compress as prose does."""

from __future__ import annotations

import json
import zlib

from benchmarks.exchanges import PAYLOAD_BYTES, Exchange, session


def texts(exchange: Exchange) -> tuple[str, ...]:
    return exchange.question, exchange.arguments, exchange.result, exchange.answer


def test_an_exchange_has_the_size_that_is_said() -> None:
    for exchange in session(3, 20).exchanges:
        assert [len(text.encode()) for text in texts(exchange)] == [200, 120, 900, 1200]
    assert PAYLOAD_BYTES == 200 + 120 + 900 + 1200


def test_what_tools_take_and_give_is_json_as_jsonb_writes_it() -> None:
    for exchange in session(3, 20).exchanges:
        for text in (exchange.arguments, exchange.result):
            keys = list(json.loads(text))
            assert keys == sorted(keys, key=lambda key: (len(key), key))
            assert json.dumps(json.loads(text)) == text


def test_no_two_exchanges_are_alike_and_each_is_the_same_every_time() -> None:
    drawn = [exchange for number in (-1, 0, 1) for exchange in session(number, 20).exchanges]

    assert len({text for exchange in drawn for text in texts(exchange)}) == 4 * len(drawn)
    session.cache_clear()
    assert [one for number in (-1, 0, 1) for one in session(number, 20).exchanges] == drawn
    assert session(0, 20).session_id != session(1, 20).session_id
    # A longer conversation begins as the shorter one does.
    assert session(0, 30).exchanges[:20] == session(0, 20).exchanges


def test_an_exchange_compresses_as_prose_of_its_length_does() -> None:
    shares = []
    for exchange in session(0, 100).exchanges:
        written = "".join(texts(exchange)).encode()
        shares.append(len(zlib.compress(written)) / len(written))

    assert 0.50 < sum(shares) / len(shares) < 0.58

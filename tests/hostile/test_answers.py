"""Nothing malformed gets out: answers of a portal as bytes. Unsafe calls, so that each is sent exactly once."""
import pytest

import answer_table
from answer_table import BODY, LENGTH, OK
from portal import Answer, result
from verdict import CALL, answer_fault

@pytest.mark.parametrize("row", [pytest.param(row, id=f"{group}: {row[0]}")
                                 for group, table in answer_table.GROUPS.items() for row in table])
def test_answer(gate, portal, row):
    assert answer_fault(gate.data, portal, row, CALL) is None


@pytest.mark.parametrize("data", [row[1] for row in answer_table.FRAMING[:5] + answer_table.CHUNKS[:2]])
def test_a_broken_answer_is_told_as_one_of_unknown_outcome(gate, portal, data):
    portal.script(Answer(raw=data, then="close"))
    answer = gate.call("crm.deal.add", {"fields": {}})
    assert answer.status == 409 and b"poison" not in answer.body
    assert answer.code.startswith("GATEWAY_") and answer.gateway["executed"] == "unknown"
    assert len(portal.received) == 1
    # A read may be sent again; broken every time, it is an answer that makes no sense.
    portal.handler = lambda _: Answer(raw=data, then="close")
    answer = gate.call("crm.deal.get", {"id": 1})
    assert answer.status == 502 and answer.code == "GATEWAY_BAD_ANSWER", answer
    portal.clear()
    assert gate.call("profile", {}).json["result"] is True


def test_surplus_bytes_end_the_connection(gate, portal):
    gate.call("profile", {})
    portal.script(Answer(raw=OK + LENGTH + b"\r\n" + BODY + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
    assert gate.call("crm.deal.add", {}).status == 200
    used = portal.last.connection
    for _ in range(4):
        assert gate.call("profile", {}).json["result"] is True
        assert portal.last.connection != used


def test_a_compressed_bomb_is_not_unpacked(gate, portal):
    import gzip
    bomb = gzip.compress(b'{"result":"' + b"a" * 200_000_000 + b'"}', 9)
    portal.handler = lambda _: Answer(200, bomb, [("Content-Encoding", "gzip")])
    before = gate.rss()
    answer = gate.call("crm.deal.list", {}, headers={"Accept-Encoding": "gzip"})
    assert answer.status in (200, 502), answer.status
    assert gate.rss() - before < 64 << 20


def test_an_answer_cut_off_at_every_byte(gate, portal):
    data = OK + LENGTH + b"\r\n" + BODY
    for end in range(0, len(data), 5):
        portal.script(Answer(raw=data[:end], then="close"))
        answer = gate.call("crm.deal.add", {"fields": {}})
        assert answer.status == 409, (end, answer)
    portal.clear()
    portal.handler = lambda _: result(True)
    assert gate.call("profile", {}).status == 200

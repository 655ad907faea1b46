"""Nothing malformed gets out: answers of a portal as bytes. Unsafe calls, so that each is sent exactly once."""
import threading

import pytest

import answer_table
from answer_table import BODY, LENGTH, OK
from harness import Raw
from portal import Answer, result
from table_rows import GOOD
from verdict import CALL, answer_fault, with_key

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


def test_surplus_bytes_that_come_late_are_nobodys_answer(gate, portal):
    """However soon the connection would be used again: whoever came next was once given another one's answer."""
    for _ in range(20):
        late = threading.Event()

        def evil():
            yield OK + b"Content-Length: 17\r\n\r\n" + b'{"result":"evil"}'
            late.set()

        portal.script(Answer(raw=OK + LENGTH + b"\r\n" + BODY, pieces=evil(), pace=0.002))
        assert gate.call("crm.deal.add", {}).body == BODY
        assert late.wait(10)
        for _ in range(2):  # each worker has connections of its own
            assert gate.call("crm.deal.add", {}).json["result"] is True


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


@pytest.mark.parametrize("head", [b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 204 No Content\r\n" + LENGTH, b"HTTP/1.1 304 Not Modified\r\n" + LENGTH,
                                  b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n"])
def test_what_has_no_body_carries_none(gate, portal, head):
    """Whatever stands behind its head is nobody's, and the connection is not used again."""
    portal.script(Answer(raw=head + b"\r\n" + BODY))
    answer = gate.call("crm.deal.add", {"fields": {}})
    assert b"poison" not in answer.everything, answer
    used = portal.last.connection
    for _ in range(4):
        assert gate.call("profile", {}).json["result"] is True
        assert portal.last.connection != used


def test_a_head_request_is_answered_without_a_body(gate, portal):
    raw = Raw(gate.data)
    for _ in range(3):
        raw.send(with_key(b"HEAD /rest/1/KEY/crm.deal.get?id=1 HTTP/1.1\r\nHost: x\r\n\r\n" + GOOD))
        first, second = raw.response(head_only=True), raw.response()
        assert first.status == 200 and first.body == b"" and second.json["result"] is True
    raw.close()

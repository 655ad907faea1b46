"""Nothing malformed gets out: answers of a portal as bytes. Unsafe calls, so that each is sent exactly once."""
import pytest

from portal import Answer, result

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = b'{"result":"poison"}'
LENGTH = b"Content-Length: 19\r\n"

BAD = [
    ("cl and te", OK + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n13\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("te gzip", OK + b"Transfer-Encoding: gzip\r\n\r\n" + BODY),
    ("te gzip, chunked", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n13\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("te in http/1.0", OK.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n13\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("two different cl", OK + LENGTH + b"Content-Length: 5\r\n\r\n" + BODY),
    ("cl minus", OK + b"Content-Length: -19\r\n\r\n" + BODY),
    ("cl words", OK + b"Content-Length: many\r\n\r\n" + BODY),
    ("cl beyond 64 bits", OK + b"Content-Length: 99999999999999999999\r\n\r\n" + BODY),
    ("cl too long", OK + b"Content-Length: 25\r\n\r\n" + BODY),
    ("bare lf", OK.replace(b"\r\n", b"\n") + b"Content-Length: 19\n\n" + BODY),
    ("obs-fold", OK + b"X: a\r\n b\r\n" + LENGTH + b"\r\n" + BODY),
    ("blank before the colon", OK + b"Content-Length : 19\r\n\r\n" + BODY),
    ("no colon", OK + b"nonsense\r\n" + LENGTH + b"\r\n" + BODY),
    ("nul", OK + b"X: a\0b\r\n" + LENGTH + b"\r\n" + BODY),
    ("status of two digits", b"HTTP/1.1 20 OK\r\n" + LENGTH + b"\r\n" + BODY),
    ("status of four digits", b"HTTP/1.1 2000 OK\r\n" + LENGTH + b"\r\n" + BODY),
    ("status words", b"HTTP/1.1 OK\r\n" + LENGTH + b"\r\n" + BODY),
    ("http/0.9", BODY),
    ("http/2.0", OK.replace(b"1.1", b"2.0") + LENGTH + b"\r\n" + BODY),
    ("other protocol", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("bad chunk size", OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("chunk without an end", OK + b"Transfer-Encoding: chunked\r\n\r\n13\r\n" + BODY + b"0\r\n\r\n"),
    ("no last chunk", OK + b"Transfer-Encoding: chunked\r\n\r\n13\r\n" + BODY + b"\r\n"),
    ("switching protocols", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + BODY),
    ("continues for ever", b"HTTP/1.1 100 Continue\r\n\r\n" * 200 + OK + LENGTH + b"\r\n" + BODY),
    ("huge head", OK + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 1000) for i in range(200)) + LENGTH + b"\r\n" + BODY),
    ("many fields", OK + b"".join(b"X-%d: a\r\n" % i for i in range(2000)) + LENGTH + b"\r\n" + BODY),
]


@pytest.mark.parametrize("name,data", BAD, ids=[row[0] for row in BAD])
def test_answer(gate, portal, name, data):
    portal.script(Answer(raw=data, then="close"))
    answer = gate.call("crm.deal.add", {"fields": {}})
    assert answer.status in (409, 502), (name, answer)
    assert b"poison" not in answer.body
    assert answer.code.startswith("GATEWAY_") and answer.gateway["executed"] == "unknown"
    assert len(portal.received) == 1
    assert gate.call("profile", {}).json["result"] is True


FINE = [
    ("continue first", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + LENGTH + b"\r\n" + BODY),
    ("to the end of the connection", OK + b"Connection: close\r\n\r\n" + BODY),
    ("http/1.0", OK.replace(b"1.1", b"1.0") + b"\r\n" + BODY),
    ("no reason", OK.replace(b"200 OK", b"200 ") + LENGTH + b"\r\n" + BODY),
    ("chunks with extensions and trailers", OK + b"Transfer-Encoding: chunked\r\n\r\n13;x=y\r\n" + BODY +
     b"\r\n0\r\nSet-Cookie: a=b\r\n\r\n"),
]


@pytest.mark.parametrize("name,data", FINE, ids=[row[0] for row in FINE])
def test_unusual_but_right(gate, portal, name, data):
    # A portal that closes without a word beforehand could hit the next test's call.
    portal.script(Answer(raw=data, then="close" if b"close" in data or b"HTTP/1.0" in data else "keep"))
    answer = gate.call("crm.deal.add", {"fields": {}})
    assert (answer.status, answer.body) == (200, BODY), (name, answer)
    assert answer.header("Set-Cookie") is None


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

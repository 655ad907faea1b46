"""No ambiguous request gets in: the table of request_table.py against the data port, and the admin port's share."""
import pytest

import request_table
from harness import KEY, Gate, Raw, config_text
from fixtures import BETA
from portal import result
from request_table import FRAMING, GOOD, HOSTS, LIMITS, LINES, METHODS, TABLE, VERSIONS


@pytest.fixture(scope="module")
def small(tmp_path_factory, portal, beta):
    """A gateway with limits that a test can pass."""
    gate = Gate(tmp_path_factory.mktemp("small"), config_text(
        portal.url, server='max_body = "1MiB"\nmax_header = "16KiB"', portals=BETA.format(port=beta.port)))
    yield gate
    gate.stop()


def with_key(data: bytes) -> bytes:
    return data.replace(b"KEY", KEY.encode())


def good_request_works(address, path=b"/rest/1/KEY/profile") -> None:
    raw = Raw(address)
    raw.send(with_key(GOOD.replace(b"/rest/1/KEY/profile", path)))
    answer = raw.response()
    assert answer is not None and answer.status in (200, 404), answer
    raw.close()


@pytest.mark.parametrize("name,data,statuses,closes", TABLE, ids=[row[0] for row in TABLE])
def test_request(small, portal, beta, name, data, statuses, closes):
    portal.clear()
    beta.clear()
    portal.handler = lambda _: result(True)
    raw = Raw(small.data)
    raw.send(with_key(data))
    answer = raw.response()
    assert (answer.status if answer else None) in statuses, (name, answer)
    if closes:
        assert raw.closed(), (name, "the connection stays, or there is a second answer", raw.buffer)
        if answer:
            assert answer.header("Connection") == "close", (name, answer)
    elif closes is False:
        raw.send(with_key(GOOD))
        assert raw.response().status == 200
    raw.close()
    if answer:
        assert KEY not in answer.body.decode("latin-1")
        if answer.status != 200:
            assert answer.json["error"].startswith("GATEWAY_"), answer
    assert not beta.received, name
    for seen in portal.received:
        assert 200 in statuses, (name, seen.bytes)
        assert b"smuggled" not in seen.bytes and b"X-Trailer" not in seen.head, (name, seen.bytes)
        assert "upgrade" not in seen.head.decode("latin-1").lower(), name
    good_request_works(small.data)


ADMIN = FRAMING + LINES + VERSIONS + METHODS


@pytest.mark.parametrize("name,data,statuses,closes", ADMIN, ids=[row[0] for row in ADMIN])
def test_request_to_the_admin_port(small, portal, name, data, statuses, closes):
    portal.clear()
    raw = Raw(small.admin)
    raw.send(data.replace(b"/rest/1/KEY/crm.deal.add", b"/healthz").replace(b"acme.b24.internal", b"localhost"))
    answer = raw.response()
    right = statuses | ({404, 403, 421, 405} if 200 in statuses else set())
    assert (answer.status if answer else None) in right, (name, answer)
    if closes:
        assert raw.closed(), name
    raw.close()
    assert not portal.received
    assert small.get("/healthz", admin=True).status == 200


def test_pipelining_is_answered_in_order(small, portal):
    portal.clear()
    portal.handler = lambda seen: result(seen.path.rsplit("/", 1)[1])
    raw = Raw(small.data)
    count = 50
    raw.send(b"".join(with_key(GOOD.replace(b"profile", b"call%d" % i)) for i in range(count)))
    for i in range(count):
        answer = raw.response()
        assert answer.status == 200 and answer.json["result"] == f"call{i}", (i, answer)
    assert [seen.path.rsplit("/", 1)[1] for seen in portal.received] == [f"call{i}" for i in range(count)]
    raw.close()


def test_nothing_behind_a_refused_request_is_served(small, portal):
    portal.clear()
    raw = Raw(small.data)
    raw.send(with_key(GOOD + request_table.POST + b"Bad Field: 1\r\n\r\n" + GOOD))
    assert raw.response().status == 200
    assert raw.response().status == 400
    assert raw.closed()
    assert len(portal.received) == 1


def test_one_byte_at_a_time(small, portal):
    portal.clear()
    raw = Raw(small.data)
    for byte in with_key(b"POST /rest/1/KEY/crm.deal.add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"):
        raw.send(bytes([byte]))
    assert raw.response().status == 200
    assert portal.last.body == b'{"a":1}'
    raw.close()


def test_http_1_0_closes_unless_asked_to_stay(small, portal):
    portal.clear()
    raw = Raw(small.data)
    raw.send(with_key(b"GET /rest/1/KEY/profile HTTP/1.0\r\n\r\n"))
    assert raw.response().status == 200
    assert raw.closed()
    raw = Raw(small.data)
    for _ in range(2):
        raw.send(with_key(b"GET /rest/1/KEY/profile HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))
        answer = raw.response()
        assert answer.status == 200 and answer.header("Connection").lower() == "keep-alive", answer
    raw.close()


def test_continue_is_said_only_behind_the_checks(small, portal):
    portal.clear()
    raw = Raw(small.data)
    raw.send(with_key(request_table.POST + b"Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"))
    assert raw.response().status == 100
    assert not portal.received
    raw.send(b"{}")
    assert raw.response().status == 200
    raw.close()
    # A body that would be refused is not asked for: neither with a wrong key nor over the limit.
    for head in (b"POST /rest/1/b24g_wrong/profile HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n",
                 with_key(request_table.POST) + b"Content-Length: 99999999\r\n"):
        raw = Raw(small.data)
        raw.send(head + b"Expect: 100-continue\r\n\r\n")
        answer = raw.response()
        assert answer.status in (401, 413), answer
        assert raw.closed()
        raw.close()


def test_a_body_that_does_not_come(start, portal):
    portal.clear()
    gate = start(config_text(portal.url, server='header_timeout = "300ms"\nbody_timeout = "300ms"\nidle_timeout = "300ms"'))
    for data in (b"", b"POST /rest/1/KEY/crm.d", request_table.POST + b"Content-Length: 10\r\n\r\n{",
                 request_table.POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"):
        raw = Raw(gate.data)
        raw.send(with_key(data))
        answer = raw.response()
        assert answer is None or answer.status == 408, (data, answer)
        assert raw.closed(), data
        raw.close()
    assert not portal.received
    good_request_works(gate.data)


def test_a_request_cut_off_at_every_byte(small, portal):
    portal.clear()
    data = with_key(b"POST /rest/1/KEY/crm.deal.add HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{\"a\":1}")
    for end in range(0, len(data), 3):
        raw = Raw(small.data)
        raw.send(data[:end])
        raw.close()
    good_request_works(small.data)
    assert [seen.path.rsplit("/", 1)[1] for seen in portal.received] == ["profile"]

"""No ambiguous request gets in: the tables against the data port, and against the admin port."""
import socket

import pytest

import body_table
import request_table
from harness import KEY, PATIENCE, Gate, Raw, config_text, until
from fixtures import BETA
from oauth import ENVIRONMENT
from operations import operations_config
from portal import Answer, result
from table_rows import EITHER, GOOD, POST
from verdict import good_request_fault, request_fault, with_key


@pytest.fixture(scope="module")
def small(tmp_path_factory, portal, beta):
    """A gateway with limits that a test can pass."""
    gate = Gate(tmp_path_factory.mktemp("small"), config_text(
        portal.url, server='max_body = "1MiB"\nmax_header = "16KiB"', portals=BETA.format(port=beta.port)))
    yield gate
    gate.stop()


def rows(groups, *but):
    return [pytest.param(row, id=f"{group}: {row[0]}") for group, table in groups.items() if group not in but for row in table]


@pytest.mark.parametrize("row", rows(request_table.GROUPS) + rows(body_table.GROUPS, "bodies"))
def test_request(small, portal, beta, row):
    beta.clear()
    assert request_fault(small.data, portal, row) is None
    assert not beta.received


@pytest.mark.parametrize("row", rows({"bodies": body_table.BODIES}))
def test_a_body_is_refused_or_unchanged(small, portal, row):
    assert request_fault(small.data, portal, row, body_table.sent_body(row[1])) is None


@pytest.fixture(scope="module")
def keeper(tmp_path_factory, portal):
    """A gateway that takes calls for good."""
    gate = Gate(tmp_path_factory.mktemp("keeper"), operations_config(portal.url), ENVIRONMENT)
    yield gate
    gate.stop()


@pytest.mark.parametrize("row", rows({"bodies": body_table.BODIES}))
def test_a_body_that_is_handed_over_is_refused_or_unchanged(keeper, portal, row):
    """The same on the way through the store."""
    portal.clear()
    host = b"Host: acme.b24.internal\r\n"
    raw = Raw(keeper.data)
    raw.send(with_key(row[1].replace(host, host + b"Prefer: respond-async\r\n")))
    answer = raw.response()
    raw.close()
    if answer.status == 202:
        until(lambda: portal.received, what="it is carried out")
        assert portal.last.body == body_table.sent_body(row[1])
    else:
        assert 400 <= answer.status < 500 and not portal.received, answer


@pytest.mark.parametrize("data,status", [(row[1], row[2]) for row in request_table.FRAMING[:3] + request_table.LINES[:3] + request_table.LIMITS[:1]])
def test_a_refusal_says_what_it_is(small, data, status):
    raw = Raw(small.data)
    raw.send(with_key(data))
    answer = raw.response()
    assert answer.status in status and answer.json["error"].startswith("GATEWAY_"), answer
    assert answer.header("Connection") == "close", answer
    assert KEY not in answer.everything.decode("latin-1")
    raw.close()


def for_admin(row):
    """The same at the admin port, which has other paths. What is right at the data port is answered there as well, with
    whatever belongs to the path."""
    name, data, statuses, closes = row
    if 200 in statuses:
        statuses = statuses | {401, 403, 404, 405, 421}
        closes = EITHER
    if statuses & {403, 404}:
        statuses = statuses | {401, 421}  # strangers do not learn which paths there are
    if b"chunked\r\n\r\n" in data.lower():
        statuses = statuses | {413}  # no body of this port comes in chunks
    for path in (b"/rest/1/KEY/crm.deal.add", b"/rest/1/KEY/profile"):
        data = data.replace(path + b" ", b"/healthz ")
    return name, data.replace(b"acme.b24.internal", b"localhost").replace(b"Host: x\r\n", b"Host: localhost\r\n"), statuses, closes


@pytest.mark.parametrize("row", rows({name: [for_admin(row) for row in table] for name, table in
                                      {**request_table.GROUPS, "chunks": body_table.CHUNKING}.items()}))
def test_request_to_the_admin_port(small, portal, row):
    assert request_fault(small.admin, portal, row, good=b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") is None
    assert not portal.received


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


def test_who_pipelines_and_does_not_read_is_not_read_either(small, portal):
    """Back-pressure: no more is taken in than has been answered, and all is answered in order once it is read."""
    portal.clear()
    portal.handler = lambda seen: Answer(200, b'{"result":"' + seen.path.rsplit("/", 1)[1].encode() + b"x" * 30_000 + b'"}')
    raw = Raw(small.data)
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    raw.socket.settimeout(1 * PATIENCE)
    before, sent, count = small.rss(), 0, 0
    with pytest.raises(TimeoutError):
        while count < 200_000:
            piece = with_key(GOOD.replace(b"profile", b"call%06d" % count))
            while piece:
                length = raw.socket.send(piece)
                piece, sent = piece[length:], sent + length
            count += 1
    assert small.rss() - before < 64 << 20 and len(portal.received) < count
    raw.socket.settimeout(20 * PATIENCE)
    for i in range(min(count, 300)):
        answer = raw.response()
        assert answer.status == 200 and answer.json["result"].startswith("call%06d" % i), (i, answer)
    raw.close()
    until(lambda: small.metric("b24gate_http_connections", port="data") == 0, what="the connection ends")


def test_nothing_behind_a_refused_request_is_served(small, portal):
    portal.clear()
    raw = Raw(small.data)
    raw.send(with_key(GOOD + POST + b"Bad Field: 1\r\n\r\n" + GOOD))
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
    raw.send(with_key(POST + b"Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"))
    assert raw.response().status == 100
    assert not portal.received
    raw.send(b"{}")
    assert raw.response().status == 200
    raw.close()
    # A body that would be refused is not asked for: neither with a wrong key nor over the limit.
    for head in (b"POST /rest/1/b24g_wrong/profile HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n",
                 with_key(POST) + b"Content-Length: 99999999\r\n"):
        raw = Raw(small.data)
        raw.send(head + b"Expect: 100-continue\r\n\r\n")
        answer = raw.response()
        assert answer.status in (401, 413), answer
        assert raw.closed()
        raw.close()


def test_a_body_that_does_not_come(start, portal):
    portal.clear()
    gate = start(config_text(portal.url, server='header_timeout = "300ms"\nbody_timeout = "300ms"\nidle_timeout = "300ms"'))
    for data in (b"", b"POST /rest/1/KEY/crm.d", POST + b"Content-Length: 10\r\n\r\n{",
                 POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"):
        raw = Raw(gate.data)
        raw.send(with_key(data))
        answer = raw.response()
        assert answer is None or answer.status == 408, (data, answer)
        assert raw.closed(), data
        raw.close()
    assert not portal.received
    assert good_request_fault(gate.data) is None


def test_a_request_cut_off_at_every_byte(small, portal):
    portal.clear()
    data = with_key(b"POST /rest/1/KEY/crm.deal.add HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{\"a\":1}")
    for end in range(0, len(data), 3):
        raw = Raw(small.data)
        raw.send(data[:end])
        raw.close()
    assert good_request_fault(small.data) is None
    assert [seen.path.rsplit("/", 1)[1] for seen in portal.received] == ["profile"]

"""Connections that do not behave: cut off and reset at every byte, held open and not used, dripping, too many of them."""
import resource
import select
import socket
import struct
import threading
import time

import pytest

from harness import PATIENCE, SANITIZER, Raw, certificate, client_context, config_text, request, until
from portal import Answer, result
from table_rows import GOOD, POST
from verdict import CALL, good_request_fault, with_key

# What the gateway keeps open by itself: connections to the portal above all. A leak shows in hundreds.
FEW = 40

# UBSan opens a pipe to look at an object, and takes one that it cannot look at so for a broken one.
without_descriptors = pytest.mark.skipif(SANITIZER == "address", reason="the sanitizer itself needs descriptors")

LIMITS = 'header_timeout = "{t}"\nbody_timeout = "{t}"\nidle_timeout = "{t}"\nwrite_timeout = "{t}"'


def short_limits(seconds: float) -> str:
    return LIMITS.format(t=f"{int(1000 * seconds * PATIENCE)}ms")


def open_files(gate) -> float:
    return gate.metric("process_open_fds")


def clients_of(gate, port: str = "data") -> float:
    return gate.metric("b24gate_http_connections", port=port)


def reset(raw: Raw) -> None:
    """Ends the connection with RST instead of FIN."""
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()


def whole(raw: Raw):
    """The response, unless it breaks off."""
    try:
        return raw.response()
    except AssertionError:
        return None


def works(gate) -> None:
    assert good_request_fault(gate.data) is None
    assert request(gate.admin, "GET", "/healthz").status == 200


REQUESTS = [
    POST + b"Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
    POST + b"Transfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nX: y\r\n\r\n",
    POST + b"Expect: 100-continue\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
    GOOD + GOOD,
]


@pytest.mark.parametrize("how", ["reset", "close", "half-closed"])
@pytest.mark.parametrize("data", REQUESTS)
def test_a_request_cut_off_at_every_byte(gate, portal, data, how):
    data = with_key(data)
    before = open_files(gate)
    for address in (gate.data, gate.admin):
        for end in range(len(data)):
            raw = Raw(address)
            raw.send(data[:end])
            if how == "half-closed":
                raw.socket.shutdown(socket.SHUT_WR)
                while raw.response() is not None:
                    pass
            if how == "reset":
                reset(raw)
            raw.close()
    works(gate)
    # Nothing but whole requests: those of the last row begin with one.
    assert all(seen.path.endswith("/profile") for seen in portal.received), [seen.bytes for seen in portal.received]
    until(lambda: clients_of(gate) == 0 and open_files(gate) <= before + FEW, what="the connections are given back")


ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 19\r\n\r\n{\"result\":\"poison\"}",
    "chunks": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
              b"9\r\n{\"result\"\r\na\r\n:\"poison\"}\r\n0\r\n\r\n",
    "continue first": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"result\":\"poison\"}",
}


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_cut_off_at_every_byte(gate, portal, name, how):
    data = ANSWERS[name]
    before = open_files(gate)
    for end in range(len(data)):
        portal.clear()
        portal.script(Answer(raw=data[:end], then=how))
        raw = Raw(gate.data)
        raw.send(with_key(CALL))
        answer = raw.response()
        raw.close()
        assert answer.status == 409 and b"poison" not in answer.body, (end, answer)
        assert len(portal.received) == 1, end
    portal.clear()
    works(gate)
    until(lambda: clients_of(gate) == 0 and open_files(gate) <= before + FEW, what="the connections are given back")


def test_a_long_answer_cut_off_breaks_the_clients_connection(gate, portal):
    """What has been passed on cannot be taken back: the terminator is left out."""
    piece = b"x" * 65536
    for how in ("reset", "close"):
        portal.script(Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                             b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + piece + b"\r\n") * 30, then=how))
        raw = Raw(gate.data)
        raw.send(with_key(CALL))
        answer = whole(raw)
        assert answer is None or answer.status == 409, answer
        raw.close()
    portal.clear()
    works(gate)


def test_slow_clients_keep_nobody_from_being_served(start, portal):
    """200 that send nothing and 50 that drip, beside calls that are all answered; the drippers are then sent away."""
    portal.clear()
    gate = start(config_text(portal.url, server=short_limits(2)))
    idle = [Raw(gate.data) for _ in range(200)]
    heads, bodies = [Raw(gate.data) for _ in range(25)], [Raw(gate.data) for _ in range(25)]
    for raw in bodies:
        raw.send(with_key(POST + b"Content-Length: 100000\r\n\r\n"))
    drip = with_key(b"POST /rest/1/KEY/crm.deal.add HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 10_000)
    began, answered, at = time.monotonic(), 0, 0
    while time.monotonic() < began + 1:
        for raw in heads:
            raw.send(drip[at:at + 1])
        for raw in bodies:
            raw.send(b"{")
        at += 1
        assert gate.call("profile", {}).json["result"] is True
        answered += 1
    assert answered == len(portal.received)

    def all_gone() -> bool:
        # Each byte is a sign of life, and none of them moves the deadline.
        for raw in heads + bodies:
            raw.send(b"a")
        return clients_of(gate) == 0

    until(all_gone, 15, "all of them are sent away")
    for raw in idle:
        assert raw.closed()
    for raw in heads + bodies:
        answer = raw.response()
        assert answer is None or answer.status == 408, answer
    for raw in idle + heads + bodies:
        raw.close()
    assert all(seen.path.endswith("/profile") for seen in portal.received)
    works(gate)


@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\x16\x03\x01"], ids=["nothing", "half a hello", "half a record"])
def test_a_handshake_that_does_not_come(start, portal, tmp_path, hello):
    portal.clear()
    cert, key = certificate(tmp_path, "own")
    gate = start(config_text(portal.url, server=short_limits(0.5) + f'\ntls_listen = "127.0.0.1:0"\ntls_certificate = "{cert}"\n'
                             f'tls_key = "{key}"'))
    held = [Raw(gate.tls) for _ in range(20)]
    for raw in held:
        raw.send(hello)
    assert request(gate.tls, "GET", "/healthz", context=client_context(cert)).status == 200
    until(lambda: clients_of(gate, "tls") == 0, 10, "they are sent away")
    for raw in held:
        raw.close()


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
                                   b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n"], ids=["nothing", "head", "length", "chunk"])
def test_a_portal_that_drips(start, portal, begin):
    """The time for an answer counts in all, whatever comes meanwhile."""
    portal.clear()
    gate = start(config_text(portal.url, portal=f'timeout = "{int(400 * PATIENCE)}ms"'))
    portal.handler = lambda _: Answer(raw=begin, pieces=(b"a" for _ in range(int(200 * PATIENCE))), then="close")
    began = time.monotonic()
    answer = gate.call("crm.deal.add", {"fields": {}})
    assert answer.status == 409 and answer.gateway["class"] == "timeout", answer
    assert time.monotonic() - began < 4 * PATIENCE
    portal.clear()
    works(gate)


def test_a_client_that_does_not_read(start, portal):
    portal.clear()
    file = [("Content-Type", "application/octet-stream")]
    portal.handler = lambda _: Answer(200, headers=file, stream=(b"x" * 65536 for _ in range(1000)))
    gate = start(config_text(portal.url, server=short_limits(0.5)))
    held = [Raw(gate.data) for _ in range(5)]
    for raw in held:
        raw.send(with_key(b"GET /rest/1/KEY/disk.file.get HTTP/1.1\r\nHost: x\r\n\r\n") * 3)
    until(lambda: len(portal.received) >= 5, what="they are answered")
    until(lambda: clients_of(gate) == 0, 15, "the connections end")
    for raw in held:
        assert whole(raw) is None
        raw.close()
    portal.clear()
    works(gate)


@pytest.mark.parametrize("send", [b"", POST + b"X: a", POST + b"Content-Length: 1000\r\n\r\n{"], ids=["nothing", "half a head", "half a body"])
def test_a_flood_of_connections_makes_room_for_who_uses_his(start, portal, send):
    portal.clear()
    gate = start(config_text(portal.url, server="max_connections = 40"))
    flood = []
    for _ in range(100):
        raw = Raw(gate.data)
        raw.send(with_key(send))
        flood.append(raw)
    for _ in range(5):
        assert gate.call("profile", {}).status == 200
    assert gate.metric("b24gate_http_rejected_total", reason="shed") > 0
    assert len(portal.received) == 5
    for raw in flood:
        raw.close()


@pytest.mark.parametrize("data", [b"POST /rest/1/b24g_guess/profile HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                                  b"GET /operations/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer b24g_guess\r\n\r\n"],
                         ids=["call", "operation"])
def test_a_flood_of_wrong_keys_makes_room_too(start, portal, data):
    """Who guesses waits, but not so many of them at once that nobody else has a connection."""
    portal.clear()
    gate = start(config_text(portal.url, server="max_connections = 60"))
    flood = []
    for _ in range(300):
        raw = Raw(gate.data, source=("127.66.66.66", 0))
        raw.send(data)
        flood.append(raw)
    began = time.monotonic()
    assert gate.call("profile", {}).status == 200
    assert time.monotonic() - began < 3 * PATIENCE  # if all of them waited it would take half a minute
    held = [raw for raw in flood if not select.select([raw.socket], [], [], 0)[0]]
    assert len(held) < 60
    for raw in flood:
        if raw not in held:
            answer = raw.response()
            assert answer is None or answer.status == 401, answer
        raw.close()
    assert len(portal.received) == 1


def test_who_is_being_answered_is_not_sent_away_for_room(start, portal):
    portal.clear()
    release = threading.Event()
    portal.handler = lambda _: result(True) if len(portal.received) > 1 else Answer(200, b'{"result":"slow"}', wait_for=release)
    gate = start(config_text(portal.url, server="max_connections = 20"))
    raw = Raw(gate.data)
    raw.send(with_key(CALL))
    until(lambda: portal.received, what="the call is at the portal")
    flood = [Raw(gate.data) for _ in range(60)]
    assert gate.call("profile", {}).status == 200
    release.set()
    assert raw.response().json["result"] == "slow"
    for other in [raw, *flood]:
        other.close()


@without_descriptors
def test_out_of_file_descriptors(start, portal):
    """Neither the end of the listener nor a busy loop; when there are some again, all is well."""
    portal.clear()
    gate = start(config_text(portal.url))
    works(gate)
    soft, hard = resource.prlimit(gate.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gate.pid, resource.RLIMIT_NOFILE, (int(open_files(gate)) + 4, hard))
    cpu = gate.metric("process_cpu_seconds_total")
    flood = [Raw(gate.data) for _ in range(30)]
    began = time.monotonic()
    until(lambda: time.monotonic() > began + 0.5)
    resource.prlimit(gate.pid, resource.RLIMIT_NOFILE, (soft, hard))
    for raw in flood:
        raw.close()
    works(gate)
    assert gate.metric("b24gate_http_rejected_total", reason="no_descriptors") > 0
    assert gate.metric("process_cpu_seconds_total") - cpu < 0.4 * PATIENCE
    assert gate.process.poll() is None


@without_descriptors
def test_a_call_without_a_descriptor_for_the_portal_is_told_as_not_sent(start, portal):
    portal.clear()
    gate = start(config_text(portal.url))
    raw = Raw(gate.data)
    raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert raw.response().status == 200
    soft, hard = resource.prlimit(gate.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gate.pid, resource.RLIMIT_NOFILE, (3, hard))
    raw.send(with_key(CALL))
    answer = raw.response()
    resource.prlimit(gate.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert answer.status == 502 and answer.gateway["executed"] == "no", answer
    raw.send(with_key(CALL))
    assert raw.response().status == 200
    raw.close()


@pytest.mark.parametrize("size,fit", [(1 << 20, 2), (40 * 1024, 51)], ids=["large", "small"])
def test_bodies_in_flight_are_bounded_for_the_whole_process(start, portal, size, fit):
    """Nobody has sent more than a byte, and yet together they would be too much as they come in."""
    portal.clear()
    gate = start(config_text(portal.url, server='max_body = "1MiB"\nmax_buffered = "2MiB"'))
    held = [Raw(gate.data) for _ in range(fit + 3)]
    for raw in held:
        raw.send(with_key(POST + b"Content-Length: %d\r\n\r\n{" % size))
    until(lambda: gate.metric("b24gate_http_rejected_total", reason="body_memory") == 3, what="those too many are refused")
    refused = [raw for raw in held if select.select([raw.socket], [], [], 0)[0]]
    assert [raw.response().status for raw in refused] == [503] * 3
    for raw in held:
        raw.close()
    body = b'{"a":"' + b"x" * 1_000_000 + b'"}'
    until(lambda: gate.call("crm.deal.add", body, headers={"Content-Type": "application/json"}).status == 200, what="room again")
    works(gate)

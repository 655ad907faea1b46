"""What comes back: headers on success, one shape for every failure, and what is retried."""
import gzip
import json
import re
import threading
import time
import zlib

import pytest

from harness import ADMIN_KEY, KEY, PATIENCE, config_text, request
from portal import CLOSE, RESET, Answer, FakePortal, error, error_v3, html, result

READ, SAFE_WRITE, UNSAFE = "crm.deal.list", "crm.deal.update", "crm.deal.add"
CLASSES = {"rate_limit", "overload", "operating_limit", "auth_expired", "auth_invalid", "permission", "plan",
           "validation", "not_found", "method_unknown", "business", "server", "network", "timeout", "portal_gone",
           "gateway"}


def well_formed(answer, status=None, code=None, error_class=None, executed=None, retryable=None, v3=False):
    """Checks the one shape of a failure, and the members that the caller names."""
    body = answer.json
    if v3:
        assert set(body["error"]) >= {"code", "message"}, answer
    else:
        assert isinstance(body["error"], str) and isinstance(body["error_description"], str), answer
    gateway = body["gateway"]
    assert gateway["class"] in CLASSES and gateway["origin"] in {"portal", "oauth", "network", "gateway"}, answer
    assert gateway["executed"] in {"no", "yes", "unknown"} and isinstance(gateway["retryable"], bool), answer
    assert gateway["request_id"] and gateway["request_id"] == answer.header("X-Request-Id"), answer
    assert answer.header("X-B24-Error-Class") == gateway["class"], answer
    assert answer.header("X-B24-Error") is not None, answer
    assert answer.header("Content-Type").startswith("application/json"), answer
    assert "<" not in body.get("error_description", ""), answer
    if gateway["retryable"]:
        assert int(answer.header("Retry-After")) >= 0, answer
    else:
        assert answer.header("Retry-After") is None, answer
    if status is not None:
        assert answer.status == status, answer
    if code is not None:
        assert answer.code == code, answer
        assert answer.header("X-B24-Error") == code, answer
    if error_class is not None:
        assert gateway["class"] == error_class, answer
    if executed is not None:
        assert gateway["executed"] == executed, answer
    if retryable is not None:
        assert gateway["retryable"] == retryable, answer
    return gateway


def test_headers_of_a_success(gate, portal):
    answer = gate.call("crm.deal.list", {})
    assert answer.status == 200
    assert re.fullmatch(r"[\x21-\x7e]{8,128}", answer.header("X-Request-Id"))
    assert answer.header("X-B24-Portal") == "acme"
    assert answer.header("X-B24-Attempts") == "1"
    assert int(answer.header("X-B24-Wait-Ms")) < 1000 * PATIENCE
    assert answer.header("X-B24-Error") is None
    for name in ("X-Request-Id", "X-B24-Portal", "X-B24-Attempts", "X-B24-Wait-Ms", "Content-Type", "Date"):
        assert len(answer.all(name)) == 1, name


def test_the_request_id_is_the_clients_when_usable(gate, portal):
    assert gate.call("profile", {}, headers={"X-Request-ID": "order-4711"}).header("X-Request-Id") == "order-4711"
    answer = gate.call("profile", {}, headers={"X-Request-ID": "a b\"<script>" + "x" * 300})
    assert "<script>" not in answer.header("X-Request-Id")


PORTAL_ERRORS = [
    # answer of the portal, status, class, executed, retryable (for an unsafe write, said once)
    (error(403, "insufficient_scope"), 403, "permission", "no", False),
    (error(401, "insufficient_scope"), 401, "permission", "no", False),
    (error(403, "ACCESS_DENIED", "Access denied!"), 403, "permission", "no", False),
    (error(403, "ACCESS_DENIED", "REST is available only on commercial plans."), 403, "plan", "no", False),
    (error(401, "NO_AUTH_FOUND"), 401, "auth_invalid", "no", False),
    (error(401, "INVALID_CREDENTIALS"), 401, "auth_invalid", "no", False),
    (error(404, "ERROR_METHOD_NOT_FOUND"), 404, "method_unknown", "no", False),
    (error(400, "", "Not found"), 400, "not_found", "no", False),
    (error(400, "ERROR_ARGUMENT", "bad", argument="LIMIT"), 400, "validation", "no", False),
    (error(200, "NO_APPLICATION_ID"), 400, "business", "no", False),
    (error(400, "SOMETHING_NEW"), 400, "business", "no", False),
    (error(410, "PORTAL_DELETED"), 410, "portal_gone", "no", False),
]


@pytest.mark.parametrize("reply,status,error_class,executed,retryable", PORTAL_ERRORS)
def test_errors_of_the_portal(gate, portal, reply, status, error_class, executed, retryable):
    portal.handler = lambda _: reply
    answer = gate.call(UNSAFE, {"fields": {}})
    sent = json.loads(reply.body)
    gateway = well_formed(answer, status, sent["error"], error_class, executed, retryable)
    assert answer.json["error_description"] == sent["error_description"]
    assert {key: value for key, value in answer.json.items() if key != "gateway"} == sent
    assert (gateway["origin"], gateway["portal"], gateway["method"]) == ("portal", "acme", UNSAFE)
    assert gateway["upstream_status"] == reply.status
    assert (gateway["attempts"], len(portal.received)) == (1, 1)
    if error_class != "auth_invalid":
        return
    # From now on the portal is not asked: only a person helps, and a reload lets the next call try.
    answer = gate.call(UNSAFE, {"fields": {}})
    well_formed(answer, 401, "GATEWAY_REAUTH_REQUIRED", "gateway", "no", False)
    assert len(portal.received) == 1
    reload = request(gate.admin, "POST", "/api/v1/reload", b"", {"Authorization": f"Bearer {ADMIN_KEY}"})
    assert reload.status == 200, reload
    portal.handler = lambda _: result(True)
    assert gate.call(UNSAFE, {"fields": {}}).status == 200


def test_v3_keeps_its_shape(gate, portal):
    portal.handler = lambda _: error_v3(400, "BITRIX_REST_V3_EXCEPTION_VALIDATION_REQUESTVALIDATIONEXCEPTION", "No",
                                        validation=[{"field": "id", "message": "required"}])
    answer = gate.call("tasks.task.get", {}, path=f"/rest/api/1/{KEY}/tasks.task.get")
    well_formed(answer, 400, "BITRIX_REST_V3_EXCEPTION_VALIDATION_REQUESTVALIDATIONEXCEPTION", "validation", "no",
                False, v3=True)
    assert answer.json["error"]["validation"] == [{"field": "id", "message": "required"}]


def test_the_gateways_own_errors_have_the_shape_of_the_generation(gate, portal):
    well_formed(gate.call("profile", {}, key="b24g_wrong"), 401, "GATEWAY_UNAUTHORIZED", "gateway", "no", False)
    answer = gate.call("tasks.task.get", {}, path="/rest/api/1/b24g_wrong/tasks.task.get")
    well_formed(answer, 401, "GATEWAY_UNAUTHORIZED", "gateway", "no", False, v3=True)


@pytest.mark.parametrize("body", [b'{"a":', b"not json", b'{"a":1}x', b"5", b'"text"', b"\xff\xfe", b"[1,]",
                                  b'{"a":1,}'])
def test_bodies_that_the_portal_would_read_as_empty_are_refused(gate, portal, body):
    answer = gate.call(UNSAFE, body, headers={"Content-Type": "application/json"})
    well_formed(answer, 400, "GATEWAY_BAD_REQUEST", "gateway", "no", False)
    assert not portal.received


def test_errors_inside_a_batch_gain_their_gateway_object(gate, portal):
    inner = {"result": {"a": [1], "c": []},
             "result_error": {"b": {"error": "insufficient_scope", "error_description": ""}},
             "result_total": [], "result_next": [], "result_time": []}
    portal.handler = lambda _: result(inner)
    answer = gate.call("batch", {"cmd": {"a": "crm.deal.list", "b": "crm.deal.add?fields[TITLE]=x", "c": "user.get"}})
    assert answer.status == 200, answer
    assert answer.json["time"] and answer.json["result"]["result"] == inner["result"]
    failed = answer.json["result"]["result_error"]["b"]
    assert failed["error"] == "insufficient_scope"
    assert failed["gateway"]["class"] == "permission" and failed["gateway"]["method"] == UNSAFE


def test_a_compressed_answer_passes_and_its_error_is_still_seen(gate, portal):
    plain = json.dumps({"result": list(range(5000))}).encode()
    portal.handler = lambda _: Answer(200, gzip.compress(plain), [("Content-Encoding", "gzip")])
    answer = gate.call(READ, {}, headers={"Accept-Encoding": "gzip"})
    assert answer.status == 200
    body = gzip.decompress(answer.body) if answer.header("Content-Encoding") == "gzip" else answer.body
    assert body == plain
    for coding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        portal.handler = lambda _, coding=coding, pack=pack: Answer(
            200, pack(b'{"error":"NO_APPLICATION_ID","error_description":"x"}'), [("Content-Encoding", coding)])
        well_formed(gate.call(READ, {}, headers={"Accept-Encoding": "gzip, deflate"}), 400, "NO_APPLICATION_ID",
                    "business")


def test_a_client_that_cannot_unpack_gets_no_compression(gate, portal):
    gate.call(READ, {})
    assert "gzip" not in (portal.last.header("Accept-Encoding") or "")


# What goes wrong on the way, and whether the portal may have executed the call.
TROUBLE = {
    "reset": RESET,
    "close": CLOSE,
    "500 html": html(500),
    "502 html": html(502),
    "504 html": html(504),
    "500 json": error(500, "INTERNAL_SERVER_ERROR", "Internal server error"),
    "500 empty": Answer(500, b""),
    "200 html": html(200),
    "200 empty": Answer(200, b""),
    "truncated": Answer(raw=b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"result":[{',
                        then="close"),
    "truncated chunked": Answer(raw=b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
                                    b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"res\r\n', then="close"),
    "half a head": Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Ty", then="close"),
    "garbage": Answer(raw=b"\x15\x03\x01garbage\r\n\r\n", then="close"),
    "cut json": Answer(200, b'{"result":[{"ID":"101","TITLE":"Deal'),
}


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("method", [READ, SAFE_WRITE])
def test_what_is_safe_to_repeat_is_retried(gate, portal, trouble, method):
    portal.script(TROUBLE[trouble], TROUBLE[trouble])
    answer = gate.call(method, {"id": 1})
    assert answer.status == 200, answer
    assert answer.json["result"] is True
    assert answer.header("X-B24-Attempts") == "3"
    assert len(portal.received) == 3
    assert len({seen.bytes for seen in portal.received}) <= 3 and len({seen.body for seen in portal.received}) == 1


@pytest.mark.parametrize("trouble", TROUBLE)
def test_unsafe_writes_are_sent_once(gate, portal, trouble):
    gate.call("profile", {})  # so that the write travels on a connection that was used before
    portal.clear()
    portal.handler = lambda _: TROUBLE[trouble]
    answer = gate.call(UNSAFE, {"fields": {"TITLE": "x"}})
    gateway = well_formed(answer, 409, executed="unknown", retryable=False)
    assert gateway["class"] in ("server", "network", "timeout")
    assert len(portal.received) == 1


@pytest.mark.parametrize("trouble", ["reset", "500 html", "truncated"])
def test_retries_end(gate, portal, trouble):
    portal.handler = lambda _: TROUBLE[trouble]
    answer = gate.call(READ, {})
    gateway = well_formed(answer, retryable=True)
    assert answer.status in (500, 502), answer
    assert gateway["attempts"] == 4 and len(portal.received) == 4


def test_refusals_that_did_not_execute_are_retried_for_writes_too(gate, portal):
    portal.script(error(503, "QUERY_LIMIT_EXCEEDED", "Too many requests"))
    answer = gate.call(UNSAFE, {"fields": {}}, headers={"X-B24-Timeout-Ms": "10000"})
    assert answer.status == 200, answer
    assert answer.header("X-B24-Attempts") == "2"


def test_overload_is_not_hammered(start, portal):
    portal.clear()
    gate = start(config_text(portal.url))
    portal.handler = lambda _: error(503, "OVERLOAD_LIMIT", "REST API is blocked due to overload")
    answer = gate.call(READ, {})
    well_formed(answer, 503, "OVERLOAD_LIMIT", "overload", "no", True)
    assert len(portal.received) == 1


def test_no_answer_in_time(start, portal):
    portal.clear()
    release = threading.Event()
    gate = start(config_text(portal.url, portal='timeout = "400ms"'))
    portal.handler = lambda _: Answer(200, b"{}", wait_for=release)
    well_formed(gate.call(UNSAFE, {}), 409, error_class="timeout", executed="unknown", retryable=False)
    assert len(portal.received) == 1
    release.set()


def test_the_callers_deadline_ends_the_wait(gate, portal):
    release = threading.Event()
    portal.handler = lambda _: Answer(200, b"{}", wait_for=release)
    answer = gate.call(READ, {}, headers={"X-B24-Timeout-Ms": "300"})
    assert answer.status == 504, answer
    well_formed(answer, 504)
    release.set()


def test_a_portal_that_is_down(start):
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gate = start(config_text(f"http://127.0.0.1:{taken.getsockname()[1]}"))
        well_formed(gate.call(UNSAFE, {}), 502, "GATEWAY_UPSTREAM_UNREACHABLE", "network", "no", True)
        # Nothing has left: the service behind may send it again, and so did the gateway.
        assert gate.call(READ, {}).gateway["attempts"] == 4


def test_an_unknown_host_name(start):
    gate = start(config_text("http://no-such-portal.invalid"))
    well_formed(gate.call(UNSAFE, {}), 502, "GATEWAY_UPSTREAM_UNREACHABLE", "network", "no", True)


def test_markup_never_reaches_a_description(gate, portal):
    portal.handler = lambda _: html(403, "<html><body><h1>Please confirm</h1>you are not a robot</body></html>")
    answer = gate.call(UNSAFE, {})
    well_formed(answer, 403, error_class="permission", executed="no")
    portal.handler = lambda _: error(400, "X", "<b>Bad</b><br>thing <script>alert(1)</script>")
    assert "<" not in gate.call(UNSAFE, {}).json["error_description"]


def test_a_reused_connection_that_died_costs_a_read_nothing(gate, portal):
    assert gate.call("profile", {}).status == 200
    portal.script(Answer(200, b'{"result":1}', then="close"))
    assert gate.call("profile", {}).status == 200
    time.sleep(0.05 * PATIENCE)  # an end that crosses a call on the wire nobody can notice
    assert gate.call(UNSAFE, {"fields": {}}).status == 200  # the closed connection is noticed before anything is sent
    assert len(portal.received) == 3


def test_the_body_of_a_surplus_answer_is_not_taken_for_the_next(gate, portal):
    ok = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"result":"a"}'
    portal.script(Answer(raw=ok + b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"result":"bad"}'))
    assert gate.call("profile", {}).json["result"] == "a"
    assert gate.call("profile", {}).json["result"] is True

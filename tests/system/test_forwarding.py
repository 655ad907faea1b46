"""What reaches the portal: the body byte for byte, the portal's own credential, and nothing that changes whom it sees."""
import json
import re

import pytest

from harness import KEY, SECRET, Raw, config_text, request
from portal import Answer

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

BODIES = [
    (JSON, b'{"fields":{"TITLE":"A \\u0434eal","OPPORTUNITY":1.10},"params":{"REGISTER_SONET_EVENT":"Y"}}'),
    (JSON, b' { "b" : 1 ,\t"a" : [ 1.0, 1e400, 123456789012345678901234567890, -0, null, {} , [] ] }\n'),
    (JSON, '{"TITLE":"Zürich 東京 🚀"}'.encode()),
    (JSON, b'{"TITLE":"\\ud800 lone","TITLE":"twice"}'),
    (JSON, b'[5,{"TITLE":"positional"}]'),
    (JSON + "; charset=utf-8", b'{"id":"7"}'),
    (FORM, b"filter[%3EID]=5&select[]=ID&select[]=TITLE&fields[PHONE][0][VALUE]=1"),
    (FORM, b"a=1&a=2&&b=&=c&d"),
    (FORM, b"TITLE=100%25+sure%20thing&x=%zz"),
    (FORM, b""),
    (JSON, b""),
]


@pytest.mark.parametrize("content_type,body", BODIES)
def test_bodies_go_on_byte_for_byte(gate, portal, content_type, body):
    answer = gate.call("crm.deal.list", body, headers={"Content-Type": content_type})
    if answer.status == 400:
        # What the portal would silently misread is refused; then nothing reached it.
        assert answer.code == "GATEWAY_BAD_REQUEST" and not portal.received
        assert body in (b'{"TITLE":"\\ud800 lone","TITLE":"twice"}',), answer
        return
    assert answer.status == 200, answer
    assert portal.last.body == body
    if body:
        assert portal.last.header("Content-Type") == content_type


def test_multipart_and_binary_go_on_byte_for_byte(gate, portal):
    body = (b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n"
            b"Content-Type: application/octet-stream\r\n\r\n" + bytes(range(256)) * 40 + b"\r\n--x--\r\n")
    assert gate.call("disk.x", body, headers={"Content-Type": "multipart/form-data; boundary=x"}).status == 200
    assert portal.last.body == body


def test_a_chunked_request_arrives_whole(gate, portal):
    raw = Raw(gate.data)
    raw.send(f"POST /rest/1/{KEY}/crm.deal.list HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\n"
             "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n3;x=y\r\n:5}\r\n0\r\n\r\n".encode())
    assert raw.response().status == 200
    assert portal.last.body == b'{"id":5}'
    assert portal.last.header("Content-Length") == "8" and not portal.last.header("Transfer-Encoding")


STRIPPED = ["auth", "access_token", "ap", "aplogin", "sessid", "token"]


@pytest.mark.parametrize("name", STRIPPED)
@pytest.mark.parametrize("place", ["query", "form", "json"])
def test_fields_that_change_the_identity_are_stripped(gate, portal, name, place):
    value = "some0one0elses"
    path, headers, body = f"/rest/1/{KEY}/crm.deal.get", {}, b""
    if place == "query":
        path += f"?id=5&{name}={value}&x=1"
    elif place == "form":
        headers, body = {"Content-Type": FORM}, f"id=5&{name}={value}&x=1".encode()
    else:
        headers, body = {"Content-Type": JSON}, json.dumps({"id": 5, name: value, "x": 1}).encode()
    answer = request(gate.data, "POST", path, body, headers)
    assert answer.status == 200, answer
    assert value.encode() not in portal.last.bytes
    seen = portal.last
    if place == "query":
        assert seen.query == "id=5&x=1"
    elif place == "form":
        assert seen.body == b"id=5&x=1"
    else:
        assert json.loads(seen.body) == {"id": 5, "x": 1}


def test_the_same_names_deeper_down_stay(gate, portal):
    body = b'{"fields":{"auth":"a","token":"b"},"filter":{"sessid":"c"}}'
    assert gate.call("crm.deal.add", body, headers={"Content-Type": JSON}).status == 200
    assert portal.last.body == body


HEADERS = {
    "Cookie": "PHPSESSID=1", "Authorization": f"Bearer {KEY}", "X-Forwarded-For": "10.0.0.1",
    "X-Forwarded-Host": "evil.example", "Forwarded": "for=10.0.0.1", "X-Real-IP": "10.0.0.1",
    "X-Original-URL": "/bitrix/admin/", "X-Rewrite-URL": "/bitrix/admin/", "X-HTTP-Method-Override": "DELETE",
    "X-Bitrix-Csrf-Token": "abc", "X_Under_Score": "1", "Proxy-Authorization": "Basic eDp5", "TE": "trailers",
    "Upgrade": "websocket", "Keep-Alive": "timeout=5", "X-Nominated": "1", "Connection": "keep-alive, X-Nominated",
    "X-B24-Priority": "bulk", "X-B24-Timeout-Ms": "5000", "Referer": f"https://x.example/rest/1/{KEY}/",
}


def test_headers_are_an_allow_list(gate, portal):
    answer = gate.call("crm.deal.list", {}, headers={**HEADERS, "User-Agent": "shop/1.0", "Accept": "application/json"})
    assert answer.status == 200, answer
    seen = {name.lower() for name, _ in portal.last.headers}
    allowed = {"host", "user-agent", "accept", "accept-encoding", "accept-language", "content-type", "content-length",
               "connection", "x-request-id", "content-encoding", "idempotency-key"}
    assert seen <= allowed, seen - allowed
    assert portal.last.header("Connection") in (None, "keep-alive")
    assert KEY.encode() not in portal.last.bytes
    assert portal.last.header("User-Agent")


def test_portal_headers_that_concern_the_hop_stay_behind(gate, portal):
    portal.handler = lambda _: Answer(200, b'{"result":1}', [
        ("Set-Cookie", "a=b"), ("X-Bitrix-Rest-Time", "0.1"), ("Keep-Alive", "timeout=5"), ("X-Gone", "1"),
        ("Connection", "X-Gone"), ("Access-Control-Allow-Origin", "*")])
    answer = gate.call("profile", {})
    assert answer.status == 200 and answer.body == b'{"result":1}'
    names = {name.lower() for name, _ in answer.headers}
    assert not names & {"set-cookie", "keep-alive", "x-gone"}, names


def test_successful_bodies_come_back_byte_for_byte(gate, portal):
    for body in (b'{"result":[],"total":0,"time":{"start":1,"operating":0.10}}', b'{ "result" : 1.50 }\n',
                 '{"result":"Zürich \\u0416"}'.encode(), b'{"result":null,"next":0}'):
        portal.script(Answer(200, body))
        answer = gate.call("crm.deal.list", {})
        assert (answer.status, answer.body) == (200, body)
        assert answer.header("Content-Type") == "application/json; charset=utf-8"


def test_connections_are_reused(gate, portal):
    before = portal.connections
    for _ in range(20):
        assert gate.call("profile", {}).status == 200
    assert portal.connections - before <= 2


def test_passthrough_sends_what_the_client_sent(start, portal):
    portal.clear()
    text = config_text(portal.url, client="passthrough = true")
    gate = start(re.sub(r'key_sha256 = "[0-9a-f]+"\n', "", text))
    real = "the0portals0own0secret"
    # No key of the gateway is in the call: its portal names the client.
    answers = [
        request(gate.data, "POST", f"/portals/acme/rest/9/{real}/profile", b""),
        request(gate.data, "POST", f"/rest/9/{real}/profile", b"", {"Host": "acme.b24.internal"}),
    ]
    assert [answer.status for answer in answers] == [200, 200], answers
    assert [seen.path for seen in portal.received] == [f"/rest/9/{real}/profile"] * 2
    answer = request(gate.data, "POST", "/portals/acme/rest/profile", b'{"auth":"real0access0token"}',
                     {"Content-Type": JSON})
    assert answer.status == 200, answer
    assert portal.last.body == b'{"auth":"real0access0token"}' and portal.last.path == "/rest/profile"
    for line in gate.out + gate.err:
        assert real not in line and "real0access0token" not in line


def test_no_portal_credential_goes_to_a_body_or_header(gate, portal):
    """The portal echoes the address it was called under, as some of its errors do."""
    portal.handler = lambda seen: Answer(400, json.dumps(
        {"error": "X", "error_description": f"No such thing at {seen.target}"}).encode(), [("X-Echo", seen.target)])
    answer = gate.call("crm.deal.list", {})
    assert answer.status == 400
    assert SECRET.encode() not in answer.everything

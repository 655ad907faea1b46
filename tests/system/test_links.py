"""Links in answers, downloads and uploads through the gateway, renamed portals, large bodies."""
import hashlib
import json
import os
import threading
import urllib.parse

import pytest

from harness import KEY, SANITIZER, SECRET, config_text, request
from portal import TIME, Answer, FakePortal, html, result


def split(url: str):
    parts = urllib.parse.urlsplit(url)
    return parts.netloc, parts.path + ("?" + parts.query if parts.query else "")


DOWNLOAD = "/rest/download.json?auth={auth}&token=disk%7CaWQ9NQ%3D%3D%7Csigned"
HOOK_DOWNLOAD = "/rest/1/{auth}/download/?token=disk%7CaWQ9NQ%3D%3D%7Csigned"


@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("form", [HOOK_DOWNLOAD, DOWNLOAD])
def test_download(gate, portal, escaped, form):
    content = os.urandom(100_000)

    def handler(seen):
        if "download" in seen.target:
            return Answer(200, content, [("Content-Type", "application/octet-stream"),
                                         ("Content-Disposition", 'attachment; filename="a.bin"')])
        body = json.dumps({"result": {"ID": "5", "DOWNLOAD_URL": portal.url + form.format(auth=SECRET)}, "time": TIME})
        return Answer(200, (body.replace("/", "\\/") if escaped else body).encode())

    portal.handler = handler
    answer = gate.call("disk.file.get", {"id": 5})
    assert answer.status == 200, answer
    assert SECRET.encode() not in answer.everything
    assert (b"\\/" in answer.body) == escaped  # the rest of the body is as it was
    link = answer.json["result"]["DOWNLOAD_URL"]
    host, path = split(link)
    assert host == f"{gate.data[0]}:{gate.data[1]}" and link.startswith("http://")
    assert KEY in path and "token=disk%7CaWQ9NQ%3D%3D%7Csigned" in path
    file = request(gate.data, "GET", path)
    assert file.status == 200, file
    assert file.body == content
    assert file.header("Content-Type") == "application/octet-stream"
    assert file.header("Content-Disposition") == 'attachment; filename="a.bin"'
    # A webhook's link has the secret in its path, whatever form the client used.
    assert portal.last.target == HOOK_DOWNLOAD.format(auth=SECRET)


def test_parts_of_a_file_and_files_that_have_not_changed(gate, portal):
    path = HOOK_DOWNLOAD.format(auth=KEY)
    portal.script(Answer(206, b"bcd", [("Content-Range", "bytes 1-3/10"), ("Content-Type", "application/octet-stream")]))
    part = request(gate.data, "GET", path, headers={"Range": "bytes=1-3"})
    assert (part.status, part.body, part.header("Content-Range")) == (206, b"bcd", "bytes 1-3/10")
    portal.script(Answer(304, b"", [("ETag", '"x"')]))
    same = request(gate.data, "GET", path, headers={"If-None-Match": '"x"'})
    assert (same.status, same.body, same.header("ETag")) == (304, b"", '"x"'), same
    assert len(portal.received) == 2


def test_public_url_in_links(start, portal):
    portal.clear()
    gate = start(config_text(portal.url, server='public_url = "https://b24.internal/gw"'))
    portal.handler = lambda _: result({"DOWNLOAD_URL": portal.url + HOOK_DOWNLOAD.format(auth=SECRET)})
    link = gate.call("disk.file.get", {}).json["result"]["DOWNLOAD_URL"]
    assert link.startswith("https://b24.internal/gw/") and SECRET not in link


def test_links_of_others_stay(gate, portal):
    value = {"a": "https://example.com/rest/1/abc/download/?token=1", "b": "/rest/1/x", "c": portal.url + "/crm/deal/5/"}
    portal.handler = lambda _: result(value)
    assert gate.call("x.get", {}).json["result"] == value


def test_every_link_of_a_long_list(gate, portal):
    files = [{"ID": str(i), "DOWNLOAD_URL": f"{portal.url}/rest/1/{SECRET}/download/?token=disk%7C{i}%7Csig"}
             for i in range(2000)]
    portal.handler = lambda _: result(files)
    answer = gate.call("disk.folder.getchildren", {})
    assert SECRET.encode() not in answer.body
    assert [f"token=disk%7C{i}%7Csig" in row["DOWNLOAD_URL"] for i, row in enumerate(answer.json["result"])] == [True] * 2000
    assert answer.json["time"] == TIME


def test_two_step_upload(gate, portal):
    seen = []

    def handler(received):
        seen.append(received)
        if "upload" in received.path and "uploadfile" not in received.path:
            return result({"ID": 7, "SIZE": len(received.body)})
        return result({"field": "file", "uploadUrl": f"{portal.url}/rest/upload.json?auth={SECRET}&token=disk%7Cx%7Csig"})

    portal.handler = handler
    answer = gate.call("disk.folder.uploadfile", {"id": 1, "data": {"NAME": "a.bin"}})
    assert SECRET.encode() not in answer.everything
    _, path = split(answer.json["result"]["uploadUrl"])
    content = bytes(range(256)) * 4096
    body = (b'--zz\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--zz--\r\n")
    answer = request(gate.data, "POST", path, body, {"Content-Type": "multipart/form-data; boundary=zz"})
    assert answer.status == 200, answer
    assert answer.json["result"]["ID"] == 7
    assert seen[-1].body == body and seen[-1].target == f"/rest/1/{SECRET}/upload/?token=disk%7Cx%7Csig"


def test_a_link_needs_a_key(gate, portal):
    for path in (DOWNLOAD.format(auth="b24g_wrong"), HOOK_DOWNLOAD.format(auth="b24g_wrong"),
                 "/rest/download.json?token=disk%7Cx%7Csig"):
        answer = request(gate.data, "GET", path)
        assert (answer.status, answer.code) == (401, "GATEWAY_UNAUTHORIZED"), answer
    assert not portal.received


def test_an_upload_is_not_sent_twice(gate, portal):
    portal.handler = lambda _: html(502)
    answer = request(gate.data, "POST", f"/rest/upload.json?auth={KEY}&token=disk%7Cx%7Csig", b"--z--",
                     {"Content-Type": "multipart/form-data; boundary=z"})
    assert answer.status == 409, answer
    assert len(portal.received) == 1


MEBI = 1 << 20


def test_a_large_answer_streams_through(gate, portal):
    piece = os.urandom(256 * 1024)
    count = 256 if not SANITIZER else 64
    digest = hashlib.sha256()
    for _ in range(count):
        digest.update(piece)
    gate.call("profile", {})
    before = gate.rss()
    peak = []

    def pieces():
        for i in range(count):
            if i % 16 == 0:
                peak.append(gate.rss())
            yield piece

    portal.handler = lambda _: Answer(200, headers=[("Content-Type", "application/octet-stream")], stream=pieces())
    answer = request(gate.data, "GET", HOOK_DOWNLOAD.format(auth=KEY), timeout=60)
    assert len(answer.body) == count * len(piece)
    assert hashlib.sha256(answer.body).digest() == digest.digest()
    if not SANITIZER:
        assert max(peak) - before < 8 * MEBI, [value // MEBI for value in peak]


def test_a_large_json_answer(gate, portal):
    rows = [{"ID": str(i), "TITLE": "deal" * 20} for i in range(100_000 if not SANITIZER else 20_000)]
    body = json.dumps({"result": rows, "time": TIME}).encode()
    portal.handler = lambda _: Answer(200, body)
    answer = gate.call("crm.deal.list", {})
    assert answer.status == 200 and answer.body == body


def test_a_large_answer_that_breaks_off_is_never_taken_for_whole(gate, portal):
    portal.handler = lambda _: Answer(
        raw=b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 3_000_000,
        then="close")
    import http.client
    try:
        answer = request(gate.data, "GET", HOOK_DOWNLOAD.format(auth=KEY))
    except (http.client.IncompleteRead, ConnectionResetError):
        return
    assert answer.status == 502, answer.status


def test_a_large_request(gate, portal):
    body = json.dumps({"fileContent": "QUJD" * (5 * MEBI)}).encode()
    assert len(body) < 32 * MEBI
    answer = gate.call("disk.folder.uploadfile", body, headers={"Content-Type": "application/json"}, timeout=60)
    assert answer.status == 200, answer
    assert hashlib.sha256(portal.last.body).digest() == hashlib.sha256(body).digest()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_renamed_portal_is_followed_and_remembered(start, status):
    old, new = FakePortal(), FakePortal()
    gate = start(config_text(old.url, portal='redirect_hosts = ["localhost"]'))
    old.handler = lambda seen: Answer(status, b"<html>", [("Location", new.url + seen.target), ("Content-Type", "text/html")])
    body = {"fields": {"TITLE": "x"}}
    answer = gate.call("crm.deal.add", body)
    assert answer.status == 200, answer
    assert new.last.method == "POST" and json.loads(new.last.body) == body
    assert new.last.path == f"/rest/1/{SECRET}/crm.deal.add"
    assert gate.call("crm.deal.add", body).status == 200
    assert (len(old.received), len(new.received)) == (1, 2)
    old.close()
    new.close()


def test_a_redirect_elsewhere_is_not_followed(start):
    old, elsewhere = FakePortal(), FakePortal(host="127.0.0.2")
    gate = start(config_text(old.url))
    for target in (f"http://127.0.0.2:{elsewhere.port}/rest/1/x/crm.deal.add", "/auth/?backurl=x", "https://login.example/",
                   "gopher://x/", "//127.0.0.2/", ""):
        old.handler = lambda _, target=target: Answer(302, b"", [("Location", target)])
        answer = gate.call("crm.deal.add", {"fields": {}})
        assert answer.status >= 400, (target, answer)
        assert answer.header("Location") is None
        assert target == "" or target not in answer.body.decode()
    assert not elsewhere.received
    old.close()
    elsewhere.close()


def test_redirects_do_not_go_round_for_ever(start):
    one = FakePortal()
    gate = start(config_text(one.url, portal='redirect_hosts = ["localhost"]'))
    one.handler = lambda seen: Answer(302, b"", [("Location", one.url + seen.target)])
    assert gate.call("crm.deal.list", {}).status >= 400
    assert len(one.received) < 20
    one.close()

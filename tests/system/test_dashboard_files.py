"""The dashboard's files on the admin port: served to anyone, kept by browsers, leading nowhere else."""
import gzip
import re

import pytest

from harness import Gate, config_text, request


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    gate = Gate(tmp_path_factory.mktemp("dashboard"), config_text("https://localhost:1"))
    yield gate
    gate.stop()


def fetch(gate: Gate, path: str, method: str = "GET", **fields: str):
    return request(gate.admin, method, path, b"" if method == "POST" else None,
                   {name.replace("_", "-"): value for name, value in fields.items()})


def assets(gate: Gate) -> list:
    return re.findall(r'"(/assets/[^"]+)"', fetch(gate, "/").body.decode())


def test_the_page_needs_no_key_and_forbids_everything_foreign(gate):
    page = fetch(gate, "/")
    assert page.status == 200 and page.header("Content-Type") == "text/html; charset=utf-8"
    policy = page.header("Content-Security-Policy")
    assert "script-src 'self';" in policy and "require-trusted-types-for 'script'" in policy and "unsafe" not in policy
    text = page.body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", text)
    for path in assets(gate):
        answer = fetch(gate, path)
        assert answer.status == 200 and answer.header("X-Content-Type-Options") == "nosniff", path
        assert answer.header("Cache-Control") == "public, max-age=31536000, immutable"


def test_what_a_browser_has_is_not_sent_again(gate):
    for path in ["/", *assets(gate)]:
        plain = fetch(gate, path)
        packed = fetch(gate, path, Accept_Encoding="gzip, deflate, br")
        assert packed.header("Content-Encoding") == "gzip" and gzip.decompress(packed.body) == plain.body
        assert plain.header("ETag") != packed.header("ETag")
        again = fetch(gate, path, Accept_Encoding="gzip", If_None_Match=packed.header("ETag"))
        assert again.status == 304 and again.body == b"" and again.header("ETag") == packed.header("ETag")
        head = fetch(gate, path, "HEAD")
        assert head.status == 200 and head.body == b"" and int(head.header("Content-Length")) == len(plain.body)


def test_what_is_not_there_is_not_there(gate):
    for path in ("/assets/", "/assets/x/app.js", "/assets/../../../etc/passwd", "/assets/%2e%2e/%2e%2e/etc/passwd",
                 assets(gate)[0] + "/..", "/assets/..%2f..%2f"):
        assert fetch(gate, path).status in (400, 404), path
    for path in ("/index.html", "/src/dashboard/app.js", "/favicon.ico"):
        assert fetch(gate, path).status == 401, path
    assert fetch(gate, "/", "POST").status == 401

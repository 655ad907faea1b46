"""Answers of a portal as bytes, and what a gateway must make of them.

Each row: name, bytes, verdict. The call is one that must not be sent twice, so a broken answer is 409 here and 502
elsewhere. What is called `poison` stands in bodies of broken answers, what is called `planted` in fields that are not
for clients; neither may be seen.
"""
from dataclasses import dataclass, field
from typing import Optional, Set

from table_rows import controls, delimiters

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = b'{"result":"poison"}'
LENGTH = b"Content-Length: 19\r\n"
TE = b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = b"13\r\n" + BODY + b"\r\n0\r\n\r\n"


@dataclass
class Verdict:
    statuses: Set[int] = field(default_factory=lambda: {409, 502})
    body: Optional[bytes] = None  # of a 200
    closes: bool = True  # the portal closes behind the bytes
    may_break: bool = False  # the head may have been passed on already: then the connection must break


BROKEN = Verdict()
CUT_OFF = Verdict(may_break=True)
FINE = Verdict({200}, BODY)
STAYS = Verdict({200}, BODY, closes=False)


def field_line(line: bytes) -> bytes:
    return OK + line + LENGTH + b"\r\n" + BODY


FRAMING = [(name, data, BROKEN) for name, data in (
    ("cl and te", OK + LENGTH + TE + WHOLE), ("te and cl", OK + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + WHOLE),
    ("te gzip", OK + b"Transfer-Encoding: gzip\r\n\r\n" + BODY), ("te gzip, chunked", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + WHOLE),
    ("te chunked, gzip", OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + WHOLE), ("te twice", OK + b"Transfer-Encoding: chunked\r\n" + TE + WHOLE),
    ("te identity", OK + b"Transfer-Encoding: identity\r\n" + LENGTH + b"\r\n" + BODY), ("te empty", OK + b"Transfer-Encoding:\r\n\r\n" + WHOLE),
    ("te xchunked", OK + b"Transfer-Encoding: xchunked\r\n\r\n" + WHOLE), ("te with a parameter", OK + b"Transfer-Encoding: chunked;a=b\r\n\r\n" + WHOLE),
    ("te in http/1.0", OK.replace(b"1.1", b"1.0") + TE + WHOLE),
    ("two different cl", OK + LENGTH + b"Content-Length: 5\r\n\r\n" + BODY), ("two equal cl", OK + LENGTH + LENGTH + b"\r\n" + BODY),
    ("te and cl 0", OK + b"Content-Length: 0\r\n" + TE + WHOLE),
)] + [
    (f"cl {value!r}", OK + b"Content-Length: " + value + b"\r\n\r\n" + BODY, BROKEN) for value in (
        b"-19", b"+19", b"many", b"99999999999999999999", b"19, 19", b"19,5", b"0x13", b"19 ,", b"1 9", b"19.0", b"", b"19\x0b", b"'19'", b"19;",
        b"18446744073709551635", b"\xb219", b"1e1")
]

LINES = [(name, data, BROKEN) for name, data in (
    ("bare lf", OK.replace(b"\r\n", b"\n") + b"Content-Length: 19\n\n" + BODY), ("bare lf in a field", field_line(b"X: a\nY: b\r\n")),
    ("bare lf behind the status line", OK.replace(b"OK\r\n", b"OK\n") + LENGTH + b"\r\n" + BODY), ("bare lf for the end", OK + LENGTH + b"\n" + BODY),
    ("bare cr in a field", field_line(b"X: a\rY: b\r\n")), ("bare cr for line ends", OK.replace(b"\r\n", b"\r") + LENGTH + b"\r\n" + BODY),
    ("two cr", field_line(b"X: a\r\r\n")), ("obs-fold", field_line(b"X: a\r\n b\r\n")), ("obs-fold with a tab", field_line(b"X: a\r\n\tb\r\n")),
    ("a folded cl", OK + b"Content-Length: 1\r\n 9\r\n\r\n" + BODY), ("a fold before the first field", OK.replace(b"OK\r\n", b"OK\r\n ") + LENGTH + b"\r\n" + BODY),
    ("blank before the colon", OK + b"Content-Length : 19\r\n\r\n" + BODY), ("tab before the colon", OK + b"Content-Length\t: 19\r\n\r\n" + BODY),
    ("no colon", field_line(b"nonsense\r\n")), ("no name", field_line(b": a\r\n")), ("nul", field_line(b"X: a\0b\r\n")), ("nul in a name", field_line(b"X\0: a\r\n")),
    ("name beyond ascii", field_line(b"X\xe4: a\r\n")), ("delete character", field_line(b"X: \x7f\r\n")), ("blank in a name", field_line(b"X Y: a\r\n")),
)] + [(f"control character {c[0]} in a value", field_line(b"X: a" + c + b"b\r\n"), BROKEN) for c in controls] + [
    (f"{c.decode()!r} in a name", field_line(b"X" + c + b"Y: a\r\n"), BROKEN) for c in delimiters]

STATUS_LINES = [
    (f"status line {line.decode('latin-1')!r}", line + b"\r\n" + LENGTH + b"\r\n" + BODY, BROKEN) for line in (
        b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 OK", b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1 2x0 OK",
        b"HTTP/1.1 -200 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 000 OK", b"HTTP/1.1 200OK", b"HTTP/1.1 200\tOK", b"HTTP/1.1 0x1 OK", b"HTTP/2.0 200 OK",
        b"HTTP/2 200", b"HTTP/1.2 200 OK", b"HTTP/0.9 200 OK", b"HTTP/1.10 200 OK", b"http/1.1 200 OK", b"HTTP 200 OK", b"HTTP/1 200 OK", b"ICY 200 OK",
        b"HTTPS/1.1 200 OK", b" HTTP/1.1 200 OK", b"\tHTTP/1.1 200 OK", b"XHTTP/1.1 200 OK", b"HTTP/1.1 200 a\x00b", b"HTTP/1.1 200 a\x01b",
        b"HTTP/1.1 200 a\rb", b"\xef\xbb\xbfHTTP/1.1 200 OK", b"HTTP/1.1 99 OK", b"HTTP/1.1 200.1 OK", b"HTTP/1.\xb1 200 OK")
] + [(name, data, BROKEN) for name, data in (
    ("http/0.9", BODY), ("other protocol", b"SSH-2.0-OpenSSH_9.2\r\n"), ("a request", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("nothing", b""), ("an empty line", b"\r\n\r\n"), ("empty lines and an answer", b"\r\n\r\n\r\n" + OK + LENGTH + b"\r\n" + BODY), ("nul", b"\0" * 100),
    ("a tls alert", b"\x15\x03\x01\x00\x02\x02\x16"), ("a tls hello", b"\x16\x03\x01\x00\xc2\x01\x00\x00\xbe\x03\x03" + bytes(60)), ("html", b"<html>poison</html>\r\n\r\n"),
    ("an http/2 settings frame", b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64"),
    ("switching protocols", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + BODY),
    ("switching protocols behind a continue", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + BODY),
    ("nothing but a continue", b"HTTP/1.1 100 Continue\r\n\r\n"), ("continues for ever", b"HTTP/1.1 100 Continue\r\n\r\n" * 200 + OK + LENGTH + b"\r\n" + BODY),
    ("hints for ever", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 200 + OK + LENGTH + b"\r\n" + BODY),
    ("a broken continue", b"HTTP/1.1 100 Continue\nX: a\r\n\r\n" + OK + LENGTH + b"\r\n" + BODY),
)]

LIMITS = [(name, data, BROKEN) for name, data in (
    ("huge head", OK + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 1000) for i in range(200)) + LENGTH + b"\r\n" + BODY),
    ("many fields", OK + b"".join(b"X-%d: a\r\n" % i for i in range(2000)) + LENGTH + b"\r\n" + BODY),
    ("huge field", field_line(b"X: " + b"a" * 200_000 + b"\r\n")), ("huge name", field_line(b"X" * 200_000 + b": a\r\n")),
    ("huge reason", b"HTTP/1.1 200 " + b"a" * 200_000 + b"\r\n" + LENGTH + b"\r\n" + BODY), ("a head without an end", OK + b"X: " + b"a" * 300_000),
    ("fields without an end", OK + b"X: a\r\n" * 50_000), ("a huge continue", b"HTTP/1.1 100 Continue\r\nX: " + b"a" * 200_000 + b"\r\n\r\n" + OK + LENGTH + b"\r\n" + BODY),
)]

CHUNKS = [(name, OK + TE + data, CUT_OFF) for name, data in (
    ("bad size", b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"), ("no size", b"\r\n" + BODY + b"\r\n0\r\n\r\n"), ("size with 0x", b"0x13\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("negative size", b"-13\r\n" + BODY + b"\r\n0\r\n\r\n"), ("size with a plus", b"+13\r\n" + BODY + b"\r\n0\r\n\r\n"), ("blank before the size", b" 13\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("size beyond 64 bits", b"10000000000000013\r\n" + BODY + b"\r\n0\r\n\r\n"), ("size that wraps", b"ffffffffffffffff\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("chunk without an end", b"13\r\n" + BODY + b"0\r\n\r\n"), ("too much data", b"12\r\n" + BODY + b"\r\n0\r\n\r\n"), ("too little data", b"14\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("bare lf behind the size", b"13\n" + BODY + b"\r\n0\r\n\r\n"), ("bare lf behind the data", b"13\r\n" + BODY + b"\n0\r\n\r\n"),
    ("bare cr behind the data", b"13\r\n" + BODY + b"\r0\r\n\r\n"), ("bare lf in an extension", b"13;a\nb\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("nul in an extension", b"13;\0\r\n" + BODY + b"\r\n0\r\n\r\n"), ("endless extension", b"13;" + b"a" * 200_000 + b"\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("endless zeros", b"0" * 200_000 + b"13\r\n" + BODY + b"\r\n0\r\n\r\n"), ("broken trailer", b"13\r\n" + BODY + b"\r\n0\r\nnonsense\r\n\r\n"),
    ("folded trailer", b"13\r\n" + BODY + b"\r\n0\r\nX: a\r\n b\r\n\r\n"), ("endless trailer", b"13\r\n" + BODY + b"\r\n0\r\nX: " + b"a" * 200_000 + b"\r\n\r\n"),
    ("bare lf in a trailer", b"13\r\n" + BODY + b"\r\n0\r\nX: a\nY: b\r\n\r\n"), ("bare lf for the last line", b"13\r\n" + BODY + b"\r\n0\r\n\n"),
    ("no last chunk", b"13\r\n" + BODY + b"\r\n"), ("no last line", b"13\r\n" + BODY + b"\r\n0\r\n"), ("cut off in a size", b"1"), ("cut off in the data", b"13\r\n" + BODY[:9]),
    ("cut off behind the data", b"13\r\n" + BODY), ("nothing", b""), ("cut off in a trailer", b"13\r\n" + BODY + b"\r\n0\r\nX: a"),
)] + [(name, data, CUT_OFF) for name, data in (
    ("cl too long", OK + b"Content-Length: 25\r\n\r\n" + BODY), ("cl far too long", OK + b"Content-Length: 999999999999999\r\n\r\n" + BODY),
    ("a head cut off", OK + b"Content-Le"), ("a status line cut off", b"HTTP/1.1 2"),
)]

UNUSUAL = [
    ("continue first", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + LENGTH + b"\r\n" + BODY, STAYS),
    ("to the end of the connection", OK + b"Connection: close\r\n\r\n" + BODY, FINE),
    ("http/1.0", OK.replace(b"1.1", b"1.0") + b"\r\n" + BODY, FINE),
    ("http/1.0 with a length", OK.replace(b"1.1", b"1.0") + LENGTH + b"\r\n" + BODY, FINE),
    ("no reason", OK.replace(b"200 OK", b"200 ") + LENGTH + b"\r\n" + BODY, STAYS),
    ("no blank behind the status", OK.replace(b"200 OK", b"200") + LENGTH + b"\r\n" + BODY, STAYS),
    ("a reason beyond ascii", OK.replace(b"200 OK", b"200 \xc3\x96K") + LENGTH + b"\r\n" + BODY, STAYS),
    ("names in another case", OK + b"CONTENT-LENGTH: 19\r\n\r\n" + BODY, STAYS),
    ("blanks around a value", OK + b"Content-Length: \t 19 \t\r\n\r\n" + BODY, STAYS),
    ("an empty value", field_line(b"X:\r\n"), STAYS),
    ("chunks", OK + TE + WHOLE, STAYS),
    ("chunks with extensions and trailers", OK + TE + b"13;x=y\r\n" + BODY + b"\r\n0\r\nSet-Cookie: planted\r\nX: planted\r\n\r\n", STAYS),
    ("one byte a chunk", OK + TE + b"".join(b"1\r\n%c\r\n" % c for c in BODY) + b"0\r\n\r\n", STAYS),
    ("chunks in another case", OK + b"transfer-encoding: Chunked\r\n\r\n" + WHOLE, STAYS),
    ("surplus bytes", OK + LENGTH + b"\r\n" + BODY + b"poison", STAYS),
    ("a second answer", OK + LENGTH + b"\r\n" + BODY + OK + b"Content-Length: 4\r\n\r\nevil", STAYS),
    ("surplus bytes behind chunks", OK + TE + WHOLE + OK + b"Content-Length: 4\r\n\r\nevil", STAYS),
]

# Fields of a portal that are not for the gateway's clients.
FIELDS = [
    (name, field_line(lines), STAYS) for name, lines in (
        ("keep-alive", b"Keep-Alive: timeout=5, max=planted\r\n"), ("a nominated field", b"Connection: X-Planted\r\nX-Planted: planted\r\n"),
        ("a nominated field in another case", b"Connection: keep-alive, x-planted\r\nX-PLANTED: planted\r\n"), ("proxy-connection", b"Proxy-Connection: planted\r\n"),
        ("upgrade", b"Upgrade: planted\r\n"), ("trailer", b"Trailer: planted\r\n"), ("proxy-authenticate", b"Proxy-Authenticate: planted\r\n"), ("te", b"TE: planted\r\n"))
]

# Beyond what a proxy for everybody does.
WITHHELD = [(f"{name.decode()} stays here", field_line(name + b": planted\r\n"), STAYS) for name in (
    b"Set-Cookie", b"Set-Cookie2", b"P3P", b"X-Powered-By", b"Access-Control-Allow-Credentials", b"WWW-Authenticate", b"Strict-Transport-Security", b"Content-Security-Policy", b"Refresh", b"Location", b"Link", b"Alt-Svc",
    b"X-Accel-Redirect", b"X-Sendfile", b"Public-Key-Pins", b"Clear-Site-Data")]

GROUPS = {"framing": FRAMING, "lines": LINES, "status lines": STATUS_LINES, "limits": LIMITS, "chunks and ends": CHUNKS, "unusual but right": UNUSUAL,
          "hop-by-hop fields": FIELDS, "withheld fields": WITHHELD}

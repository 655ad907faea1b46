"""Requests as bytes, and what a gateway must make of them.

Each row: name, bytes, the statuses that are right, whether the connection must end behind the answer. KEY and HOOK
stand for the client key and a whole good path. None of them may reach the portal unless 200 is among the statuses.
"""

HOOK = b"/rest/1/KEY/crm.deal.add"
POST = b"POST " + HOOK + b" HTTP/1.1\r\nHost: acme.b24.internal\r\n"
GOOD = b"POST /rest/1/KEY/profile HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
# What an attacker hopes will be read as a request of its own.
SMUGGLED = b"POST /rest/1/KEY/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"

CLOSE = True
STAYS = False
EITHER = None

FRAMING = [
    ("cl and te", POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("te and cl", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("te gzip", POST + b"Transfer-Encoding: gzip\r\n\r\n" + SMUGGLED, {400, 501}, CLOSE),
    ("te chunked, gzip", POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + SMUGGLED, {400, 501}, CLOSE),
    ("te gzip, chunked", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS + SMUGGLED, {400, 501}, CLOSE),
    ("te twice", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS, {400}, CLOSE),
    ("te chunked, chunked", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKS, {400, 501}, CLOSE),
    ("te identity", POST + b"Transfer-Encoding: identity\r\n\r\n" + SMUGGLED, {400, 501}, CLOSE),
    ("te empty", POST + b"Transfer-Encoding:\r\n\r\n" + SMUGGLED, {400, 501}, CLOSE),
    ("te xchunked", POST + b"Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED, {400, 501}, CLOSE),
    ("te quoted", POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + SMUGGLED, {400, 501}, CLOSE),
    ("te with a parameter", POST + b"Transfer-Encoding: chunked;a=b\r\n\r\n" + CHUNKS, {400, 501}, CLOSE),
    ("te with a vertical tab", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + SMUGGLED, {400, 501}, CLOSE),
    ("te in http/1.0", b"POST " + HOOK + b" HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
     {400, 501}, CLOSE),
    ("two different cl", POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("two equal cl", POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("cl list", POST + b"Content-Length: 0, 0\r\n\r\n", {400}, CLOSE),
    ("cl plus", POST + b"Content-Length: +2\r\n\r\n{}", {400}, CLOSE),
    ("cl minus", POST + b"Content-Length: -1\r\n\r\n", {400}, CLOSE),
    ("cl hexadecimal", POST + b"Content-Length: 0x2\r\n\r\n{}", {400}, CLOSE),
    ("cl empty", POST + b"Content-Length:\r\n\r\n", {400}, CLOSE),
    ("cl with a blank", POST + b"Content-Length: 1 0\r\n\r\n", {400}, CLOSE),
    ("cl beyond 64 bits", POST + b"Content-Length: 18446744073709551617\r\n\r\n{", {400, 413}, CLOSE),
    ("cl fraction", POST + b"Content-Length: 2.0\r\n\r\n{}", {400}, CLOSE),
]

LINES = [
    ("bare lf everywhere", b"POST " + HOOK + b" HTTP/1.1\nHost: x\nContent-Length: 0\n\n", {400}, CLOSE),
    ("bare lf in a field", POST + b"X: a\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("bare cr in a field", POST + b"X: a\rContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("bare lf ends the head", POST + b"Content-Length: 0\r\n\n", {400}, CLOSE),
    ("nul in a field", POST + b"X: a\0b\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("nul in a name", POST + b"X\0: a\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("obs-fold", POST + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("obs-fold with a tab", POST + b"X: a\r\n\tb\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("fold before the first field", b"POST " + HOOK + b" HTTP/1.1\r\n Host: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("blank before the colon", POST + b"Content-Length : 0\r\n\r\n", {400}, CLOSE),
    ("tab before the colon", POST + b"Content-Length\t: 0\r\n\r\n", {400}, CLOSE),
    ("no colon", POST + b"Content-Length 0\r\n\r\n", {400}, CLOSE),
    ("no name", POST + b": value\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("name with a brace", POST + b"X{: a\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("name beyond ascii", POST + b"X\xe4: a\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("delete character", POST + b"X: a\x7f\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("two blanks in the request line", b"POST  " + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("tab in the request line", b"POST\t" + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("blank behind the version", b"POST " + HOOK + b" HTTP/1.1 \r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("blank before the method", b" POST " + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 501}, CLOSE),
]

VERSIONS = [
    ("http/0.9", b"GET " + HOOK + b"\r\n\r\n", {400, 505}, CLOSE),
    ("http/2.0", b"POST " + HOOK + b" HTTP/2.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
    ("http/1.2", b"POST " + HOOK + b" HTTP/1.2\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
    ("http/1.10", b"POST " + HOOK + b" HTTP/1.10\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
    ("lower-case http", b"POST " + HOOK + b" http/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
    ("http/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}, CLOSE),
    ("tls hello", bytes.fromhex("16030100c2010000be0303") + bytes(60), {400, None}, CLOSE),
    ("garbage", b"\x00\x01\x02\x03\x04\r\n\r\n", {400, None}, CLOSE),
    ("h2c upgrade", POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
     b"Content-Length: 0\r\n\r\n", {200}, EITHER),
    ("websocket upgrade", b"GET /rest/1/KEY/profile HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", {200}, EITHER),
]

METHODS = [
    (name, name.encode() + b" " + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {405, 501}, EITHER)
    for name in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "post", "Post", "XPOST", "POSTX")
] + [
    ("CONNECT", b"CONNECT acme.bitrix24.com:443 HTTP/1.1\r\nHost: acme.bitrix24.com:443\r\n\r\n", {400, 405, 501}, EITHER),
    ("no token for a method", b"P(ST " + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 501}, CLOSE),
]

HOSTS = [
    ("no host", b"POST " + HOOK + b" HTTP/1.1\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("two hosts", POST + b"Host: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("empty host", b"POST " + HOOK + b" HTTP/1.1\r\nHost:\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("host with a path", b"POST " + HOOK + b" HTTP/1.1\r\nHost: x/rest\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("host with credentials", b"POST " + HOOK + b" HTTP/1.1\r\nHost: a@b\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("host with a blank", b"POST " + HOOK + b" HTTP/1.1\r\nHost: a b\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("host with a bad port", b"POST " + HOOK + b" HTTP/1.1\r\nHost: a:99x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    # Absolute-form is legal; it chooses a configured portal at most, never an address.
    ("absolute-form", b"POST http://acme.b24.internal" + HOOK + b" HTTP/1.1\r\nHost: acme.b24.internal\r\n"
     b"Content-Length: 0\r\n\r\n", {200, 400}, EITHER),
    ("absolute-form of a neighbour", b"POST http://beta.b24.internal" + HOOK + b" HTTP/1.1\r\nHost: acme.b24.internal\r\n"
     b"Content-Length: 0\r\n\r\n", {400, 403}, EITHER),
    ("absolute-form of an address inside", b"POST http://169.254.169.254/latest HTTP/1.1\r\nHost: x\r\n"
     b"Content-Length: 0\r\n\r\n", {400, 404}, EITHER),
    ("asterisk-form", b"POST * HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 404}, EITHER),
    ("authority-form", b"POST acme:80 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 404}, EITHER),
    ("other scheme", b"POST gopher://x/rest/1/KEY/profile HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 404}, EITHER),
]


def path(target: bytes) -> bytes:
    return b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


PATHS = [
    (target.decode("latin-1"), path(target), {400, 401, 404}, EITHER) for target in (
        b"/rest/1/KEY/../../bitrix/admin", b"/rest/1/KEY/./crm.deal.add", b"/rest/../rest/1/KEY/profile",
        b"/rest/1/KEY/%2e%2e/profile", b"/rest/1/KEY/crm%2fdeal", b"/rest/1/KEY%2fprofile", b"/rest/1/KEY/a%5cb",
        b"/rest/1/KEY/a\\b", b"/rest/1/KEY/profile%00", b"/rest/1/KEY/profile%0d%0aX:y", b"/rest/1/KEY/profile%0a",
        b"/rest/1/KEY/%252e%252e", b"/rest/1/KEY/profile;a=b", b"/rest/1/KEY/profile%", b"/rest/1/KEY/profile%zz",
        b"/rest/1/KEY/pro%c0%aefile", b"/rest/1/KEY/profile%20", b"/rest/1/KEY/a b", b"/rest/1/KEY/pr\xc3\xb6file",
        b"/rest/1/KEY/profile#x", b"/rest/1/KEY/x/y", b"/rest/1;x/KEY/profile", b"/portals/acme/../beta/rest/1/KEY/profile",
        b"/portals/%61cme/../rest/1/KEY/profile", b"/rest/1/KEY/crm.deal.add.xml/../x",
    )
]

LIMITS = [
    ("long target", path(b"/rest/1/KEY/profile?x=" + b"a" * 20_000), {414}, CLOSE),
    ("long target without an end", b"GET /rest/1/KEY/profile?x=" + b"a" * 20_000, {414}, CLOSE),
    ("huge field", POST + b"X: " + b"a" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n", {431}, CLOSE),
    ("huge field without an end", POST + b"X: " + b"a" * 20_000, {431}, CLOSE),
    ("many fields", POST + b"".join(b"X-%d: a\r\n" % i for i in range(400)) + b"Content-Length: 0\r\n\r\n", {431}, CLOSE),
    ("cl over the limit", POST + b"Content-Length: 2000000\r\n\r\n", {413}, CLOSE),
    ("cl over the limit, expecting", POST + b"Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n", {413}, CLOSE),
    ("chunks over the limit", POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + b"a" * 65536 + b"\r\n" +
     b"".join(b"10000\r\n" + b"a" * 65536 + b"\r\n" for _ in range(20)), {413}, CLOSE),
    ("unknown expectation", POST + b"Expect: 200-ok\r\nContent-Length: 0\r\n\r\n", {417, 400}, EITHER),
]

CHUNKED = POST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

CHUNKING = [
    ("good chunks", CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", {200}, STAYS),
    ("upper and lower hex, zeros", CHUNKED + b"00002\r\n{}\r\n0000\r\n\r\n", {200, 400}, EITHER),
    ("extension", CHUNKED + b'2;a=b;c="d"\r\n{}\r\n0\r\n\r\n', {200}, STAYS),
    ("no size", CHUNKED + b"\r\n{}\r\n0\r\n\r\n", {400}, CLOSE),
    ("size with 0x", CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n", {400}, CLOSE),
    ("size with a sign", CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n", {400}, CLOSE),
    ("negative size", CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n", {400}, CLOSE),
    ("size beyond 64 bits", CHUNKED + b"10000000000000002\r\n{}\r\n0\r\n\r\n", {400, 413}, CLOSE),
    ("size that wraps", CHUNKED + b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n", {400, 413}, CLOSE),
    ("no end behind the data", CHUNKED + b"2\r\n{}0\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("too much data", CHUNKED + b"1\r\n{}\r\n0\r\n\r\n", {400}, CLOSE),
    ("bare lf behind the size", CHUNKED + b"2\n{}\r\n0\r\n\r\n", {400}, CLOSE),
    ("bare lf in an extension", CHUNKED + b"2;a\nb\r\n{}\r\n0\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("endless extension", CHUNKED + b"2;" + b"a" * 100_000 + b"\r\n{}\r\n0\r\n\r\n", {400, 413, 431}, CLOSE),
    ("trailer", CHUNKED + b"2\r\n{}\r\n0\r\nX-Trailer: a\r\nAuthorization: Bearer x\r\n\r\n", {200}, EITHER),
    ("broken trailer", CHUNKED + b"2\r\n{}\r\n0\r\nno colon\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("endless trailer", CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X: " + b"a" * 100_000 + b"\r\n\r\n", {400, 413, 431}, CLOSE),
]

TABLE = FRAMING + LINES + VERSIONS + METHODS + HOSTS + PATHS + LIMITS + CHUNKING

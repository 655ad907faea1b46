"""Requests as bytes, and what a gateway must make of them: heads. Bodies stand in body_table.py.

Each row: name, bytes, the statuses that are right, whether the connection must end behind the answer. KEY and HOOK
stand for the client key and a whole good path. None of them may reach the portal unless 200 is among the statuses, and
nothing that is called `planted` or `smuggled` ever may.
"""
from table_rows import CHUNKS, CLOSE, EITHER, HOOK, POST, SMUGGLED, controls, delimiters, post

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
     {400}, CLOSE),
    ("te in http/1.0, with cl", b"POST " + HOOK + b" HTTP/1.0\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
     + CHUNKS, {400}, CLOSE),
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
    ("three equal cl", POST + b"Content-Length: 0\r\n" * 3 + b"\r\n", {400}, CLOSE),
    ("cl and te in other cases", POST + b"CONTENT-LENGTH: 5\r\ntransfer-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("empty cl and te", POST + b"Content-Length:\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}, CLOSE),
    ("cl zero and te", POST + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("te and an unknown te", POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + SMUGGLED, {400, 501}, CLOSE),
    ("an unknown te and te", POST + b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, {400, 501}, CLOSE),
    ("an empty te and te", POST + b"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, {400, 501}, CLOSE),
    ("te and cl behind many fields", POST + b"Transfer-Encoding: chunked\r\n" + b"".join(b"X-%d: a\r\n" % i for i in range(50)) +
     b"Content-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("te on a get", b"GET " + HOOK + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n" + SMUGGLED, {400, 501}, CLOSE),
    ("te on a head", b"HEAD " + HOOK + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
     {400, 501}, CLOSE),
    ("cl and te on a get", b"GET " + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
     SMUGGLED, {400}, CLOSE),
] + [
    (f"te {value!r}", POST + b"Transfer-Encoding: " + value + b"\r\n\r\n" + CHUNKS + SMUGGLED, {400, 501}, CLOSE) for value in (
        b"chunked,", b",chunked", b"chunked chunked", b"chunked\xa0", b"chun ked", b"chunke", b"chunkedd", b"chunked\x00", b"\x0cchunked",
        b"chunked\x85", b"chunked;q=1", b"identity, chunked", b"chunked, identity", b"'chunked'", b"deflate", b"compress", b"trailers",
        b"chunked\x1f", b"[chunked]", b"\xefchunked", b"cow")
] + [
    (f"cl {value!r}", POST + b"Content-Length: " + value + b"\r\n\r\n{}" + SMUGGLED, {400}, CLOSE) for value in (
        b"2,2", b"2, 2", b"2;2", b"2 2", b"2\x0b", b"2\xa0", b"\xb2", b"02x", b"x2", b"1e1", b"2.", b".2", b"0b10", b"2_0", b"'2'", b'"2"',
        b"2\x00", b"--2", b"2-", b"2,", b",2", b"\x0c2", b"NaN", b"0x", b"2\x00\r\n")
] + [
    (f"cl {value.decode()}", POST + b"Content-Length: " + value + b"\r\n\r\n{}", {400, 413}, CLOSE) for value in (
        b"18446744073709551616", b"18446744073709551618", b"9223372036854775808", b"4294967298999999999999", b"1" + b"0" * 300)
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
    ("bare cr everywhere", b"POST " + HOOK + b" HTTP/1.1\rHost: x\rContent-Length: 0\r\r\n\r\n", {400}, CLOSE),
    ("bare cr behind the request line", b"POST " + HOOK + b" HTTP/1.1\r\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("bare cr before the end", POST + b"X: a\r\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("bare cr in a name", POST + b"X\rY: a\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("bare lf behind the request line", b"POST " + HOOK + b" HTTP/1.1\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("bare lf behind the last field", POST + b"Content-Length: 0\n\r\n", {400}, CLOSE),
    ("lf and cr", POST + b"X: a\n\rContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("a hidden cl behind a bare cr", POST + b"X: a\rContent-Length: 60\r\nContent-Length: 0\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("a hidden te behind a bare lf", POST + b"X: a\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("a folded te", POST + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("a folded cl", POST + b"Content-Length: 1\r\n 0\r\n\r\n", {400}, CLOSE),
    ("a folded empty line", POST + b"X: a\r\n \r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("a fold behind the last field", POST + b"Content-Length: 0\r\n\t\r\n\r\n", {400}, CLOSE),
    ("blank before the colon of te", POST + b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED, {400}, CLOSE),
    ("blank before the colon of host", b"POST " + HOOK + b" HTTP/1.1\r\nHost : x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("blank in a name", POST + b"X Y: a\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("nul behind cl", POST + b"Content-Length\0: 0\r\n\r\n", {400}, CLOSE),
    ("nul in the target", post(b"/rest/1/KEY/pro\0file"), {400}, CLOSE),
    ("nul in the method", b"PO\0ST " + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("nul in the version", b"POST " + HOOK + b" HTTP/1.\0001\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
    ("no version", b"POST " + HOOK + b"\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
    ("no target", b"POST HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
    ("an empty target", b"POST  HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("four words", b"POST " + HOOK + b" x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("a form feed for a blank", b"POST\x0c" + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("a vertical tab behind the version", b"POST " + HOOK + b" HTTP/1.1\x0b\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
    ("a byte order mark", b"\xef\xbb\xbfPOST " + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("two empty lines in front", b"\r\n\r\n\r\n" + b"POST " + HOOK + b" HTTP/1.1\nHost: x\r\n\r\n", {400}, CLOSE),
    ("the fields before the request line", b"Host: x\r\nPOST " + HOOK + b" HTTP/1.1\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("blank before the method", b" POST " + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 501}, CLOSE),
] + [
    (f"control character {c[0]} in a value", POST + b"X: a" + c + b"b\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE) for c in controls
] + [
    (f"{c.decode()!r} in a name", POST + b"X" + c + b"Y: a\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE) for c in delimiters
]

VERSIONS = [
    ("http/0.9", b"GET " + HOOK + b"\r\n\r\n", {400, 505}, CLOSE),
    ("http/2.0", b"POST " + HOOK + b" HTTP/2.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
    ("http/1.2", b"POST " + HOOK + b" HTTP/1.2\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
    ("http/1.10", b"POST " + HOOK + b" HTTP/1.10\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
    ("lower-case http", b"POST " + HOOK + b" http/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE),
] + [
    (f"version {version.decode('latin-1')!r}", b"POST " + HOOK + b" " + version + b"\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 505}, CLOSE)
    for version in (b"HTTP/1.1.1", b"HTTP/11", b"HTTP/1", b"HTTP/", b"HTTP1.1", b"HTTP/01.1", b"HTTP/1.01", b"HTTP/1,1", b"HTTP/-1.1", b"HTTP/3",
                    b"HTTP/9.9", b"HTTP/0.9", b"HTTPS/1.1", b"RTSP/1.0", b"ICY/1.1", b"HTTP/1.\xb1", b"HTTP/1.a", b"Http/1.1", b"HTTP/ 1.1",
                    b"HTTP/1.1HTTP/1.1", b"HTTP/99999999999999999999.1")
] + [
    ("http/0.9 without an end", b"GET " + HOOK + b"\n", {400, 505}, CLOSE),
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
    for name in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "post", "Post", "XPOST", "POSTX", "COPY", "LOCK", "MKCOL", "TRACK",
                 "DEBUG", "QUERY", "PURGE", "SEARCH", "GETS", "get", "head", "POST1", "A" * 300)
] + [
    ("CONNECT", b"CONNECT acme.bitrix24.com:443 HTTP/1.1\r\nHost: acme.bitrix24.com:443\r\n\r\n", {400, 405, 501}, EITHER),
    ("CONNECT to a path", b"CONNECT " + HOOK + b" HTTP/1.1\r\nHost: x\r\n\r\n", {400, 405, 501}, EITHER),
    ("TRACE with a key", b"TRACE / HTTP/1.1\r\nHost: x\r\nAuthorization: planted\r\n\r\n", {405, 501}, EITHER),
    ("an empty method", b" " + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 501}, CLOSE),
    ("a method beyond ascii", b"P\xd6ST " + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 501}, CLOSE),
    ("a quoted method", b'"POST" ' + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 501}, CLOSE),
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
    ("two equal hosts", b"POST " + HOOK + b" HTTP/1.1\r\nHost: x\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("two hosts far apart", POST + b"X: a\r\n" * 40 + b"Host: y\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("two hosts in http/1.0", b"POST " + HOOK + b" HTTP/1.0\r\nHost: x\r\nHost: y\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
    ("absolute-form without a host", b"POST http://acme.b24.internal" + HOOK + b" HTTP/1.1\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE),
] + [
    (f"host {value.decode('latin-1')!r}", b"POST " + HOOK + b" HTTP/1.1\r\nHost: " + value + b"\r\nContent-Length: 0\r\n\r\n", {400}, CLOSE)
    for value in (b"a,b", b"a;b", b"a?b", b"a#b", b"a\\b", b"a\tb", b"<a>", b"a'b", b'a"b', b"[::1", b"::1", b"[::1]x", b"[x]", b"[]", b"a:", b"a:-1",
                  b"a:1:2", b"a:999999", b"http://a", b"a%0d%0ab", b"a\xe4", b"a|b", b"{a}", b"a^b", b"a`b", b":80", b"a" * 300, b"@", b"a@",
                  b"a*b", b"a=b", b"(a)", b"acme.b24.internal beta.b24.internal")
] + [
    # Absolute-form is legal; it chooses a configured portal at most, never an address.
    ("absolute-form", b"POST http://acme.b24.internal" + HOOK + b" HTTP/1.1\r\nHost: acme.b24.internal\r\n"
     b"Content-Length: 0\r\n\r\n", {200, 400}, EITHER),
    ("absolute-form of a neighbour", b"POST http://beta.b24.internal" + HOOK + b" HTTP/1.1\r\nHost: acme.b24.internal\r\n"
     b"Content-Length: 0\r\n\r\n", {400, 403}, EITHER),
    ("absolute-form of an address inside", b"POST http://169.254.169.254/latest HTTP/1.1\r\nHost: x\r\n"
     b"Content-Length: 0\r\n\r\n", {400, 404}, EITHER),
    ("absolute-form with credentials", b"POST http://u:p@acme.b24.internal" + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
     {400}, EITHER),
    ("absolute-form without an authority", b"POST http://" + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, EITHER),
    ("absolute-form with a bad port", b"POST http://acme.b24.internal:x" + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
     {400}, EITHER),
    ("absolute-form with a second authority", b"POST http://acme.b24.internal\\@beta.b24.internal" + HOOK +
     b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, EITHER),
    ("absolute-form with a fragment", b"POST http://acme.b24.internal" + HOOK + b"#x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
     {400}, EITHER),
    ("absolute-form with dots", b"POST http://acme.b24.internal/rest/../rest/1/KEY/profile HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
     {400}, EITHER),
    ("network-path form", b"POST //beta.b24.internal" + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 404}, EITHER),
    ("file scheme", b"POST file:///etc/passwd HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 404}, EITHER),
    ("a target without a slash", b"POST rest/1/KEY/profile HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, EITHER),
    ("a target that begins with ?", b"POST ?x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400}, EITHER),
    ("asterisk-form", b"POST * HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 404}, EITHER),
    ("authority-form", b"POST acme:80 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 404}, EITHER),
    ("other scheme", b"POST gopher://x/rest/1/KEY/profile HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {400, 404}, EITHER),
]


# What two readers of a path could take for two paths.
PATHS = [
    (target.decode("latin-1"), post(target), {400}, EITHER) for target in (
        b"/rest/1/KEY/../../bitrix/admin", b"/rest/1/KEY/./crm.deal.add", b"/rest/../rest/1/KEY/profile", b"/../rest/1/KEY/profile",
        b"/rest/1/KEY/profile/..", b"/rest/1/KEY/profile/.", b"/./rest/1/KEY/profile", b"/rest/1/KEY/..", b"/rest/1/KEY/.",
        b"/rest/1/KEY/%2e%2e/profile", b"/rest/1/KEY/%2E%2E/profile", b"/rest/1/KEY/.%2e/profile", b"/rest/1/KEY/%2e/profile",
        b"/rest/1/KEY/%2e./x", b"/rest/1/KEY/..%2fprofile", b"/rest/1/KEY/..%5cprofile", b"/rest/1/KEY/..\\profile",
        b"/rest/1/KEY/crm%2fdeal", b"/rest/1/KEY/crm%2Fdeal", b"/rest/1/KEY%2fprofile", b"/rest%2f1/KEY/profile", b"/%2frest/1/KEY/profile",
        b"/rest/1/KEY/a%5cb", b"/rest/1/KEY/a%5Cb", b"/rest/1/KEY/a\\b", b"/rest\\1\\KEY\\profile",
        b"/rest/1/KEY/profile%00", b"/rest/1/KEY/%00profile", b"/rest/1/KEY/profile%00.json", b"/rest%00/1/KEY/profile",
        b"/rest/1/KEY/profile%0d%0aX:y", b"/rest/1/KEY/profile%0D%0A", b"/rest/1/KEY/profile%0a", b"/rest/1/KEY/profile%0d",
        b"/rest/1/KEY/profile%0d%0a%0d%0aPOST%20/smuggled", b"/rest/1/KEY/profile%20HTTP/1.1%0d%0aX:y",
        b"/rest/1/KEY/%252e%252e", b"/rest/1/KEY/%252e%252e/x", b"/rest/1/KEY/crm%252fdeal", b"/rest/1/KEY/profile%2500", b"/rest/1/KEY/a%255cb",
        b"/rest/1/KEY/%25252e", b"/rest/1/KEY/profile%250d%250a", b"/rest/1/KEY/profile%25",
        b"/rest/1/KEY/profile;a=b", b"/rest/1/KEY/profile;.json", b"/rest/1;x/KEY/profile", b"/rest;/1/KEY/profile", b"/rest/1/KEY/profile%3b",
        b"/rest/1/KEY/..;/profile", b"/;/rest/1/KEY/profile", b"/rest/1/KEY/profile;jsessionid=1",
        b"/rest/1/KEY/profile%", b"/rest/1/KEY/profile%2", b"/rest/1/KEY/profile%zz", b"/rest/1/KEY/profile%2g", b"/rest/1/KEY/profile%u002e",
        b"/rest/1/KEY/profile%-1", b"/rest/1/KEY/profile% 2", b"/rest/1/KEY/%%32%65", b"/rest/1/KEY/profile%0x",
        b"/rest/1/KEY/profile%01", b"/rest/1/KEY/profile%1b", b"/rest/1/KEY/profile%7f", b"/rest/1/KEY/profile%09", b"/rest/1/KEY/profile%3f",
        b"/rest/1/KEY/profile%23", b"/rest/1/KEY/a b", b"/rest/1/KEY/pr\xc3\xb6file", b"/rest/1/KEY/profile#x", b"/rest/1/KEY/profile#",
        b"/rest/1/KEY/%c0%ae%c0%ae/%2e", b"/rest/1/KEY/\xff", b"/portals/acme/../beta/rest/1/KEY/profile",
        b"/portals/acme%2f..%2fbeta/rest/1/KEY/profile", b"/portals/%61cme/../rest/1/KEY/profile", b"/portals/acme;/rest/1/KEY/profile",
        b"/rest/1/KEY/crm.deal.add.xml/../x", b"/rest/api/../1/KEY/profile", b"/rest/api/1/KEY/%2e%2e", b"/healthz/../rest/1/KEY/profile",
        b"/healthz%2f..", b"/healthz/%2e%2e/x", b"/healthz;x", b"/operations/../rest/1/KEY/profile", b"/operations/%2e%2e/x",
        b"/operations/..%2fx", b"/operations/x;y", b"/oauth/../x", b"/oauth/%2e%2e/x", b"/oauth/callback;x", b"/oauth/callback%2f", b"/oauth%5ccallback",
        b"/nowhere/../x", b"/nowhere%00", b"/%", b"/..", b"/.",
    )
] + [
    # These mean one thing, and it is nothing that there is.
    (target.decode("latin-1"), post(target), {400, 401, 403, 404}, EITHER) for target in (
        b"/rest/1/KEY/pro%c0%aefile", b"/rest/1/KEY/profile%20", b"/rest/1/KEY/x/y", b"/rest/1/KEY/...", b"/rest/1/KEY/pr%c3%b6file",
        b"/rest/1/KEY/profile%ef%bc%8f", b"/REST/1/KEY/profile", b"/rest/1/KEY/", b"/rest/1/", b"/rest/", b"/", b"/rest/1/KEY/profile:80",
        b"/rest/1/KEY/@x", b"/rest/1/KEY/profile*", b"/rest/1/KEY/profile,x", b"/rest/1/KEY/profile'x", b"/rest/1/KEY/$x", b"/rest/1/KEY/~x",
        b"/bitrix/admin/", b"/upload/x", b"/rest/1/KEY/" + b"a" * 200, b"/rest/1/KEY/" + b"a." * 80 + b"a", b"/portals//rest/1/KEY/profile",
        b"/portals/none/rest/1/KEY/profile", b"/portals/" + b"a" * 100 + b"/rest/1/KEY/profile", b"/rest/1/KEY/profile.json.json",
        b"/rest/1/KEY/1234",
    )
]

# What may stand in a request and must not stand in what the portal gets.
FIELDS = [
    (name, POST + lines + b"Content-Length: 0\r\n\r\n", {200}, EITHER) for name, lines in (
        ("a nominated field", b"Connection: close, X-Planted\r\nX-Planted: planted\r\n"),
        ("a nominated field in another case", b"Connection: x-PLANTED\r\nX-Planted: planted\r\n"),
        ("two connection fields", b"Connection: keep-alive\r\nConnection: X-Planted\r\nX-Planted: planted\r\n"),
        ("keep-alive", b"Keep-Alive: timeout=5, max=planted\r\n"), ("proxy-connection", b"Proxy-Connection: planted\r\n"),
        ("te", b"Connection: TE\r\nTE: trailers, planted\r\n"), ("trailer", b"Trailer: X-Planted\r\n"),
        ("proxy-authorization", b"Proxy-Authorization: Basic planted\r\n"), ("proxy-authenticate", b"Proxy-Authenticate: planted\r\n"),
        ("upgrade", b"Connection: Upgrade\r\nUpgrade: planted\r\n"), ("http2-settings", b"Connection: HTTP2-Settings\r\nHTTP2-Settings: planted\r\n"),
        ("alt-used", b"Connection: Alt-Used\r\nAlt-Used: planted\r\n"),
    )
]

# Beyond what a proxy for everybody does: the portal gets an allow-list of fields.
ALLOWED = [
    (f"{name.decode()} stays here", POST + name + b": planted\r\nContent-Length: 0\r\n\r\n", {200}, EITHER) for name in (
        b"Authorization", b"Cookie", b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Forwarded-Proto", b"X-Forwarded-Port", b"X-Real-IP",
        b"Forwarded", b"Via", b"X-Original-URL", b"X-Rewrite-URL", b"X-Original-Host", b"X-Host", b"X-HTTP-Method-Override", b"X-HTTP-Method",
        b"X-Method-Override", b"X_Forwarded_For", b"Content_Length", b"Transfer_Encoding", b"X-Api-Key", b"X-Auth-Token", b"True-Client-IP",
        b"CF-Connecting-IP", b"X-Client-IP", b"X-Cluster-Client-IP", b"X-ProxyUser-Ip", b"Client-IP", b"X-Planted", b"Origin", b"Referer",
        b"Proxy", b"X-Bitrix-Csrf-Token", b"Sec-Fetch-Site", b"Range", b"If-None-Match", b"X-B24-Priority",
    )
]

LIMITS = [
    ("long target", post(b"/rest/1/KEY/profile?x=" + b"a" * 20_000), {414}, CLOSE),
    ("long path", post(b"/rest/1/KEY/" + b"a" * 20_000), {414}, CLOSE),
    ("long target without an end", b"GET /rest/1/KEY/profile?x=" + b"a" * 20_000, {414}, CLOSE),
    ("long method", b"A" * 20_000 + b" /rest/1/KEY/profile HTTP/1.1\r\nHost: x\r\n\r\n", {400, 414, 431, 501}, CLOSE),
    ("long version", b"POST /rest/1/KEY/profile HTTP/1." + b"1" * 20_000 + b"\r\nHost: x\r\n\r\n", {400, 414, 505}, CLOSE),
    ("huge field", POST + b"X: " + b"a" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n", {431}, CLOSE),
    ("huge name", POST + b"X" * 20_000 + b": a\r\nContent-Length: 0\r\n\r\n", {431}, CLOSE),
    ("huge field without an end", POST + b"X: " + b"a" * 20_000, {431}, CLOSE),
    ("huge host", b"POST " + HOOK + b" HTTP/1.1\r\nHost: " + b"a" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n", {431}, CLOSE),
    ("huge cookie", POST + b"Cookie: a=" + b"a" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n", {431}, CLOSE),
    ("huge fields together", POST + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 1000) for i in range(40)) + b"Content-Length: 0\r\n\r\n", {431}, CLOSE),
    ("fields without an end", POST + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 1000) for i in range(40)), {431}, CLOSE),
    ("many fields", POST + b"".join(b"X-%d: a\r\n" % i for i in range(400)) + b"Content-Length: 0\r\n\r\n", {431}, CLOSE),
    ("many equal fields", POST + b"X: a\r\n" * 400 + b"Content-Length: 0\r\n\r\n", {431}, CLOSE),
    ("cl over the limit", POST + b"Content-Length: 2000000\r\n\r\n", {413}, CLOSE),
    ("cl a byte over the limit", POST + b"Content-Length: 1048577\r\n\r\n", {413}, CLOSE),
    ("cl over the limit on a get", b"GET " + HOOK + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n", {413}, CLOSE),
    ("cl over the limit, expecting", POST + b"Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n", {413}, CLOSE),
    ("chunks over the limit", POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"10000\r\n" + b"a" * 65536 + b"\r\n" for _ in range(21)),
     {413}, CLOSE),
    ("one chunk over the limit", POST + b"Transfer-Encoding: chunked\r\n\r\n200000\r\n" + b"a" * 65536, {413}, CLOSE),
    ("unknown expectation", POST + b"Expect: 200-ok\r\nContent-Length: 0\r\n\r\n", {417, 400}, EITHER),
]

GROUPS = {"framing": FRAMING, "lines": LINES, "versions": VERSIONS, "methods": METHODS, "hosts": HOSTS, "paths": PATHS, "fields": FIELDS,
          "allowed fields": ALLOWED, "limits": LIMITS}

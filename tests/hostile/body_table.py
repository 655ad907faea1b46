"""Requests as bytes, like request_table.py: chunks, and bodies that a parser could choke on.

A body is refused with 4xx or passed on byte for byte, never changed; `unchanged` says which bodies those are.
"""
from table_rows import CLOSE, EITHER, GOOD, POST, SMUGGLED, STAYS

CHUNKED = POST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

CHUNKING = [
    ("good chunks", CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", {200}, STAYS),
    ("upper and lower hex, zeros", CHUNKED + b"00002\r\n{}\r\n0000\r\n\r\n", {200, 400}, EITHER),
    ("extension", CHUNKED + b'2;a=b;c="d"\r\n{}\r\n0\r\n\r\n', {200}, STAYS),
    ("extension of the last chunk", CHUNKED + b"2\r\n{}\r\n0;a=b\r\n\r\n", {200}, STAYS),
    ("extension with escapes", CHUNKED + b'2;a="b\\"c;\\\\"\r\n{}\r\n0\r\n\r\n', {200}, STAYS),
    ("empty body", CHUNKED + b"0\r\n\r\n", {200, 400}, EITHER),
    ("chunks in another case", POST + b"transfer-encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n", {200, 400}, EITHER),
    ("trailer", CHUNKED + b"2\r\n{}\r\n0\r\nX-Trailer: planted\r\nAuthorization: Bearer planted\r\n\r\n", {200, 400}, EITHER),
    ("trailer that would be a framing", CHUNKED + b"2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n", {200, 400}, EITHER),
    ("trailer that would be a coding", CHUNKED + b"2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", {200, 400}, EITHER),
    ("trailer that would be a host", CHUNKED + b"2\r\n{}\r\n0\r\nHost: planted\r\n\r\n", {200, 400}, EITHER),
] + [
    (name, CHUNKED + data, {400}, CLOSE) for name, data in (
        ("no size", b"\r\n{}\r\n0\r\n\r\n"), ("size with 0x", b"0x2\r\n{}\r\n0\r\n\r\n"), ("size with a sign", b"+2\r\n{}\r\n0\r\n\r\n"),
        ("negative size", b"-2\r\n{}\r\n0\r\n\r\n"), ("size in words", b"two\r\n{}\r\n0\r\n\r\n"), ("size with h", b"2h\r\n{}\r\n0\r\n\r\n"),
        ("blank before the size", b" 2\r\n{}\r\n0\r\n\r\n"), ("tab before the size", b"\t2\r\n{}\r\n0\r\n\r\n"),
        ("blank in the size", b"0 2\r\n{}\r\n0\r\n\r\n"), ("underscore in the size", b"0_2\r\n{}\r\n0\r\n\r\n"),
        ("nul in the size", b"2\0\r\n{}\r\n0\r\n\r\n"), ("vertical tab behind the size", b"2\x0b\r\n{}\r\n0\r\n\r\n"),
        ("quoted size", b'"2"\r\n{}\r\n0\r\n\r\n'), ("comma behind the size", b"2,a\r\n{}\r\n0\r\n\r\n"), ("fraction", b"2.0\r\n{}\r\n0\r\n\r\n"),
        ("no end behind the data", b"2\r\n{}0\r\n\r\n" + SMUGGLED), ("too much data", b"1\r\n{}\r\n0\r\n\r\n"),
        ("too little data", b"4\r\n{}\r\n0\r\n\r\n" + SMUGGLED), ("bare lf behind the data", b"2\r\n{}\n0\r\n\r\n"),
        ("bare cr behind the data", b"2\r\n{}\r0\r\n\r\n" + SMUGGLED), ("another byte for the end", b"2\r\n{}XX0\r\n\r\n" + SMUGGLED),
        ("bare lf behind the size", b"2\n{}\r\n0\r\n\r\n"), ("bare cr behind the size", b"2\r{}\r\n0\r\n\r\n" + SMUGGLED),
        ("bare lf behind the last size", b"2\r\n{}\r\n0\n\r\n" + SMUGGLED), ("bare lf for the last line", b"2\r\n{}\r\n0\r\n\n" + SMUGGLED),
        ("bare lf in an extension", b"2;a\nb\r\n{}\r\n0\r\n\r\n" + SMUGGLED), ("bare cr in an extension", b"2;a\rb\r\n{}\r\n0\r\n\r\n" + SMUGGLED),
        ("nul in an extension", b"2;a\0b\r\n{}\r\n0\r\n\r\n"), ("control character in an extension", b"2;a\x01b\r\n{}\r\n0\r\n\r\n"),
        ("lf in a quoted extension", b'2;a="\n"\r\n{}\r\n0\r\n\r\n'), ("nul in a quoted extension", b'2;a="\0"\r\n{}\r\n0\r\n\r\n'),
        ("a quote without an end", b'2;a="b\r\n{}\r\n0\r\n\r\n'), ("an extension without a name", b"2;=b\r\n{}\r\n0\r\n\r\n"),
        ("an extension without a semicolon", b"2 a\r\n{}\r\n0\r\n\r\n"), ("an extension that is no token", b"2;a b\r\n{}\r\n0\r\n\r\n"),
        ("a size behind an extension", b"2;a\r\n{}\r\n0;\0\r\n\r\n"),
        ("broken trailer", b"2\r\n{}\r\n0\r\nno colon\r\n\r\n" + SMUGGLED), ("folded trailer", b"2\r\n{}\r\n0\r\nX: a\r\n b\r\n\r\n" + SMUGGLED),
        ("blank before a trailer's colon", b"2\r\n{}\r\n0\r\nX : a\r\n\r\n" + SMUGGLED), ("nul in a trailer", b"2\r\n{}\r\n0\r\nX: \0\r\n\r\n" + SMUGGLED),
        ("bare lf in a trailer", b"2\r\n{}\r\n0\r\nX: a\nY: b\r\n\r\n" + SMUGGLED), ("bare cr in a trailer", b"2\r\n{}\r\n0\r\nX: a\rY: b\r\n\r\n" + SMUGGLED),
        ("a request for a trailer", b"2\r\n{}\r\n0\r\n" + SMUGGLED), ("a trailer without a name", b"2\r\n{}\r\n0\r\n: a\r\n\r\n" + SMUGGLED),
    )
] + [
    (name, CHUNKED + data, {400, 413, 431}, CLOSE) for name, data in (
        ("size beyond 64 bits", b"10000000000000002\r\n{}\r\n0\r\n\r\n"), ("size that wraps", b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        ("size that wraps with its end", b"fffffffffffffffe\r\n{}\r\n0\r\n\r\n"), ("size of 32 bits", b"100000002\r\n{}\r\n0\r\n\r\n"),
        ("size of half of 64 bits", b"8000000000000000\r\n{}\r\n0\r\n\r\n"), ("endless zeros", b"0" * 100_000 + b"2\r\n{}\r\n0\r\n\r\n"),
        ("endless size", b"1" * 100_000 + b"\r\n{}\r\n0\r\n\r\n"), ("endless extension", b"2;" + b"a" * 100_000 + b"\r\n{}\r\n0\r\n\r\n"),
        ("many extensions", b"2" + b";a=b" * 30_000 + b"\r\n{}\r\n0\r\n\r\n"),
        ("endless trailer", b"2\r\n{}\r\n0\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"),
        ("many trailers", b"2\r\n{}\r\n0\r\n" + b"".join(b"X-%d: a\r\n" % i for i in range(20_000)) + b"\r\n"),
        ("more lines than data", b"".join(b"1;" + b"a" * 500 + b"\r\n \r\n" for _ in range(400)) + b"0\r\n\r\n"),
    )
]


def body(kind: bytes, data: bytes) -> bytes:
    return POST + b"Content-Type: " + kind + b"\r\nContent-Length: %d\r\n\r\n" % len(data) + data


JSON_BODIES = {
    "deep arrays": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deep and never closed": b"[" * 500_000,
    "deep objects, never closed": b'{"a":' * 100_000,
    "a huge number": b'{"a":' + b"9" * 100_000 + b"}",
    "a huge exponent": b'{"a":1e999999999}',
    "a tiny exponent": b'{"a":1e-999999999}',
    "a long fraction": b'{"a":0.' + b"1" * 100_000 + b"}",
    "a number beyond 64 bits": b'{"a":18446744073709551617,"b":-9223372036854775809}',
    "digits that a double loses": b'{"a":0.1234567890123456789012345,"b":9007199254740993}',
    "minus zero": b'{"a":-0,"b":-0.0}',
    "duplicate keys": b'{"a":1,"a":2,"fields":{"x":1,"x":2}}',
    "duplicate keys in another spelling": b'{"fields":1,"f\\u0069elds":2}',
    "a lone high surrogate": b'{"a":"\\ud800"}',
    "a lone low surrogate": b'{"a":"\\udc00x"}',
    "surrogates the wrong way round": b'{"a":"\\udc00\\ud800"}',
    "an escaped nul": b'{"a":"x\\u0000y","\\u0000":1}',
    "invalid utf-8": b'{"a":"\xff\xfe\xc3("}',
    "an overlong slash": b'{"a":"\xc0\xaf"}',
    "utf-8 beyond unicode": b'{"a":"\xf7\xbf\xbf\xbf"}',
    "an encoded surrogate": b'{"a":"\xed\xa0\x80"}',
    "a byte order mark": b'\xef\xbb\xbf{"a":1}',
    "utf-16": '{"a":1}'.encode("utf-16"),
    "a control character in a string": b'{"a":"x\x01y"}',
    "a raw line break in a string": b'{"a":"x\ny"}',
    "a trailing comma": b'{"a":1,}',
    "a comment": b'{"a":1/*x*/}',
    "single quotes": b"{'a':1}",
    "nan": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "hexadecimal": b'{"a":0x10}',
    "a leading zero": b'{"a":01}',
    "a leading plus": b'{"a":+1}',
    "two values": b'{"a":1}{"a":2}',
    "something behind the end": b'{"a":1} x',
    "cut off": b'{"a":"b',
    "cut off in an escape": b'{"a":"\\u00',
    "a bad escape": b'{"a":"\\x41"}',
    "nothing but blanks": b" \t\r\n ",
    "a string": b'"auth"',
    "a number": b"1",
    "null": b"null",
    "an array": b'[1,{"auth":"x"}]',
    "empty key": b'{"":1}',
    "many keys": b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(60_000)) + b"}",
    "many elements": b'{"a":[' + b"1," * 400_000 + b"1]}",
    "a long key": b'{"' + b"a" * 500_000 + b'":1}',
    "prototype": b'{"__proto__":{"a":1},"constructor":1}',
}

FORM_BODIES = {
    "a million parameters": b"&".join([b"a"] * 500_000),
    "many different parameters": b"&".join(b"k%d=1" % i for i in range(90_000)),
    "many elements": b"&".join([b"a[]=1"] * 150_000),
    "deep brackets": b"a" + b"[b]" * 100_000 + b"=1",
    "open brackets": b"a" + b"[" * 500_000 + b"=1",
    "closed brackets": b"a" + b"]" * 500_000 + b"=1",
    "brackets the wrong way round": b"a]b[c=1&[x]=2&[]=3&a[b=1&a[b]c=2",
    "nothing but ampersands": b"&" * 500_000,
    "nothing but equals signs": b"=" * 500_000,
    "a bad escape": b"a=%zz&b=%&c=%1",
    "a nul": b"a=%00&%00=b",
    "invalid utf-8": b"a=%ff%fe&b=\xff",
    "a raw control character": b"a=\x01\r\n",
    "a huge index": b"a[99999999999999999999]=1&a[-1]=2",
    "a name with dots and blanks": b"a.b c=1&+=2&a%20b=3",
    "one name, two types": b"a=1&a[b]=2&a[]=3&a=4",
    "a long value": b"a=" + b"x" * 900_000,
    "a long name": b"x" * 900_000 + b"=a",
}

JSON, FORM = b"application/json", b"application/x-www-form-urlencoded"
ANY = set(range(400, 500)) | {200}

BODIES = [(f"json: {name}", body(JSON, data), ANY, EITHER) for name, data in JSON_BODIES.items()] + [
    (f"form: {name}", body(FORM, data), ANY, EITHER) for name, data in FORM_BODIES.items()] + [
    (f"multipart: {name}", body(b"multipart/form-data; boundary=" + boundary, data), ANY, EITHER) for name, boundary, data in (
        ("no part", b"x", b"--x--\r\n"), ("no end", b"x", b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1"),
        ("no name", b"x", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n"),
        ("many parts", b"x", b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" * 15_000 + b"--x--\r\n"),
        ("bare lf", b"x", b"--x\nContent-Disposition: form-data; name=\"a\"\n\n1\n--x--\n"),
        ("nul in a name", b"x", b"--x\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\n1\r\n--x--\r\n"),
        ("an endless head", b"x", b"--x\r\n" + b"X: a\r\n" * 100_000), ("another boundary", b"y", b"--x\r\n\r\n1\r\n--x--\r\n"),
        ("a quoted boundary", b'"x"', b"--x--\r\n"), ("an empty boundary", b"", b"----\r\n"), ("a long boundary", b"a" * 5000, b"--a--\r\n"),
    )] + [
    (f"type {kind.decode('latin-1')!r}", body(kind, b'{"a":1}'), ANY, EITHER) for kind in (
        b"", b"/", b"application/", b"application/json, text/plain", b"application/json; charset=utf-7", b"application/json;",
        b"APPLICATION/JSON", b"text/xml", b"\xff", b"application/json\t", b"multipart/form-data", b"*/*")
]


def sent_body(data: bytes) -> bytes:
    """Of a request of BODIES."""
    return data.split(b"\r\n\r\n", 1)[1]


# Whatever comes behind a whole request is one of its own: both are answered, in order.
PIPELINED = [
    ("two requests in one piece", GOOD + GOOD, {200}, EITHER),
    ("an empty line between two", GOOD + b"\r\n" + GOOD, {200}, EITHER),
]

GROUPS = {"chunks": CHUNKING, "bodies": BODIES, "pipelined": PIPELINED}

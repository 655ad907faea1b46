"""What the rows of the tables are made of."""

HOOK = b"/rest/1/KEY/crm.deal.add"
POST = b"POST " + HOOK + b" HTTP/1.1\r\nHost: acme.b24.internal\r\n"
GOOD = b"POST /rest/1/KEY/profile HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
# What an attacker hopes will be read as a request of its own.
SMUGGLED = b"POST /rest/1/KEY/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"

CLOSE = True
STAYS = False
EITHER = None

# Those that may end a line or a text for somebody; a tab is a blank.
controls = [bytes([c]) for c in [*range(1, 9), 11, 12, *range(14, 32)]]
delimiters = [bytes([c]) for c in b'"(),/;<=>?@[\\]{}']


def post(target: bytes) -> bytes:
    return b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"

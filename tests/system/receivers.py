"""Those that signed messages go to: what a callback of an operation and an alert's webhook arrive at."""
import base64
import hashlib
import hmac
import time

import pytest

from portal import Answer, FakePortal


def genuine(secret: str, headers, body: bytes) -> bool:
    """As it stands in docs/operations.md."""
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    stamp = headers["webhook-timestamp"]
    if abs(time.time() - int(stamp)) > 300:
        return False
    text = b".".join([headers["webhook-id"].encode(), stamp.encode(), body])
    expected = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest("v1," + expected, one) for one in headers["webhook-signature"].split())


def headers_of(received) -> dict:
    return {name.lower(): value for name, value in received.headers}


@pytest.fixture
def receivers():
    started = []

    def begin(handler=None, **parts) -> FakePortal:
        receiver = FakePortal(**parts)
        receiver.handler = handler or (lambda _: Answer(204))
        started.append(receiver)
        return receiver

    yield begin
    for receiver in started:
        receiver.close()

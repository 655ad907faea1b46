"""What is wrong with how a proxy treats one row of the tables; the same judge for b24gate, nginx and HAProxy."""
import re
from typing import Optional

from harness import KEY, Raw
from portal import Answer, result
from table_rows import GOOD

# Of one connection to one next server, as RFC 9110, 7.6.1 names them.
HOP_BY_HOP = {"keep-alive", "proxy-connection", "te", "trailer", "upgrade", "proxy-authenticate", "proxy-authorization", "http2-settings"}

# What must not be sent twice: a call that makes a record.
CALL = (b"POST /rest/1/KEY/crm.deal.add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
        b'{"fields":{}}')


def with_key(data: bytes) -> bytes:
    return data.replace(b"KEY", KEY.encode())


def good_request_fault(address, good: bytes = GOOD) -> Optional[str]:
    raw = Raw(address)
    try:
        raw.send(with_key(good))
        answer = raw.response()
        if answer is None or answer.status not in (200, 404):
            return f"a good request behind it is answered {answer}"
        return None
    finally:
        raw.close()


def forwarded_fault(seen) -> Optional[str]:
    """What is wrong with a request that reached the portal, whatever it came from."""
    if b"planted" in seen.bytes.lower():
        return "the portal got what was not for it"
    if b"smuggled" in seen.bytes:
        return "the portal got a smuggled request"
    if len(seen.all("Host")) != 1 or len(seen.all("Content-Length")) + len(seen.all("Transfer-Encoding")) > 1:
        return "the portal got an ambiguous head"
    if any(name.lower() in HOP_BY_HOP for name, _ in seen.headers) or "upgrade" in (seen.header("Connection") or "").lower():
        return "the portal got a hop-by-hop field"
    if not re.fullmatch(rb"(GET|POST|HEAD) /[!-\"$-~]* HTTP/1\.[01]", seen.head.split(b"\r\n", 1)[0]):
        return "the portal got a broken request line"
    return None


def request_fault(address, portal, row, unchanged: Optional[bytes] = None, good: bytes = GOOD,
                  patience: float = 10, exact: bool = True) -> Optional[str]:
    """None: all is as the row says. `portal` records what reaches it; `row` is one of request_table or body_table;
    `unchanged` is the body that the portal must have got, if it got the request. Not `exact`: any refusal will do where
    one is asked for, for which one it is stands in our contract and not in that of others."""
    _, data, statuses, closes = row
    portal.clear()
    portal.handler = lambda _: result(True)
    raw = Raw(address, patience)
    try:
        raw.send(with_key(data))
        try:
            answer = raw.response()
        except (AssertionError, ValueError, IndexError, OSError) as error:
            return f"no answer that can be read: {error!r}"
        status = answer.status if answer else None
        refused = status is None or status >= 400
        if status not in statuses and (exact or not refused or statuses == {200}):
            return f"answered {status}"
        if closes and not raw.closed():
            return f"the connection stays, or there is a second answer: {raw.buffer[:80]!r}"
        if closes is False:
            raw.send(with_key(good))
            again = raw.response()
            if again is None or again.status != 200:
                return "the connection does not stay"
    finally:
        raw.close()
    for seen in portal.received:
        if 200 not in statuses:
            return f"it reached the portal: {seen.bytes[:80]!r}"
        if fault := forwarded_fault(seen):
            return fault
        if unchanged is not None and seen.body != unchanged:
            return f"the body has become {seen.body[:80]!r}"
    return good_request_fault(address, good)


def answer_fault(address, portal, row, call: bytes, patience: float = 10) -> Optional[str]:
    """Likewise for a row of answer_table: the portal answers `call` with its bytes."""
    _, data, verdict = row
    portal.clear()
    portal.handler = lambda _: result(True)
    portal.script(Answer(raw=data, then="close" if verdict.closes else "keep"))
    raw = Raw(address, patience)
    try:
        raw.send(with_key(call))
        broken = False
        try:
            answer = raw.response()
        except (AssertionError, OSError):
            answer, broken = None, True  # the head of an answer, then the end of the connection: nobody takes that for whole
        except (ValueError, IndexError, KeyError) as error:
            return f"no answer that can be read: {error!r}"
        if answer is None and not (broken or verdict.may_break):
            return "no answer"
        if answer and answer.status not in verdict.statuses:
            return f"answered {answer.status}"
        if answer and verdict.body is not None and answer.status == 200 and answer.body != verdict.body:
            return f"the body is {answer.body[:60]!r}"
        if answer and answer.status != 200 and b"poison" in answer.everything:
            return "the client sees bytes of a broken answer"
        if answer and b"planted" in answer.everything.lower():
            return "the client got a field that was not for it"
        if broken and not verdict.may_break:
            return "the answer breaks off"
    finally:
        raw.close()
    if len([seen for seen in portal.received if b"crm.deal.add" in seen.head]) != 1:
        return "sent more than once"
    return good_request_fault(address)

"""Puts operations into a gateway's SQLite store as they would stand there after a bad night."""
import fcntl
import pathlib
import sqlite3
import struct
import time
from typing import List, Optional

NEVER = 9_000_000_000_000_000
F_OFD_SETLKW = 38  # the lock that the store takes; fcntl has no name for it

COLUMNS = dict(client="warehouse", portal="gone", credential="main", method="crm.deal.add", api=2, kind="unsafe",
               state="dead", stage="none", why="", priority=1, due=0, blocked=0, blocks=0, order_key="", key_hash="",
               owner="", lease_until=0, fence=1, attempts=8, not_found=0, tried=1, generation=0, first_intent=0,
               intent=0, unknown=0, executed="unknown", inferred=0, error_class="server", code="INTERNAL_SERVER_ERROR",
               status=500, created=0, begun=0, finished=0, has_callback=0, decision=0)
ATTEMPT = dict(number=1, lookup=0, fence=1, gateway="seed", intent=0, ended=0, mark="answered", status=500,
               error_class="server", code="INTERNAL_SERVER_ERROR", executed="unknown", duration_ms=17,
               request_id="seeded", batch_id="", credential="main", key_id="", excerpt=b"")


def insert(database, table: str, row: dict) -> int:
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    return database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values())).lastrowid


def seed(file: pathlib.Path, rows: List[dict], now: Optional[int] = None) -> None:
    """Rows in the order in which they came in; under the lock that all who write to the file hold."""
    now = now or int(time.time() * 1000)
    with open(f"{file}.lock", "r+b") as lock:
        fcntl.fcntl(lock, F_OFD_SETLKW, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        database = sqlite3.connect(file, timeout=20)
        try:
            with database:
                for number, row in enumerate(rows):
                    values = {**COLUMNS, "created": now + number, "begun": now + number, **row}
                    if values["state"] in ("failed", "dead", "succeeded", "discarded"):
                        values.setdefault("finished", 0)
                        values["finished"] = values["finished"] or now + number
                    if values["state"] in ("queued", "waiting") and not values["due"]:
                        values["due"] = NEVER
                    seq = insert(database, "operation", values)
                    insert(database, "operation_body", dict(seq=seq, key_id="", body=b"", callback_key_id="",
                                                            callback=b""))
                    if values["tried"]:
                        insert(database, "attempt", {**ATTEMPT, "seq": seq, "intent": now, "ended": now + 17})
        finally:
            database.close()

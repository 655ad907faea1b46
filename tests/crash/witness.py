"""What the store says when all is over, and whether anything stands in it that must not be readable."""
import os
import pathlib
import sqlite3
import subprocess
from typing import Dict, Iterable, List

from harness import appearances

from .history import Attempt, History, Row

OPERATIONS = "SELECT seq, id, state, kind, tried, finished, generation FROM operation"
ATTEMPTS = "SELECT seq, number, lookup, fence, intent, ended, mark FROM attempt ORDER BY seq, number"
COUNTED = "SELECT client, portal, state, count(*) FROM operation GROUP BY client, portal, state"
COUNTERS = "SELECT client, portal, state, sum(n) FROM counter GROUP BY client, portal, state"
UNKNOWN_HELD = "SELECT id, client FROM operation WHERE state = 'held'"
TAKEN_OVER_AND_SENT = ("SELECT count(*) FROM operation AS o WHERE state = 'running' AND stage = 'intent' AND EXISTS ("
                       "SELECT 1 FROM attempt AS a WHERE a.seq = o.seq AND a.number = o.tried - 1 AND mark = 'lost')")
STRAYS = ("SELECT count(*) FROM operation AS o WHERE blocked = 1 AND NOT EXISTS "
          "(SELECT 1 FROM operation AS p WHERE p.order_key = o.order_key AND p.blocks = 1 AND p.blocked = 0)")


class SqliteStore:
    def __init__(self, file: pathlib.Path):
        self.file = file
        self.url = f"sqlite:{file}"

    def ask(self, sql: str) -> List[tuple]:
        connection = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def integrity(self) -> str:
        return "; ".join(str(row[0]) for row in self.ask("PRAGMA integrity_check"))

    def files(self) -> Iterable[pathlib.Path]:
        return sorted(self.file.parent.glob(self.file.name + "*"))


class PostgresStore:
    def __init__(self, folder: pathlib.Path, url: str):
        self.folder, self.url = folder, url

    def ask(self, sql: str) -> List[tuple]:
        out = subprocess.run(["psql", self.url, "-qAt", "-F", "\x1f", "-c", sql], check=True, capture_output=True,
                             text=True, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}).stdout
        return [tuple(int(cell) if cell.lstrip("-").isdigit() else cell for cell in line.split("\x1f"))
                for line in out.splitlines()]

    def integrity(self) -> str:
        """Every index agrees with its table."""
        self.ask("CREATE EXTENSION IF NOT EXISTS amcheck")
        self.ask("SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid "
                 "JOIN pg_am a ON a.oid = c.relam JOIN pg_namespace n ON n.oid = c.relnamespace "
                 "WHERE a.amname = 'btree' AND n.nspname = 'public'")
        return "ok"

    def files(self) -> Iterable[pathlib.Path]:
        self.ask("CHECKPOINT")
        data = self.folder / "server" / "data"
        return [path for name in ("base", "pg_wal") for path in sorted((data / name).rglob("*")) if path.is_file()]


def look(store, history: History) -> None:
    """After the gateways have ended."""
    names: Dict[int, Row] = {}
    for seq, name, state, kind, tried, finished, generation in store.ask(OPERATIONS):
        names[seq] = history.rows[str(name)] = Row(str(name), state, kind, tried, finished, generation)
    for seq, number, lookup, fence, intent, ended, mark in store.ask(ATTEMPTS):
        names[seq].attempts.append(Attempt(number, bool(lookup), fence, intent, ended, mark))
    history.counted = {(str(a), str(b), str(c)): n for a, b, c, n in store.ask(COUNTED) if n}
    history.counters = {(str(a), str(b), str(c)): n for a, b, c, n in store.ask(COUNTERS) if n}
    history.blocked_strays = store.ask(STRAYS)[0][0]
    history.integrity = store.integrity()


def search(store, secrets: Dict[str, str], marks: Dict[str, str]) -> List[str]:
    """Which of them stand in the store's bytes. Secrets in any form, the clients' own texts as they are."""
    wanted = [(name, form) for name, secret in secrets.items() for form in appearances(secret)]
    wanted += [(name, mark.encode()) for name, mark in marks.items()]
    found = set()
    for path in store.files():
        content = path.read_bytes()
        found.update(f"{name} (in {path.name})" for name, form in wanted if form in content)
    return sorted(found)

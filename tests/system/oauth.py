"""Gateways with OAuth credentials in front of b24sim, which is their authorization server too."""
import base64
import fcntl
import json
import os
import pathlib
import sqlite3
import struct
import subprocess
from typing import Dict, List, Optional

from harness import ADMIN_KEY, BUILD, PATIENCE, Gate, Response, Sim, config_text, request, until

CLIENT_ID = "local.b24sim"
CLIENT_SECRET = "b24sim-client-secret"
STORE_KEY = base64.b64encode(b"0123456789abcdefghijklmnopqrstuv").decode()
OTHER_STORE_KEY = base64.b64encode(b"vutsrqponmlkjihgfedcba9876543210").decode()

WEBHOOK = 'type = "webhook"\nuser = 1\nsecret = "env:ACME_WEBHOOK"'
OAUTH = 'type = "oauth"\nclient_id = "{id}"\nclient_secret = "env:CLIENT_SECRET"\ntoken_url = "{sim}/oauth/token/"'
STORE = '[store]\nurl = "{url}"\nencryption_key = "env:STORE_KEY"\n'
ENVIRONMENT = {"CLIENT_SECRET": CLIENT_SECRET, "STORE_KEY": STORE_KEY}


def oauth_config(sim: Sim, store: str = "sqlite:var/b24gate.db", portal: str = "", extra: str = "", name: str = "acme",
                 client_id: str = CLIENT_ID, **parts: str) -> str:
    text = config_text(f"{sim.url}/{name}", portal=portal, extra=extra + "\n" + STORE.format(url=store), **parts)
    assert WEBHOOK in text
    return text.replace(WEBHOOK, OAUTH.format(id=client_id, sim=sim.url), 1)


def tokens(gate_or_path, *arguments: str, text: str = "", environment: Optional[Dict[str, str]] = None):
    """`b24gate tokens ...` with a gateway's configuration; the finished process."""
    path = getattr(gate_or_path, "path", gate_or_path)
    env = {"PATH": os.environ["PATH"], "ADMIN_KEY": ADMIN_KEY, "ACME_WEBHOOK": "unused", **ENVIRONMENT,
           **(environment or {})}
    return subprocess.run([str(BUILD / "b24gate"), "tokens", arguments[0], "--config", str(path), *arguments[1:]],
                          input=text, capture_output=True, text=True, timeout=30 * PATIENCE, env=env)


def import_pair(gate_or_path, pair: dict, portal: str = "acme", credential: str = "main", **more) -> None:
    """Puts a pair of b24sim's into the store, as the authorization server would have written it."""
    answer = {"access_token": pair["access_token"], "refresh_token": pair["refresh_token"], "expires_in": 3600,
              "portal": portal, "credential": credential}
    done = tokens(gate_or_path, "import", text=json.dumps(answer), **more)
    assert done.returncode == 0 and "stored" in done.stdout, done


def listed(gate_or_path, credential: str = "main", **more) -> dict:
    done = tokens(gate_or_path, "list", "--json", **more)
    assert done.returncode == 0, done
    return next(row for row in json.loads(done.stdout) if row["credential"] == credential)


def row_of(folder: pathlib.Path, credential: str = "main") -> dict:
    """What the SQLite file holds of a credential, and that it is whole."""
    connection = sqlite3.connect(f"file:{folder}/var/b24gate.db?mode=ro", uri=True)
    try:
        connection.row_factory = sqlite3.Row
        row = connection.execute("SELECT * FROM credentials WHERE portal = 'acme' AND credential = ?", [credential])
        found = dict(row.fetchone())
        found["check"] = connection.execute("PRAGMA integrity_check").fetchone()[0]
        return found
    finally:
        connection.close()


class Cloud:
    """b24sim as an authorization server: its pairs, its counters, its trouble."""

    def __init__(self, sim: Sim, name: str = "acme"):
        self.sim, self.name = sim, name
        self.issued: List[str] = []  # every token there ever was

    def issue(self, user: int = 1, client_id: str = CLIENT_ID, **more) -> dict:
        pair = self.sim.control("POST", f"/portals/{self.name}/tokens", {"user": user, "client_id": client_id, **more})
        self.see()
        return pair

    def see(self) -> None:
        for pair in self.sim.control("GET", f"/portals/{self.name}/tokens"):
            self.issued += [token for token in (pair["access_token"], pair["refresh_token"])
                            if token not in self.issued]

    def expire(self) -> None:
        self.see()
        self.sim.portal(self.name, expire_tokens=True)

    def revoke(self) -> None:
        self.sim.portal(self.name, revoke_tokens=True)

    @property
    def counts(self) -> dict:
        return self.sim.control("GET", "/stats?requests=0")["oauth"]

    @property
    def asked(self) -> int:
        """How many requests have reached the token endpoint, those that a fault has answered as well."""
        return len(self.sim.control("GET", "/requests?portal=oauth"))

    def fault(self, **fault) -> None:
        """Until the faults are cleared, unless it says how often."""
        if "times" not in fault:
            fault.setdefault("probability", 1)
        self.sim.faults({"portal": "oauth", **fault})

    def heal(self) -> None:
        self.sim.control("DELETE", "/faults")


def call_v3(gate: Gate, key: str, method: str = "tasks.task.list", **more) -> Response:
    return request(gate.data, "POST", f"/rest/api/1/{key}/{method}", b'{"select":["id"]}',
                   {"Content-Type": "application/json"}, **more)


def hold(path: pathlib.Path):
    """Holds the lock of an SQLite store, as a stuck process would. The lock ends with the file's closing."""
    file = open(path, "r+b")

    def locked() -> bool:
        try:
            fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))  # F_OFD_SETLK
        except BlockingIOError:
            return False  # the gateway has it just now
        return True

    until(locked, 10)
    return file

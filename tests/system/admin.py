"""The admin API as the tests ask it."""
import json
import pathlib
import subprocess
from typing import Dict, Optional

from harness import ADMIN_KEY, BUILD, PATIENCE, SECRET, Gate, Response, request, until

ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}


def get(gate: Gate, path: str, headers: Optional[Dict[str, str]] = None, **more) -> Response:
    return request(gate.admin, "GET", path, headers=ADMIN if headers is None else headers, **more)


def post(gate: Gate, path: str, body=None, headers: Optional[Dict[str, str]] = None, **more) -> Response:
    data = b"" if body is None else json.dumps(body).encode()
    fields = {**(ADMIN if headers is None else headers)}
    if body is not None:
        fields.setdefault("Content-Type", "application/json")
    return request(gate.admin, "POST", path, data, fields, **more)


def store_of(gate: Gate) -> pathlib.Path:
    return gate.path.parent / "var" / "b24gate.db"


def finished_job(gate: Gate, job: str) -> dict:
    until(lambda: get(gate, f"/api/v1/jobs/{job}").json["state"] != "running", 30, "the job ends")
    return get(gate, f"/api/v1/jobs/{job}").json


def command(*arguments: str, key: str = ADMIN_KEY, code: Optional[int] = 0, **environment: str):
    """`b24gate ARGUMENTS`, as somebody calls it at a shell."""
    env = {"PATH": "/usr/bin:/bin", "ADMIN_KEY": key, "B24GATE_ADMIN_KEY": key, "ACME_WEBHOOK": SECRET, "USER": "anna",
           **environment}
    done = subprocess.run([str(BUILD / "b24gate"), *arguments], capture_output=True, text=True, env=env,
                          timeout=60 * PATIENCE)
    assert code is None or done.returncode == code, done
    return done


def url_of(gate: Gate) -> str:
    return f"http://{gate.admin[0]}:{gate.admin[1]}"

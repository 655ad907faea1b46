"""The fixtures of the system and the hostile tests."""
import os
import pathlib
import subprocess
import uuid

import pytest

from harness import OTHER_KEY, ROOT, Gate, config_text, sha256
from portal import FakePortal

# The neighbour that acme's clients must learn nothing about.
BETA = """
[portals.beta]
url = "http://localhost:{port}"
hosts = ["beta.b24.internal"]
plan = "none"
[portals.beta.credentials.main]
type = "webhook"
user = 7
secret = "env:BETA_WEBHOOK"
"""

STRANGER = f"""
[clients.stranger]
key_sha256 = "{sha256(OTHER_KEY)}"
portals = ["beta"]
"""


@pytest.fixture(scope="module")
def portal():
    portal = FakePortal()
    yield portal
    portal.close()


@pytest.fixture(scope="module")
def beta():
    portal = FakePortal()
    yield portal
    portal.close()


@pytest.fixture(scope="module")
def module_gate(tmp_path_factory, portal, beta):
    gate = Gate(tmp_path_factory.mktemp("gate"),
                config_text(portal.url, portals=BETA.format(port=beta.port), clients=STRANGER))
    yield gate
    gate.stop()


@pytest.fixture
def gate(module_gate, portal, beta):
    """A gateway in front of the portals acme and beta, shared by a module's tests; the portals start afresh."""
    portal.clear()
    beta.clear()
    yield module_gate
    module_gate.check_reports()
    assert module_gate.process.poll() is None, module_gate.output[-4000:]


@pytest.fixture
def start(tmp_path: pathlib.Path):
    """Starts gateways with configs of a test's own, and ends them behind it."""
    started = []

    def begin(config: str, **more) -> Gate:
        folder = tmp_path / f"gate{len(started)}"
        folder.mkdir()
        gate = Gate(folder, config, **more)
        started.append(gate)
        return gate

    yield begin
    try:
        for gate in started:
            gate.stop()
    finally:
        for gate in started:
            if gate.process.poll() is None:
                gate.kill()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory):
    """The folder and the URL of a throwaway server of these tests' own: they stop it."""
    folder = tmp_path_factory.mktemp("postgres")
    script = str(ROOT / "scripts" / "postgres")
    url = subprocess.run([script, "start", str(folder)], check=True, capture_output=True, text=True).stdout.strip()
    yield folder, url
    subprocess.run([script, "stop", str(folder)], check=True)


@pytest.fixture
def postgres(postgres_server):
    """The URL of an empty database."""
    folder, url = postgres_server
    name = "b24gate_" + uuid.uuid4().hex[:12]
    psql = subprocess.run(["psql", url, "-qc", f"CREATE DATABASE {name}"], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"})
    assert psql.returncode == 0, psql
    return url.replace("/postgres?", f"/{name}?")

"""Starts the real programs for the system tests and speaks to them.

B24GATE_BUILD names the build folder (default: build/), so that the same tests run against a sanitized build.
"""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import queue
import random
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
from typing import Dict, List, Optional, Tuple

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("B24GATE_BUILD", ROOT / "build")).resolve()
SANITIZER = next((kind for kind in ("address", "thread") if BUILD.name.endswith(kind)), "")
# How much longer things may take in a sanitized build.
PATIENCE = {"": 1, "address": 4, "thread": 10}[SANITIZER]

KEY = "b24g_0system0test0key0of0the0warehouse0"
OTHER_KEY = "b24g_0system0test0key0of0the0stranger00"
SECRET = "wh0ok5ecret0acme"
OTHER_SECRET = "wh0ok5ecret0beta"
ADMIN_KEY = "admin-key-of-the-system-tests"

# Free ports, and nothing but what a test asks for.
SIM_ARGUMENTS = ("--http", "127.0.0.1:0", "--control", "127.0.0.1:0")

# Where findings of a sanitizer are gathered, so that no second try of a test passes over one.
FINDINGS = os.environ.get("B24GATE_FINDINGS", "")
REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:",
           "ERROR: UndefinedBehaviorSanitizer", "Assertion", "terminate called")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Process:
    """A program under test. Its output is kept; `stop` checks that it ends well and that no sanitizer spoke."""

    def __init__(self, arguments: List[str], environment: Optional[Dict[str, str]] = None, wait: str = "listening"):
        prefix = []
        if SANITIZER == "thread" and subprocess.run(["setarch", "-R", "true"], capture_output=True).returncode == 0:
            prefix = ["setarch", "-R"]  # the thread sanitizer of g++ 12 cannot bear much address randomization
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(environment or {})}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        self.stopped = False
        self.out: List[str] = []
        self.err: List[str] = []
        self._lines: queue.Queue = queue.Queue()
        self.process = subprocess.Popen(prefix + arguments, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="replace")
        self.pid = self.process.pid
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self._readers:
            reader.start()
        self.listening = self._wait_for(wait) if wait else None

    def _read(self, stream, lines: List[str]) -> None:
        for line in stream:
            lines.append(line.rstrip("\n"))
            if lines is self.out:
                self._lines.put(line)
        if lines is self.out:
            self._lines.put(None)

    def _wait_for(self, event: str) -> dict:
        deadline = time.monotonic() + 10 * PATIENCE
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.kill()
                raise AssertionError(f"no {event} line in time:\n{self.output}") from None
            if line is None:
                raise AssertionError(f"the program ended with {self.process.wait()}:\n{self.output}")
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if event in record or record.get("event") == event:
                return record

    @property
    def output(self) -> str:
        return "\n".join(self.out + self.err)

    def log(self, **wanted) -> List[dict]:
        """The JSON lines of the log whose members are as wanted."""
        records = []
        for line in list(self.out) + list(self.err):
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and all(record.get(key) == value for key, value in wanted.items()):
                records.append(record)
        return records

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 15) -> int:
        code = self.process.wait(seconds * PATIENCE)
        for reader in self._readers:
            reader.join(5)
        return code

    def stop(self, code: int = 0) -> None:
        if self.stopped:
            return
        self.stopped = True
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            ended = self.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end on SIGTERM:\n{self.output[-4000:]}") from None
        self.check_reports()
        assert ended == code, f"ended with {ended}, not {code}:\n{self.output[-4000:]}"

    def check_reports(self) -> None:
        for report in REPORTS:
            for line in self.err + self.out:
                if report in line and not line.startswith("{"):
                    text = "\n".join(self.err)
                    finding = text[max(0, text.find(report) - 200):][:12000]
                    if FINDINGS:
                        with open(FINDINGS, "a", encoding="utf-8") as file:
                            file.write(finding + "\n")
                    raise AssertionError(finding)

    def kill(self) -> None:
        self.stopped = True
        self.process.kill()
        self.process.wait()

    def rss(self) -> int:
        """Resident bytes."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")


class Sim(Process):
    """b24sim, which answers like a Bitrix24 cloud. Told what to do by its control port."""

    def __init__(self, arguments: Tuple[str, ...] = ()):
        super().__init__([str(BUILD / "b24sim"), *SIM_ARGUMENTS, *arguments])
        places = self.listening["listening"]
        self.http, self.control_address = (parse_address(places[name]) for name in ("http", "control"))
        self.url = f"http://localhost:{self.http[1]}"

    def control(self, method: str, path: str, body=None):
        data = None if body is None else json.dumps(body).encode()
        answer = request(self.control_address, method, path, data, {"Content-Type": "application/json"})
        assert answer.status == 200, answer
        return answer.json

    def portal(self, name: str, **settings) -> None:
        """Makes or changes a portal."""
        self.control("POST", f"/portals/{name}", settings)

    def faults(self, *faults: dict) -> None:
        self.control("POST", "/faults", list(faults))

    def stats(self, name: str) -> dict:
        return self.control("GET", f"/stats?requests=0&portal={name}")["portals"][name]

    def reset(self) -> None:
        self.control("POST", "/reset", {})


class Response:
    def __init__(self, status: int, headers: List[Tuple[str, str]], body: bytes):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name: str) -> Optional[str]:
        values = self.all(name)
        return values[0] if values else None

    def all(self, name: str) -> List[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The error's code in either shape."""
        error = self.json.get("error")
        return error.get("code") if isinstance(error, dict) else error

    @property
    def gateway(self) -> dict:
        return self.json["gateway"]

    @property
    def everything(self) -> bytes:
        return b"\n".join([f"{n}: {v}".encode("latin-1") for n, v in self.headers] + [self.body])

    def __repr__(self) -> str:
        return f"<{self.status} {dict(self.headers)} {self.body[:600]!r}>"


def parse_address(text: str) -> Tuple[str, int]:
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


def some_address() -> Tuple[str, int]:
    """A loopback address that nobody else calls from, so that one test's wrong keys slow no other test down."""
    return f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}", 0


def request(address: Tuple[str, int], method: str, path: str, body: Optional[bytes] = None,
            headers: Optional[Dict[str, str]] = None, context: Optional[ssl.SSLContext] = None,
            timeout: float = 20, source: Optional[str] = None) -> Response:
    """One request on a connection of its own; the target and the body leave as given."""
    timeout *= PATIENCE
    origin = (source, 0) if source else some_address()
    if context:
        connection = http.client.HTTPSConnection(*address, timeout=timeout, context=context, source_address=origin)
    else:
        connection = http.client.HTTPConnection(*address, timeout=timeout, source_address=origin)
    try:
        return request_on(connection, method, path, body, headers)
    finally:
        connection.close()


def request_on(connection: http.client.HTTPConnection, method: str, path: str, body: Optional[bytes] = None,
               headers: Optional[Dict[str, str]] = None) -> Response:
    headers = headers or {}
    names = {name.lower() for name in headers}
    connection.putrequest(method, path, skip_host="host" in names, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    if body is not None and "content-length" not in names and "transfer-encoding" not in names:
        connection.putheader("Content-Length", str(len(body)))
    elif body is None and method == "POST" and "content-length" not in names:
        connection.putheader("Content-Length", "0")
    connection.endheaders(body)
    answer = connection.getresponse()
    return Response(answer.status, answer.getheaders(), answer.read())


class Raw:
    """A connection for bytes that no client library would send."""

    def __init__(self, address: Tuple[str, int], timeout: float = 10, source: Optional[Tuple[str, int]] = None):
        self.socket = socket.create_connection(address, timeout * PATIENCE, source or some_address())
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the answer may have been given before all was read

    def _more(self) -> bool:
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.buffer += piece
        return bool(piece)

    def response(self, head_only: bool = False) -> Optional[Response]:
        """The next response; None when the connection ends instead."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = [(name, value.strip()) for name, value in (line.split(":", 1) for line in lines[1:])]
        values = {name.lower(): value for name, value in headers}
        if status < 200 or head_only or status in (204, 304):
            return Response(status, headers, b"")
        if values.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while True:
                while b"\r\n" not in self.buffer:
                    assert self._more(), "ended inside a chunked body"
                line, self.buffer = self.buffer.split(b"\r\n", 1)
                size = int(line, 16)
                while len(self.buffer) < size + 2:
                    assert self._more(), "ended inside a chunk"
                body += self.buffer[:size]
                self.buffer = self.buffer[size + 2:]
                if size == 0:
                    return Response(status, headers, body)
        length = int(values["content-length"])
        while len(self.buffer) < length:
            assert self._more(), "ended inside a body"
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Response(status, headers, body)

    def closed(self) -> bool:
        """Whether the other side closes, without sending anything more."""
        try:
            while True:
                piece = self.socket.recv(65536)
                if not piece:
                    return not self.buffer
                self.buffer += piece
        except ConnectionResetError:
            return not self.buffer
        except socket.timeout:
            return False

    def close(self) -> None:
        self.socket.close()


CONFIG = """
[server]
listen = "127.0.0.1:0"
threads = 2
{server}
[admin]
listen = "127.0.0.1:0"
key = "env:ADMIN_KEY"
[portals.acme]
url = "{url}"
hosts = ["acme.b24.internal"]
plan = "none"
assume_spent = false
{share}
{portal}
[portals.acme.credentials.main]
type = "webhook"
user = 1
secret = "env:ACME_WEBHOOK"
{portals}
[clients.warehouse]
key_sha256 = "{key}"
portals = ["acme"]
{client}
{clients}
[retry]
server = {{ attempts = 3, base = "10ms", max = "50ms" }}
network = {{ attempts = 3, base = "10ms", max = "50ms" }}
timeout = {{ attempts = 3, base = "10ms", max = "50ms" }}
{extra}
"""


def config_text(url: str, **parts: str) -> str:
    """Identical reads do not share a call unless `share` is empty: most tests count what reaches the portal."""
    filled = {name: "" for name in ("server", "portal", "portals", "client", "clients", "extra")}
    filled["share"] = "share_reads = false"
    filled.update(parts)
    return CONFIG.format(url=url, key=sha256(KEY), **filled)


class Gate(Process):
    """b24gate serve with a config of the test's own."""

    def __init__(self, folder: pathlib.Path, config: str, environment: Optional[Dict[str, str]] = None,
                 wait: str = "listening"):
        self.path = folder / "b24gate.toml"
        self.path.write_text(config)
        env = {"ADMIN_KEY": ADMIN_KEY, "ACME_WEBHOOK": SECRET, "BETA_WEBHOOK": OTHER_SECRET, **(environment or {})}
        super().__init__([str(BUILD / "b24gate"), "serve", "--config", str(self.path)], env, wait)
        if self.listening:
            self.data = self._address("listen", "data")
            self.tls = self._address("tls_listen", "tls")
            self.admin = self._address("admin", "admin_listen")

    def _address(self, *names: str) -> Optional[Tuple[str, int]]:
        places = [self.listening, self.listening.get("listening", {})]
        for place in places:
            for name in names:
                if isinstance(place, dict) and place.get(name):
                    return parse_address(place[name])
        return None

    def call(self, method: str, params=None, key: str = KEY, verb: str = "POST", path: Optional[str] = None,
             headers: Optional[Dict[str, str]] = None, **more) -> Response:
        """A call in the webhook form with a JSON body, as SDKs send it."""
        body = None
        headers = dict(headers or {})
        if params is not None:
            body = params if isinstance(params, bytes) else json.dumps(params).encode()
            headers.setdefault("Content-Type", "application/json")
        return request(self.data, verb, path or f"/rest/1/{key}/{method}", body, headers, **more)

    def get(self, path: str, admin: bool = False, **more) -> Response:
        return request(self.admin if admin else self.data, "GET", path, **more)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series that carry these labels."""
        total = 0.0
        for line in self.get("/metrics", admin=True).body.decode().splitlines():
            if line.startswith("#") or not line.startswith(name):
                continue
            series, value = line.rsplit(" ", 1)
            if series.split("{", 1)[0] == name and all(f'{k}="{v}"' in series for k, v in labels.items()):
                total += float(value)
        return total


def appearances(secret: str) -> List[bytes]:
    """How a secret could show itself: plain, URL-encoded, base64 at any alignment, hexadecimal."""
    raw = secret.encode()
    forms = {raw, urllib.parse.quote(secret, safe="").encode(), raw.hex().encode(),
             "".join(f"%{byte:02X}" for byte in raw).encode(), "".join(f"%{byte:02x}" for byte in raw).encode()}
    for offset in range(3):
        # The characters at either end depend on the neighbours: what stands between them does not.
        coded = base64.b64encode(b"\0" * offset + raw).rstrip(b"=")
        inner = coded[4 if offset else 0:-2]
        forms.add(inner)
        forms.add(inner.replace(b"+", b"-").replace(b"/", b"_"))
    return sorted(forms)


def certificate(folder: pathlib.Path, name: str, host: str = "localhost") -> Tuple[pathlib.Path, pathlib.Path]:
    """A certificate that signs itself, and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", f"/CN={host}",
                    "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


def server_context(cert: pathlib.Path, key: pathlib.Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def client_context(ca: pathlib.Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


def until(condition, seconds: float = 5, what: str = "") -> None:
    deadline = time.monotonic() + seconds * PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"did not come true in time: {what or condition}"
        time.sleep(0.01)

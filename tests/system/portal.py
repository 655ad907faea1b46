"""A portal played byte by byte.

b24sim plays what a portal means; this one plays what can stand on the wire: it keeps every request exactly as it came
and answers with any bytes, cut off or reset wherever a test wants. One thread a connection, standard library only.
"""
import json
import re
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Callable, Iterable, List, Optional, Tuple


@dataclass
class Received:
    """One request as the portal saw it."""

    head: bytes
    method: str
    target: str
    headers: List[Tuple[str, str]]
    body: bytes
    connection: int

    def header(self, name: str) -> Optional[str]:
        values = self.all(name)
        return values[0] if values else None

    def all(self, name: str) -> List[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def path(self) -> str:
        return self.target.split("?", 1)[0]

    @property
    def query(self) -> str:
        return self.target.split("?", 1)[1] if "?" in self.target else ""

    @property
    def bytes(self) -> bytes:
        return self.head + self.body


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: List[Tuple[str, str]] = field(default_factory=list)
    delay: float = 0.0
    raw: Optional[bytes] = None  # instead of all of the above but the delay
    pieces: Iterable[bytes] = ()  # behind raw, each after `pace` seconds
    pace: float = 0.05
    stream: Optional[Iterable[bytes]] = None  # sent piece by piece as a chunked body
    then: str = "keep"  # keep, close or reset the connection behind it
    wait_for: Optional[threading.Event] = None  # answers only when this is set

    def head(self) -> bytes:
        names = {name.lower() for name, _ in self.headers}
        lines = [f"HTTP/1.1 {self.status} Status"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if "content-type" not in names:
            lines.append("Content-Type: application/json; charset=utf-8")
        if self.stream is not None:
            lines.append("Transfer-Encoding: chunked")
        elif "content-length" not in names and self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


TIME = {
    "start": 1790000000.5, "finish": 1790000000.6, "duration": 0.1, "processing": 0.09,
    "date_start": "2026-09-21T16:13:20+03:00", "date_finish": "2026-09-21T16:13:20+03:00",
    "operating_reset_at": 1790000600, "operating": 0.1,
}


def result(value, status: int = 200, **more) -> Answer:
    """A portal's JSON answer with a result and `time`."""
    return Answer(status, json.dumps({"result": value, **more, "time": TIME}).encode())


def error(status: int, code: str, text: str = "Something", **more) -> Answer:
    return Answer(status, json.dumps({"error": code, "error_description": text, **more}).encode())


def error_v3(status: int, code: str, text: str = "Something", **more) -> Answer:
    return Answer(status, json.dumps({"error": {"code": code, "message": text, **more}}).encode())


def html(status: int, text: str = "<html><head><title>Gone</title></head><body>nginx</body></html>") -> Answer:
    return Answer(status, text.encode(), [("Content-Type", "text/html"), ("Server", "nginx")])


RESET = Answer(raw=b"", then="reset")
CLOSE = Answer(raw=b"", then="close")


class FakePortal:
    """Answers `{"result": true}` until told otherwise: by `script` for the next requests, by `handler` for all."""

    def __init__(self, context: Optional[ssl.SSLContext] = None, host: str = "127.0.0.1"):
        self.received: List[Received] = []
        self.handler: Callable[[Received], Answer] = lambda request: result(True)
        self.connections = 0
        self._script: List[Answer] = []
        self._context = context
        self._lock = threading.Lock()
        self._open: set = set()
        self._listener = socket.create_server((host, 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://localhost:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def script(self, *answers: Answer) -> None:
        with self._lock:
            self._script = list(answers)

    def clear(self) -> None:
        with self._lock:
            self.received = []
            self._script = []
            self.handler = lambda request: result(True)

    @property
    def last(self) -> Received:
        assert self.received, "nothing reached the portal"
        return self.received[-1]

    def close(self) -> None:
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        plain = connection
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            buffer = b""
            while True:
                request, buffer = self._read(connection, buffer, number)
                if request is None:
                    return
                with self._lock:
                    self.received.append(request)
                    answer = self._script.pop(0) if self._script else None
                if answer is None:
                    answer = self.handler(request)
                if not self._send(connection, answer):
                    return
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            with self._lock:
                self._open.discard(plain)
            connection.close()

    @staticmethod
    def _send(connection, answer: Answer) -> bool:
        if answer.delay:
            time.sleep(answer.delay)
        if answer.wait_for:
            answer.wait_for.wait(30)
        if answer.raw is not None:
            if answer.raw:
                connection.sendall(answer.raw)
            for piece in answer.pieces:
                time.sleep(answer.pace)
                connection.sendall(piece)
        elif answer.stream is not None:
            connection.sendall(answer.head())
            for piece in answer.stream:
                connection.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
        else:
            connection.sendall(answer.head() + answer.body)
        if answer.then == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return answer.then == "keep"

    @staticmethod
    def _read(connection, buffer: bytes, number: int):
        while b"\r\n\r\n" not in buffer:
            piece = connection.recv(65536)
            if not piece:
                return None, b""
            buffer += piece
        head, buffer = buffer.split(b"\r\n\r\n", 1)
        head += b"\r\n\r\n"
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = []
        for line in lines[1:]:
            if line:
                name, value = line.split(":", 1)
                headers.append((name, value.strip()))
        values = {name.lower(): value for name, value in headers}
        pieces = [buffer]
        if "chunked" in values.get("transfer-encoding", "").lower():
            body, buffer = FakePortal._read_chunked(connection, buffer)
        else:
            length = int(values.get("content-length", "0"))
            have = len(buffer)
            while have < length:
                piece = connection.recv(1 << 18)
                if not piece:
                    return None, b""
                pieces.append(piece)
                have += len(piece)
            buffer = b"".join(pieces)
            body, buffer = buffer[:length], buffer[length:]
        return Received(head, method, target, headers, body, number), buffer

    @staticmethod
    def _read_chunked(connection, buffer: bytes):
        body = []
        while True:
            while b"\r\n" not in buffer:
                buffer += connection.recv(65536)
            line, buffer = buffer.split(b"\r\n", 1)
            size = int(re.match(rb"[0-9a-fA-F]+", line).group(), 16)
            while len(buffer) < size + 2:
                buffer += connection.recv(1 << 18)
            if size == 0:
                return b"".join(body), buffer[2:]
            body.append(buffer[:size])
            buffer = buffer[size + 2:]

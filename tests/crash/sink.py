"""Who is told of ends: takes callbacks, checks their signatures after the Standard Webhooks specification, and is not
always well."""
import base64
import hashlib
import hmac
import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Dict

from .history import Callback, History

SECRET = "whsec_" + base64.b64encode(b"the crash test's callback secret").decode()


def is_signed(headers, body: bytes) -> bool:
    said = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.".encode() + body
    key = base64.b64decode(SECRET[len("whsec_"):])
    right = "v1," + base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(right, given) for given in headers.get("webhook-signature", "").split())


class Sink:
    def __init__(self, history: History, seed: int):
        self.history, self.lock = history, threading.Lock()
        self.random = random.Random(f"{seed}/sink")
        self.refused: Dict[str, int] = {}
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = sink.take(self.headers, body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/told"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, headers, body: bytes) -> int:
        name = headers.get("webhook-id", "")
        with self.lock:
            # Only once each: the second pause of the schedule is longer than a test.
            if name not in self.refused and self.random.random() < 0.05:
                self.refused[name] = 1
                return 500
            try:
                said = json.loads(body)
                kind, event = said["type"].split(".")
                callback = Callback(said["data"]["id"], name, event, is_signed(headers, body) and kind == "operation")
            except (ValueError, KeyError, TypeError, AttributeError):
                callback = Callback("", name, "", False)
            self.history.callbacks.append(callback)
        return 204

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

"""nginx and HAProxy as careful people set them up in front of one portal: the limits of the tests, GET, POST and HEAD."""
import os
import pathlib
import shutil
import socket
import subprocess
import time
from typing import List, Tuple


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Proxy:
    """A proxy that runs until `stop`."""

    def __init__(self, name: str, command: List[str], port: int, log: pathlib.Path):
        self.name, self.data = name, ("127.0.0.1", port)
        with open(log, "wb") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(self.data, 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{name} does not start: {log.read_text(errors='replace').strip()[-600:]}") from None
                time.sleep(0.02)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def version_of(name: str) -> str:
    done = subprocess.run([name, "-v"], capture_output=True, text=True, check=False)
    words = (done.stderr + done.stdout).split()
    return next((word.split("/")[-1].split("-")[0] for word in words if word.split("/")[-1][:1].isdigit()), "?")


def require(*names: str) -> None:
    missing = [name for name in names if not shutil.which(name)]
    if missing:
        raise SystemExit(f"{' and '.join(missing)} not installed; `scripts/setup --bench` installs them")


def nginx(folder: pathlib.Path, upstream: Tuple[str, int]) -> Proxy:
    folder.mkdir()
    port = free_port()
    user = "user root;\n" if os.geteuid() == 0 else ""
    temp = "".join(f"  {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = folder / "nginx.conf"
    path.write_text(f"""{user}daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
{temp}  access_log off;
  client_max_body_size 1m;
  large_client_header_buffers 4 16k;
  client_header_timeout 10s;
  client_body_timeout 10s;
  upstream portal {{ server {upstream[0]}:{upstream[1]}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port};
    if ($request_method !~ ^(GET|POST|HEAD)$) {{ return 405; }}
    location / {{
      proxy_pass http://portal;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_next_upstream off;
      proxy_read_timeout 5s;
    }}
  }}
}}
""")
    return Proxy("nginx", ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(path)], port, folder / "log")


def haproxy(folder: pathlib.Path, upstream: Tuple[str, int]) -> Proxy:
    folder.mkdir()
    port = free_port()
    path = folder / "haproxy.cfg"
    path.write_text(f"""global
  nbthread 1
  tune.bufsize 17408
defaults
  mode http
  option http-buffer-request
  timeout connect 5s
  timeout client 10s
  timeout http-request 10s
  timeout server 5s
  retries 0
frontend clients
  bind 127.0.0.1:{port}
  http-request deny deny_status 405 unless METH_GET or METH_POST
  http-request deny deny_status 413 if {{ req.hdr_val(content-length) gt 1048576 }}
  default_backend portal
backend portal
  server one {upstream[0]}:{upstream[1]}
""")
    return Proxy("haproxy", ["haproxy", "-db", "-q", "-f", str(path)], port, folder / "log")

#!/usr/bin/env python3
"""Who may include whom: the table of docs/architecture.md, kept by looking at every #include.

Prints one line for each breach and exits 1 when there are any.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What whoever answers requests may know of the server.
HANDLER = {"server/handler", "server/health_response", "server/message", "server/request_id"}

# A folder may include itself and these. A single header stands where not the whole folder is meant.
MAY_INCLUDE = {
    "core": set(),
    "config": {"core"},
    "bitrix": {"core"},
    "net": {"core"},
    "observe": {"core", "config", "bitrix"},
    "access": {"core", "config", "bitrix"},
    "admission": {"core", "config", "bitrix"},
    "storage": {"core", "net"},
    "tokens": {"core", "config", "bitrix", "net", "observe", "storage", "upstream", "server/message"},
    "operations": {"core", "config", "bitrix", "observe", "storage", "access/addresses"},
    "alerts": {"core", "config", "observe/call_record", "storage"},
    "server": {"core", "config", "net", "observe"},
    "upstream": {"core", "config", "bitrix", "net", "server/message"},
    "gateway": {"core", "config", "bitrix", "net", "observe", "access", "admission", "storage", "tokens", "operations",
                "upstream", *HANDLER},
    "notify": {"core", "config", "bitrix", "net", "observe", "storage", "tokens", "operations/webhook", "alerts",
               "upstream", "gateway", *HANDLER},
    "admin": {"core", "config", "bitrix", "net", "observe", "access", "admission", "storage", "operations", "alerts",
              "gateway", "tokens", *HANDLER},
    "app": {"*"},
    "simulator": {"core"},
    "vendor": set(),
}

# These stay free of input and output altogether, so that they can be tested by calling them.
PURE = ["core/", "bitrix/", "access/", "admission/", "net/http_guard.", "net/chunk_guard.", "upstream/pool.", "upstream/retry_policy.",
        "upstream/target."]
NOT_IN_PURE = ["boost/asio", "boost/beast", "sys/", "sqlite3.h", "libpq-fe.h", "b24gate/storage/"]

# Headers that cost seconds to compile, and the only places that may name them.
HEAVY = {
    "boost/beast": ["src/vendor/", "src/net/beast_parser.hpp"],
    "openssl/": ["src/core/", "src/net/", "src/app/", "src/tokens/", "src/simulator/"],
    "toml++/": ["src/config/document.cpp", "src/simulator/config.cpp"],
    "sqlite3.h": ["src/storage/"],
    "libpq-fe.h": ["src/storage/"],
    "curl/": ["src/notify/mail_sender.cpp"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def folder_of(path: str) -> str:
    for prefix in ("include/b24gate/", "src/"):
        if path.startswith(prefix):
            return path[len(prefix):].split("/")[0]
    return ""


def breaches(path: str, text: str):
    folder = folder_of(path)
    inside = path.split("/", 2)[2] if path.startswith("include/") else path.split("/", 1)[1]
    if folder not in MAY_INCLUDE:
        yield f"{path}: folder {folder} is not in the table of scripts/includes.py"
        return
    allowed = MAY_INCLUDE[folder]
    for name in INCLUDE.findall(text):
        if name.startswith("b24gate/"):
            target = name[len("b24gate/"):]
            owner = target.split("/")[0]
            header = target.rsplit(".", 1)[0]
            if owner != folder and "*" not in allowed and owner not in allowed and header not in allowed:
                yield f"{path}: {folder} may not include {name}"
        for heavy, files in HEAVY.items():
            if name.startswith(heavy):
                if path.startswith("include/"):
                    yield f"{path}: {name} does not belong in a header"
                elif not any(path.startswith(place) for place in files):
                    yield f"{path}: {name} belongs in {', '.join(files)} alone"
        if any(inside.startswith(place) for place in PURE) and any(name.startswith(bad) for bad in NOT_IN_PURE):
            yield f"{path}: {name} in a part that does no input and output"


def main() -> int:
    count = 0
    for top in ("include", "src"):
        for path in sorted((ROOT / top).rglob("*.[ch]pp")):
            relative = path.relative_to(ROOT).as_posix()
            for breach in breaches(relative, path.read_text(encoding="utf-8")):
                print(breach)
                count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())

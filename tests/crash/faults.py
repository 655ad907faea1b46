"""What goes wrong at the portal and on the disk."""
import os
import pathlib
import random
import resource
import subprocess
import time
from typing import List, Optional

# How long a request is waited for, how long the portal may work on one that nobody waits for, and how long the gateway
# takes it that it may: the second must be well below the third, or the test asks for more than the contract gives.
TIMEOUT_MS, LONGEST_STALL_MS, SETTLE_MS = 1000, 2400, 4000


def portal_faults(severity: float = 1) -> List[dict]:
    """Rules for b24sim, which rolls its own dice from its seed. The first that strikes counts."""
    rules = [
        (0.02, {"effect": "reset_before"}),
        (0.03, {"effect": "reset_after"}),
        (0.01, {"effect": "close_after"}),
        (0.02, {"effect": "html", "status": 502, "execute": True}),
        (0.01, {"effect": "html", "status": 502}),
        (0.01, {"effect": "error", "code": "INTERNAL_SERVER_ERROR", "execute": True}),
        (0.01, {"effect": "truncate", "rst": True}),
        (0.03, {"effect": "latency", "delay_ms": LONGEST_STALL_MS}),
        (0.03, {"effect": "latency", "delay_ms": TIMEOUT_MS + 300}),
        (0.02, {"effect": "latency", "delay_ms": TIMEOUT_MS - 100}),
        (0.01, {"effect": "latency", "delay_after_ms": TIMEOUT_MS + 200}),
        (0.02, {"effect": "error", "code": "QUERY_LIMIT_EXCEEDED"}),
        (0.05, {"effect": "latency", "delay_ms": 120}),
    ]
    return [{"portal": portal, "probability": min(1.0, share * severity), **rule}
            for portal in ("acme", "beta") for share, rule in rules]


class Disk:
    """Where the store's file lives: a file system of its own where that is allowed, which can then be full."""

    def __init__(self, folder: pathlib.Path, mebibytes: int):
        self.folder = folder
        folder.mkdir(parents=True)
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)],
                                      capture_output=True).returncode == 0
        self.ballast = folder / "ballast"

    @property
    def how(self) -> str:
        return "a tmpfs that is full" if self.mounted else "a limit on the size of files"

    def leave(self, free: int, gateway: int) -> None:
        """Leaves so many bytes to the process; 0: nothing at all."""
        if not self.mounted:
            # No file of its grows any more.
            resource.prlimit(gateway, resource.RLIMIT_FSIZE, (4096 if free == 0 else resource.RLIM_INFINITY,
                                                              resource.RLIM_INFINITY))
            return
        with open(self.ballast, "ab") as out:
            while True:
                state = os.statvfs(self.folder)
                spare = state.f_bavail * state.f_frsize - free
                if spare <= 0:
                    return
                try:
                    out.write(b"\0" * min(spare, 1 << 20))
                    out.flush()
                except OSError:
                    return

    def relieve(self, gateway: int) -> None:
        if not self.mounted:
            resource.prlimit(gateway, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        elif self.ballast.exists():
            self.ballast.unlink()

    def close(self) -> None:
        if not self.mounted:
            return
        for _ in range(50):
            if subprocess.run(["umount", str(self.folder)], capture_output=True).returncode == 0:
                self.mounted = False
                return
            time.sleep(0.1)


def moments(random_: random.Random, count: int, seconds: float) -> List[float]:
    """When to strike: so many moments, some of them close together."""
    return sorted(random_.uniform(0.02, 0.98) * seconds for _ in range(count))


def free_bytes(folder: pathlib.Path) -> Optional[int]:
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize

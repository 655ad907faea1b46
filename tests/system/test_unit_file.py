"""The service's sandbox, as the file asks for it: what is taken away here by accident is seen nowhere else."""
import configparser

from harness import ROOT

WANTED = {
    "DynamicUser": "yes", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "", "ProtectSystem": "strict",
    "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "PrivateUsers": "yes", "PrivateMounts": "yes", "ProtectClock": "yes",
    "ProtectControlGroups": "yes", "ProtectHostname": "yes", "ProtectKernelLogs": "yes", "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes", "ProtectProc": "invisible", "RestrictNamespaces": "yes", "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes", "LockPersonality": "yes", "MemoryDenyWriteExecute": "yes", "SystemCallArchitectures": "native",
    "RestrictAddressFamilies": "AF_INET AF_INET6", "UMask": "0077", "LimitCORE": "0",
}


class Settings(dict):
    """A setting may come twice: both count."""

    def __setitem__(self, name, value):
        if isinstance(value, list) and name in self and isinstance(self[name], list):
            value = self[name] + value
        super().__setitem__(name, value)


def test_the_service_is_locked_in():
    unit = configparser.ConfigParser(dict_type=Settings, strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(ROOT / "conf" / "b24gate.service")
    service = unit["Service"]
    for name, value in WANTED.items():
        assert service.get(name) == value, name
    calls = service["SystemCallFilter"].split("\n")
    assert calls[0] == "@system-service" and {"@privileged", "@resources"} <= set(calls[1].lstrip("~").split())
    assert service["LoadCredential"].startswith("secrets:")
    # The drain is given the time that it may take.
    assert int(service["TimeoutStopSec"]) >= 30 and service["ExecReload"].startswith("/bin/kill -HUP")

"""TLS on both sides: the gateway's own listener, and the portals behind it."""
import socket
import ssl
import subprocess

import pytest

from harness import KEY, SECRET, certificate, client_context, config_text, request, server_context
from portal import Answer, FakePortal, result


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("certificates"), "own")


def listener(own) -> str:
    return f'tls_listen = "127.0.0.1:0"\ntls_certificate = "{own[0]}"\ntls_key = "{own[1]}"'


def test_calls_over_tls(start, portal, own):
    portal.clear()
    gate = start(config_text(portal.url, server=listener(own)))
    context = client_context(own[0])
    for _ in range(3):
        answer = request(gate.tls, "POST", f"/rest/1/{KEY}/profile", b"{}", {"Content-Type": "application/json"}, context)
        assert answer.status == 200, answer
    assert portal.last.path == f"/rest/1/{SECRET}/profile"
    assert request(gate.tls, "GET", "/healthz", context=context).status == 200
    # Links carry the scheme that the request came by.
    portal.handler = lambda _: result({"DOWNLOAD_URL": f"{portal.url}/rest/1/{SECRET}/download/?token=a%7Cb%7Cc"})
    answer = request(gate.tls, "POST", f"/rest/1/{KEY}/disk.file.get", b"", context=context)
    assert answer.json["result"]["DOWNLOAD_URL"].startswith(f"https://{gate.tls[0]}:{gate.tls[1]}/rest/")


def test_large_answers_over_tls(start, portal, own):
    portal.clear()
    gate = start(config_text(portal.url, server=listener(own)))
    portal.handler = lambda _: Answer(200, b"x" * 5_000_000, [("Content-Type", "application/octet-stream")])
    answer = request(gate.tls, "GET", f"/rest/1/{KEY}/download/?token=a%7Cb%7Cc", context=client_context(own[0]))
    assert len(answer.body) == 5_000_000


def test_old_tls_and_plain_bytes_are_refused(start, portal, own):
    portal.clear()
    gate = start(config_text(portal.url, server=listener(own)))
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        with socket.create_connection(gate.tls, timeout=5) as plain:
            old.wrap_socket(plain, server_hostname="localhost")
    with socket.create_connection(gate.tls, timeout=5) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        data = plain.recv(100)
        assert b"200" not in data
    assert request(gate.tls, "GET", "/healthz", context=client_context(own[0])).status == 200


def test_a_portal_behind_a_private_ca(start, own):
    portal = FakePortal(server_context(*own))
    gate = start(config_text(portal.url, portal=f'ca = "{own[0]}"'))
    for _ in range(9):
        assert gate.call("profile", {}).status == 200
    assert portal.connections <= 2  # one for each worker
    assert portal.last.path == f"/rest/1/{SECRET}/profile"
    portal.close()


def signed_by_itself(folder, name, dates=("20200101000000Z", "20990101000000Z"), extensions=("subjectAltName=DNS:localhost",)):
    """A certificate as no careful authority would make it, and its key."""
    cert, key, request_file, config = (folder / f"{name}.{kind}" for kind in ("pem", "key", "csr", "cnf"))
    (folder / f"{name}.index").write_text("")
    config.write_text(f"""[ca]
default_ca = own
[own]
database = {folder}/{name}.index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = extensions
[any]
commonName = supplied
[extensions]
""" + "\n".join(extensions) + "\n")
    for command in (["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key), "-out",
                     str(request_file), "-subj", "/CN=localhost"],
                    ["ca", "-batch", "-selfsign", "-config", str(config), "-keyfile", str(key), "-in", str(request_file), "-out", str(cert),
                     "-notext", "-startdate", dates[0], "-enddate", dates[1]]):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return cert, key


def untrusted(folder, kind):
    """A portal's certificate that must not be believed, and the CA that the gateway is told to believe."""
    if kind == "unknown authority":
        return certificate(folder, "good"), certificate(folder, "other")[0]
    if kind == "no ca at all":
        return certificate(folder, "good"), None  # the system's authorities, which do not know it
    pair = {"wrong name": lambda: signed_by_itself(folder, "odd", extensions=["subjectAltName=DNS:elsewhere.example"]),
            "expired": lambda: signed_by_itself(folder, "odd", dates=("20200101000000Z", "20200201000000Z")),
            "not valid yet": lambda: signed_by_itself(folder, "odd", dates=("20980101000000Z", "20990101000000Z")),
            "for clients alone": lambda: signed_by_itself(folder, "odd", extensions=[
                "subjectAltName=DNS:localhost", "extendedKeyUsage=clientAuth"])}[kind]()
    return pair, pair[0]


@pytest.mark.parametrize("kind", ["unknown authority", "wrong name", "no ca at all", "expired", "not valid yet", "for clients alone"])
def test_a_portal_that_cannot_prove_itself_gets_nothing(start, tmp_path, kind):
    pair, ca = untrusted(tmp_path, kind)
    portal = FakePortal(server_context(*pair))
    gate = start(config_text(portal.url, portal=f'ca = "{ca}"' if ca else ""))
    answer = gate.call("crm.deal.add", {"fields": {}})
    assert answer.status == 502, answer
    assert answer.code == "GATEWAY_UPSTREAM_UNREACHABLE"
    assert answer.gateway["class"] == "network" and answer.gateway["executed"] == "no"
    assert not portal.received
    portal.close()


def test_the_same_certificate_without_its_fault_is_believed(start, tmp_path):
    pair = signed_by_itself(tmp_path, "sound")
    portal = FakePortal(server_context(*pair))
    gate = start(config_text(portal.url, portal=f'ca = "{pair[0]}"'))
    assert gate.call("profile", {}).status == 200
    portal.close()


def test_a_portal_that_speaks_no_tls(start, portal):
    portal.clear()
    gate = start(config_text(portal.url.replace("http://", "https://"), portal='connect_timeout = "300ms"'))
    answer = gate.call("crm.deal.add", {"fields": {}})
    assert (answer.status, answer.gateway["executed"]) == (502, "no"), answer
    assert not portal.received


def test_a_new_certificate_is_taken_at_reload(start, portal, tmp_path):
    import shutil
    import signal
    from harness import until
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    live = tmp_path / "live.pem", tmp_path / "live.key"
    shutil.copy(first[0], live[0]), shutil.copy(first[1], live[1])
    gate = start(config_text(portal.url, server=listener(live)))
    assert request(gate.tls, "GET", "/healthz", context=client_context(first[0])).status == 200
    shutil.copy(second[0], live[0]), shutil.copy(second[1], live[1])
    gate.signal(signal.SIGHUP)

    def taken():
        try:
            return request(gate.tls, "GET", "/healthz", context=client_context(second[0])).status == 200
        except ssl.SSLError:
            return False

    until(taken, what="the new certificate")

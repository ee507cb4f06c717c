"""What the tests of TLS have in common: who shows which certificate to whom."""

import contextlib
import http.server
import socket
import ssl
import threading

import pytest

from conftest import NEW_KEY, Authority, openssl
from upstream import Upstream

FAR = "2099-12-31T23:59:59.000Z"  # the end of what an Authority issues


class TlsUpstream(Upstream):
    """An upstream that keeps the names it was asked for in handshakes, how often a session
    was resumed, and that can show another certificate from now on."""

    def _tls_context(self):
        context = super()._tls_context()
        self._context = context
        self.names = []
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        return context

    def renew(self, tls):
        """New connections are shown TLS; who has a session may still resume it."""
        self._context.load_cert_chain(*tls)

    @property
    def resumed(self):
        return self._context.session_stats()["hits"]


class AlertingServer:
    """A server of one VERSION of TLS that may want to see a certificate of AUTHORITY. What it
    has against a client it says in an alert, which asyncio's servers do not. Use as a
    context manager."""

    def __init__(self, identity, version, authority=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = version
        context.load_cert_chain(*identity)
        if authority:
            context.load_verify_locations(authority.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        self.context = context
        self.paths = []  # what was asked

    def __enter__(self):
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self):
                try:
                    self.request.do_handshake()
                    super().handle()
                except OSError:
                    self.close_in_order()

            def close_in_order(self):
                """An alert gets lost where something is left unread as it is closed."""
                with contextlib.suppress(OSError):
                    self.request.shutdown(socket.SHUT_WR)
                    while self.request.recv(4096):
                        pass

            def finish(self):
                super().finish()
                self.request.close()

            def setup(self):
                self.request = server.context.wrap_socket(
                    self.request, server_side=True, do_handshake_on_connect=False
                )
                super().setup()

            def do_GET(self):
                server.paths.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.socket.close()


def tls_by(authority, **keys):
    """`tls` of a service that trusts AUTHORITY alone."""
    return {"ca": str(authority.certificate), **keys}


def service_of(upstream, tls, path="/ok", **keys):
    return {"url": upstream.url + path, "tls": tls, **keys}


def entry_of(result):
    """The only service of RESULT's document."""
    (entry,) = result.document["services"].values()
    return entry


def ask(gatherd, service, *arguments, **keywords):
    """One round of SERVICE alone; its entry."""
    return entry_of(gatherd.once({"services": {"it": service}}, *arguments, **keywords))


def is_well(entry):
    assert entry["status"] == "ok", entry
    assert entry["certificate_expires_at"] == FAR
    return True


def message_of(entry):
    """The words of a failure of TLS, which all look alike otherwise."""
    assert entry["status"] == "error", entry
    error = entry["error"]
    assert (error["kind"], error["phase"], error["excerpt"]) == ("tls", "tls", None)
    assert entry["http_status"] is None
    assert entry["data"] is None
    assert entry["timing_ms"]["first_byte"] is None
    return error["message"]


def join(path, *parts):
    """The file PATH with what is in PARTS, one after the other."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def encrypt_key(key, path):
    """KEY behind a pass phrase, in PATH."""
    openssl("pkey", "-in", key, "-aes128", "-passout", "pass:phrase", "-out", path)
    return path


def self_signed(folder, names):
    """A certificate for NAMES that is its own authority, and its key."""
    certificate, key = folder / "self.pem", folder / "self.key"
    openssl(
        *["req", "-x509", *NEW_KEY, "-days", 30, "-subj", "/CN=itself"],
        *["-addext", f"subjectAltName={names}", "-keyout", key, "-out", certificate],
    )
    return certificate, key


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    """An authority that nobody has reason to trust."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="session")
def identity(authority):
    """What a server on 127.0.0.1 shows."""
    return authority.issue("IP:127.0.0.1")


@pytest.fixture
def secured(identity):
    """Such a server."""
    with TlsUpstream(tls=identity) as secured:
        yield secured


VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

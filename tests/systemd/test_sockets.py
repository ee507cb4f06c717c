"""Being asked over HTTP under a real systemd: by a socket of the service's own, and by the
installed socket units, which listen for it."""

import contextlib
import http.client
import json
import os
import pathlib
import socket
import stat

import pytest

from machine import PATIENCE, Unit, begin, config, until


class Connection(http.client.HTTPConnection):
    """To where the machine listens: a path as we see it, or a port of its loopback."""

    def __init__(self, machine, where):
        super().__init__("localhost", timeout=PATIENCE)
        self.machine, self.where = machine, where

    def connect(self):
        if isinstance(self.where, pathlib.Path):
            self.sock = socket.socket(socket.AF_UNIX)
            # Through the folder: the whole path may be too long for an address.
            folder = os.open(self.where.parent, os.O_PATH)
            try:
                self.sock.settimeout(PATIENCE)
                self.sock.connect(f"/proc/self/fd/{folder}/{self.where.name}")
            finally:
                os.close(folder)
        else:
            with self.machine.network():
                self.sock = socket.create_connection(("127.0.0.1", self.where), PATIENCE)


def get(machine, where, path="/status.json"):
    """(status, body) of what WHERE answers."""
    with contextlib.closing(Connection(machine, where)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


def until_shown(machine, where, condition):
    """Wait until the document that is served there is one with CONDITION(document)."""

    def found():
        status, body = get(machine, where)
        document = json.loads(body) if status == 200 else None
        return document if document and condition(document) else None

    return until(found, "a document over HTTP")


class SocketUnit(Unit):
    """The socket of a UNIT."""

    def __init__(self, unit):
        super().__init__(unit.machine, unit.name.removesuffix(".service"))
        self.name = unit.name.removesuffix(".service") + ".socket"

    def listen_at(self, *addresses):
        lines = [f"ListenStream={address}\n" for address in ("", *addresses)]
        self.drop_in("".join(lines), section="Socket")


@pytest.fixture
def listener(unit):
    """The socket unit of this test's unit, stopped before that, which it would start again."""
    listener = SocketUnit(unit)
    yield listener
    listener.systemctl("stop", check=False)
    unit.systemctl("stop", check=False)


# ---- the service's own socket ----


def test_a_socket_in_the_runtime_folder_is_for_everybody(machine, upstream, unit):
    path = f"{unit.runtime}/http.sock"
    begin(unit, config(upstream, good="/ok") | {"listen": f"unix:{path}"})
    file = machine.path(path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o666
    status, body = get(machine, file, "/services/good")
    assert status == 200 and json.loads(body)["status"] == "ok"
    # Who may write to a socket may connect.
    machine.run("runuser", "-u", "nobody", "--", "test", "-w", path)
    unit.systemctl("stop")
    assert not file.exists()


def test_a_document_for_few_has_a_socket_for_few(machine, upstream, unit):
    path = f"{unit.runtime}/http.sock"
    few = {"output": {"permissions": "0640"}, "listen": f"unix:{path}"}
    begin(unit, config(upstream, good="/ok") | few)
    assert stat.S_IMODE(machine.path(path).stat().st_mode) == 0o660


# ---- sockets of systemd ----


def test_the_sockets_are_installed_but_not_enabled(machine):
    for name in ("gatherd.socket", "gatherd@one.socket"):
        state = machine.run("systemctl", "is-enabled", name, check=False)
        assert state.stdout == "disabled\n"
        assert machine.run("systemctl", "is-active", name, check=False).stdout == "inactive\n"


def test_whoever_asks_first_starts_it(machine, upstream, unit, listener):
    unit.configure(config(upstream, good="/ok"))
    listener.systemctl("start")
    file = machine.path(f"{unit.runtime}/http.sock")
    assert stat.S_IMODE(file.stat().st_mode) == 0o666
    assert unit.show("ActiveState") == "inactive"
    # The first one waits until it is there, and may be told that nothing is known yet.
    status, _ = get(machine, file)
    assert status in (200, 503)
    assert unit.show("ActiveState") == "active"
    shown = until_shown(machine, file, lambda document: document["counts"]["ok"])
    assert list(shown["services"]) == ["good"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o666
    unit.until_logged(6, "listening at 1 socket of systemd")


def test_what_is_served_is_what_is_written(machine, upstream, unit, listener):
    listener.systemctl("start")
    begin(unit, config(upstream, interval="1h", good="/ok"))
    file = machine.path(f"{unit.runtime}/http.sock")
    written = machine.path(f"{unit.state}/status.json")
    assert until(lambda: get(machine, file) == (200, written.read_bytes()), "the same bytes")


def test_nobody_is_refused_during_a_restart(machine, upstream, unit, listener):
    listener.systemctl("start")
    begin(unit, config(upstream, good="/ok"))
    file = machine.path(f"{unit.runtime}/http.sock")
    before = until_shown(machine, file, lambda document: document["counts"]["ok"])
    pid = unit.pid
    unit.systemctl("restart", "--no-block")
    while unit.pid in (0, pid):
        # Whom the old one has not answered by its end loses the connection; who comes
        # later waits for the new one.
        with contextlib.suppress(ConnectionResetError, http.client.RemoteDisconnected):
            assert get(machine, file)[0] in (200, 503)
    after = until_shown(machine, file, lambda document: document["counts"]["ok"])
    assert after["generation"] > before["generation"]
    assert after["services"]["good"]["since"] == before["services"]["good"]["since"]


def test_its_address_counts_and_not_the_configs(machine, upstream, unit, listener):
    """Of several, some for the machine alone; a port below 1024, which the service may not have."""
    unit.configure(config(upstream, good="/ok") | {"listen": "127.0.0.1:8790"})
    listener.listen_at("127.0.0.1:80", f"{unit.runtime}/http.sock")
    listener.systemctl("start")
    unit.systemctl("start")
    for where in (80, machine.path(f"{unit.runtime}/http.sock")):
        until_shown(machine, where, lambda document: document["counts"]["ok"])
    with pytest.raises(ConnectionRefusedError):
        get(machine, 8790)
    # Nor does a reload change it.
    unit.configure(config(upstream, better="/ok") | {"listen": "127.0.0.1:8791"})
    unit.systemctl("reload")
    until_shown(machine, 80, lambda document: list(document["services"]) == ["better"])
    with pytest.raises(ConnectionRefusedError):
        get(machine, 8791)


def test_the_unit_without_a_name_listens_at_its_port(machine):
    unit = Unit(machine, "gatherd")
    listener = SocketUnit(unit)
    listener.systemctl("start")
    try:
        assert "127.0.0.1:8787" in listener.show("Listen")
        shown = until_shown(machine, 8787, lambda document: True)
        assert shown["counts"]["total"] == 0
        assert get(machine, 8787, "/")[1].startswith(b"<!")
    finally:
        listener.systemctl("stop")
        unit.systemctl("stop")
    with pytest.raises(ConnectionRefusedError):
        get(machine, 8787)


def test_a_socket_that_is_stopped_is_gone(machine, unit, listener):
    unit.configure({"services": {}})
    listener.systemctl("start")
    file = machine.path(f"{unit.runtime}/http.sock")
    assert file.is_socket()
    listener.systemctl("stop")
    assert not file.exists()

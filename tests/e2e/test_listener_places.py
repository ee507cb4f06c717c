"""Where the listener listens: sockets of its own and of systemd, at the start, at the end, and
from one config to the next."""

import contextlib
import json
import os
import re
import signal
import socket
import stat

import pytest

from conftest import PATIENCE, has_ipv6
from helpers_listener import Listening, Place, handed_over, mode_of, request
from helpers_listener import tcp_place, unix_place, wait_until
from helpers_reload import complete, config_of, gather_now
from helpers_tools import free_port, short_folder  # noqa: F401
from upstream import answer

FOREIGN = {"host": "evil.example"}
NO_SOCKET = "it is there already, and no socket\n"


@pytest.fixture(params=["unix", "tcp"])
def place(request, short_folder):  # noqa: F811
    return unix_place(short_folder) if request.param == "unix" else tcp_place()


@pytest.fixture
def other_place(place, short_folder):  # noqa: F811
    return unix_place(short_folder, "other.sock") if place.is_unix else tcp_place()


@pytest.fixture
def config(upstream):
    return config_of(upstream, {"a": "/ok"})


def is_shown(daemon, place=None):
    """Wait until it answers at PLACE with the document: that is soon after it was written."""
    place = place or daemon.place
    return wait_until(lambda: place.ask("/status.json").body == daemon.output.read_bytes())


# ---- the start ----


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.9.9.9", "[::1]"])
def test_it_listens_where_it_is_told_and_nowhere_else(gatherd, config, host):
    if host == "[::1]" and not has_ipv6:
        pytest.skip("no IPv6 here")
    place = tcp_place(host)
    with Listening(gatherd, config, place) as daemon:
        daemon.wait_log(f"info listening at http://{re.escape(place.listen)}/$")
        daemon.first_document()
        assert is_shown(daemon)
        own = "127.0.0.1" if host == "localhost" else host
        for other in {"127.0.0.1", "127.9.9.9"} - {own}:
            assert not Place(f"{other}:{place.address[1]}").is_open()


@pytest.mark.parametrize("permissions, mode", [("0644", 0o666), ("0640", 0o660), ("0604", 0o666)])
@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_who_may_read_the_document_may_connect(
    gatherd, config, short_folder, permissions, mode, umask  # noqa: F811
):
    place = unix_place(short_folder)
    config["output"] = {"permissions": permissions}
    with Listening(gatherd, config, place, umask=umask) as daemon:
        daemon.first_document()
        assert mode_of(place.address) == mode
        assert is_shown(daemon)


def test_where_another_one_listens_it_does_not_start(gatherd, config, place):
    with place.opened():
        result = gatherd.run("-o", "status.json", config=Listening.at(config, place))
        assert result.status == 3
        (line,) = result.stderr.splitlines()
        assert line.endswith(f" error cannot listen at {place.listen}: Address already in use")
        assert not (gatherd.folder / "status.json").exists()
        assert place.is_open()  # what is there is untouched


def test_of_two_daemons_the_first_goes_on(gatherd, config, place):
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        inode = place.is_unix and os.stat(place.address).st_ino
        result = gatherd.run("-o", "other.json", "-c", daemon.config_path)
        assert result.status == 3 and "Address already in use" in result.stderr
        assert is_shown(daemon)
        assert not place.is_unix or os.stat(place.address).st_ino == inode


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda path: path.write_text("precious"), NO_SOCKET),
        (lambda path: path.mkdir(), NO_SOCKET),
        (lambda path: path.symlink_to("/nowhere"), NO_SOCKET),
        (lambda path: os.mkfifo(path), NO_SOCKET),
        (lambda path: path.parent.rename(path.parent.with_name("away")), "No such file"),
    ],
)
def test_what_is_no_socket_is_not_replaced(gatherd, config, make, words):
    folder = gatherd.folder / "s"
    folder.mkdir()
    path = folder / "http.sock"
    make(path)
    before = path.lstat() if folder.exists() else None
    result = gatherd.run("-o", "status.json", config=Listening.at(config, unix_place(folder)))
    assert result.status == 3 and words in result.stderr
    assert before == (path.lstat() if folder.exists() else None)


def test_the_socket_of_one_who_was_killed_is_replaced(gatherd, config, short_folder):  # noqa: F811
    place = unix_place(short_folder)
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        daemon.kill()
    assert stat.S_ISSOCK(os.stat(place.address).st_mode) and not place.is_open()
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        assert is_shown(daemon)
        assert daemon.stop()[0] == 0
    assert os.listdir(short_folder) == []


def test_one_who_was_killed_leaves_its_port(gatherd, config):
    """Also with connections that the kernel still has in TIME_WAIT or open."""
    place = tcp_place()
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            with Listening(gatherd, config, place) as daemon:
                daemon.first_document()
                client = stack.enter_context(place.connect())
                assert client.ask("/healthz").status == 200
                daemon.kill()


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:8787", "192.0.2.7:80", "10.0.0.1:80"])
def test_other_machines_need_a_word_for_it(gatherd, config, listen):
    listen = listen.replace(":0", f":{free_port()}") if listen.endswith(":0") else listen
    result = gatherd.run("-o", "status.json", config={**config, "listen": listen})
    assert result.status == 2
    (line,) = result.stderr.splitlines()
    assert "other machines could reach this address" in line and "listen_public: true" in line


def test_with_that_word_every_address_is_listened_at(gatherd, config):
    port = free_port()
    place = Place(f"127.0.0.1:{port}")
    config["listen_public"] = True
    daemon = Listening(gatherd, config, place)
    daemon.gatherd.config({**config, "listen": f"0.0.0.0:{port}"})
    with daemon:
        daemon.first_document()
        daemon.shown()
        for address in ("127.0.0.1", "127.9.9.9"):
            assert Place(f"{address}:{port}").ask("/status.json", **FOREIGN).status == 200


def test_once_listens_nowhere(gatherd, config, place):
    with place.opened():
        result = gatherd.once(Listening.at(config, place))
        assert (result.status, result.document["status"]) == (0, "ok")
        for rounds in ("1", "2"):
            result = gatherd.run("--rounds", rounds, "-o", "-", "-c", "gatherd.yaml")
            assert result.status == 0, result.stderr


# ---- the end ----


def test_it_ends_within_a_second_whatever_its_clients_do(gatherd, upstream, place, slack):
    config = config_of(upstream, {str(number): "/size/20000" for number in range(300)})
    config["defaults"] = {"format": "text"}
    with Listening(gatherd, config, place) as daemon, contextlib.ExitStack() as stack:
        daemon.wait_document(complete)

        def come(data=b"", **keywords):
            client = stack.enter_context(place.connect(**keywords))
            client.send(data)
            return client

        silent = come()
        half = come(b"GET /status.json HT")
        idle = come()
        assert idle.ask("/healthz").status == 200
        follower = stack.enter_context(place.follow())
        follower.next()
        full = [come(request("/status.json"), receive_buffer=4096) for _ in range(10)]
        for client in full:
            client.take(1)
        status, seconds = daemon.stop()
        assert status == 0 and seconds < 1 * slack, daemon.log
        assert silent.has_ended() and half.has_ended() and idle.has_ended()
        # What it was told is whole: it did not lose the connection.
        assert follower.rest().endswith(b"0\r\n\r\n")
        assert not place.is_open()
        assert not place.is_unix or not os.path.lexists(place.address)


def test_what_another_one_has_put_there_stays(gatherd, config, short_folder):  # noqa: F811
    place = unix_place(short_folder)
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        os.unlink(place.address)
        with place.opened():
            assert daemon.stop()[0] == 0
            assert stat.S_ISSOCK(os.stat(place.address).st_mode)


# ---- systemd's sockets ----


def test_all_that_systemd_hands_over_is_listened_at(gatherd, config, short_folder):  # noqa: F811
    places = [tcp_place(), unix_place(short_folder, "mine"), tcp_place()]
    own = tcp_place()
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(place.opened()) for place in places]
        os.chmod(places[1].address, 0o600)
        keywords = handed_over(*sockets)
        daemon = stack.enter_context(Listening(gatherd, config, own, **keywords))
        daemon.place = places[0]
        daemon.wait_log("info listening at 3 sockets of systemd$")
        daemon.first_document()
        for place in places:
            assert is_shown(daemon, place)
        assert places[0].ask("/", **FOREIGN).status == 421
        assert places[1].ask("/", **FOREIGN).status == 200
        # They take the place of the key.
        assert not own.is_open()
        # And whatever a config says later changes nothing of that.
        for listen in (own.listen, tcp_place().listen, None):
            new = {**config, "listen": listen} if listen else config
            assert daemon.reload({**new, "output": {"permissions": "0640"}})
            gather_now(daemon)
            for place in places:
                assert is_shown(daemon, place)
        assert daemon.stop()[0] == 0
        # Its path is systemd's, and so are those who come now.
        assert mode_of(places[1].address) == 0o600
        for place in places:
            assert place.is_open()


def test_systemds_sockets_need_no_key(gatherd, config, place):
    with place.opened() as sock, Listening(gatherd, config, place, **handed_over(sock)) as daemon:
        daemon.gatherd.config(config)
        daemon.wait_log("info listening at 1 socket of systemd$")
        daemon.first_document()
        assert is_shown(daemon)


def test_systemds_sockets_are_public_where_that_is_said(gatherd, config):
    place = tcp_place()
    with place.opened() as sock:
        public = {**config, "listen_public": True}
        with Listening(gatherd, public, place, **handed_over(sock)) as daemon:
            daemon.first_document()
            daemon.shown()
            assert place.ask("/", **FOREIGN).status == 200
            assert daemon.reload(config)
            wait_until(lambda: place.ask("/", **FOREIGN).status == 421)


@pytest.mark.parametrize("what", ["a datagram socket", "a file", "nothing", "no number"])
def test_what_cannot_be_listened_at_is_told(gatherd, config, place, what):
    with contextlib.ExitStack() as stack:
        count = None
        if what == "a file":
            sockets = [stack.enter_context(open(gatherd.folder / "file", "w"))]
        elif what == "a datagram socket":
            sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))]
        else:
            sockets, count = [], {"nothing": 1, "no number": "two"}[what]
        result = gatherd.run(
            "-o", "status.json", config=config, **handed_over(*sockets, count=count)
        )
    assert result.status == 3
    assert " error cannot listen at the sockets of systemd: " in result.stderr


def test_what_is_meant_for_another_process_is_left_alone(gatherd, config, place, other_place):
    with other_place.opened() as sock:
        keywords = handed_over(sock, pid=1)
        with Listening(gatherd, config, place, **keywords) as daemon:
            daemon.first_document()
            assert is_shown(daemon)


def test_who_has_asked_is_answered_to_the_end(gatherd, upstream, place):
    """More than the kernel holds for a client, who reads it only when the end has come."""
    upstream.answers["/big"] = answer(json.dumps({"text": 60000 * "x"}))
    service = {"url": "/big", "extract": {"text": "/text"}}
    config = config_of(upstream, {str(number): service for number in range(20)})
    with Listening(gatherd, config, place) as daemon, contextlib.ExitStack() as stack:
        daemon.wait_document(complete)
        assert is_shown(daemon)
        clients = [stack.enter_context(place.connect()) for _ in range(4)]
        for client in clients:
            client.send(request("/status.json"))
        stack.enter_context(place.follow()).next()  # all of them were let in
        daemon.signal(signal.SIGTERM)
        for client in clients:
            assert client.answer().body == daemon.output.read_bytes()
        assert daemon.process.wait(PATIENCE) == 0


# ---- another config ----


def test_it_moves_and_its_clients_go_on(gatherd, config, place, other_place):
    with Listening(gatherd, config, place) as daemon, contextlib.ExitStack() as stack:
        daemon.first_document()
        client = stack.enter_context(place.connect())
        assert client.ask("/healthz").status == 200
        follower = stack.enter_context(place.follow())
        assert follower.next().generation == 1
        assert daemon.reload(Listening.at(config, other_place))
        wait_until(lambda: not place.is_open())
        assert not place.is_unix or not os.path.lexists(place.address)
        generation = gather_now(daemon)["generation"]
        assert follower.until(generation).data["summary"]["generation"] == generation
        daemon.place = other_place
        assert is_shown(daemon)
        assert client.ask("/status.json").body == daemon.output.read_bytes()
        # And back.
        assert daemon.reload(Listening.at(config, place))
        daemon.place = place
        assert is_shown(daemon)
        wait_until(lambda: not other_place.is_open())


def test_where_another_one_listens_it_does_not_move(gatherd, config, place, other_place):
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        changed = {**config, "services": {"b": config["services"]["a"]}}
        for _ in range(2):
            with other_place.opened():
                assert not daemon.reload(Listening.at(changed, other_place))
            daemon.wait_log(f"error cannot listen at {other_place.listen}: Address already in use")
            if other_place.is_unix:
                os.unlink(other_place.address)
            # All of the old config goes on.
            assert gather_now(daemon)["services"].keys() == {"a"}
            assert is_shown(daemon)
        assert daemon.reload(Listening.at(changed, other_place))
        daemon.wait_document(lambda new: new["services"].keys() == {"b"} and complete(new))
        daemon.place = other_place
        assert is_shown(daemon)


def test_a_refused_config_leaves_no_socket(gatherd, config, short_folder):  # noqa: F811
    place, other = unix_place(short_folder), unix_place(short_folder, "other.sock")
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        before = daemon.descriptors()
        bad = {**config, "output": {"metrics": "no/such/folder/m.prom"}}
        for _ in range(3):
            assert not daemon.reload(Listening.at(bad, other))
            assert not os.path.lexists(other.address)
            assert is_shown(daemon)
        daemon.descriptors_settle(before)


def test_it_can_end_listening_and_begin_again(gatherd, config, place):
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        before = daemon.descriptors()
        for _ in range(3):
            with place.follow() as follower:
                follower.until(daemon.document["generation"])
                assert daemon.reload(config)
                daemon.wait_log("info no longer listening$")
                follower.rest()
            assert not place.is_open()
            assert not place.is_unix or not os.path.lexists(place.address)
            gather_now(daemon)
            assert daemon.reload(Listening.at(config, place))
            # Without a round for it.
            daemon.shown(daemon.document["generation"])
            assert is_shown(daemon)
            assert daemon.ask("/").status == 200
            assert daemon.ask("/metrics").status == 200
        daemon.descriptors_settle(before)


def test_it_can_become_public_and_back_at_the_same_port(gatherd, config):
    place = tcp_place()
    local = Listening.at(config, place)
    with Listening(gatherd, config, place) as daemon, contextlib.ExitStack() as stack:
        daemon.first_document()
        daemon.shown()
        stays = stack.enter_context(place.connect())
        assert stays.ask("/", **FOREIGN).status == 421
        for _ in range(3):
            assert daemon.reload({**local, "listen_public": True})
            wait_until(lambda: place.ask("/", **FOREIGN).status == 200)
            assert daemon.reload(local)
            wait_until(lambda: place.ask("/", **FOREIGN).status == 421)
            assert is_shown(daemon)
        # Who was there before is treated as before.
        assert stays.ask("/", **FOREIGN).status == 421
        assert stays.ask("/").status == 200


def test_all_addresses_instead_of_one_at_the_same_port(gatherd, config):
    """What is bound to one of them stands in the way of all."""
    place = tcp_place()
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        everywhere = Place(f"0.0.0.0:{place.address[1]}")
        taken = daemon.reload({**Listening.at(config, everywhere), "listen_public": True})
        assert not taken and "Address already in use" in daemon.log
        assert is_shown(daemon)


def test_who_may_connect_changes_at_the_same_socket(gatherd, config, short_folder):  # noqa: F811
    place = unix_place(short_folder)
    with Listening(gatherd, config, place) as daemon, contextlib.ExitStack() as stack:
        daemon.first_document()
        stays = stack.enter_context(place.connect())
        inode = os.stat(place.address).st_ino
        for permissions, mode in [("0600", 0o660), ("0644", 0o666), ("0640", 0o660)]:
            changed = {**config, "output": {"permissions": permissions}}
            assert daemon.reload(Listening.at(changed, place))
            wait_until(lambda: mode_of(place.address) == mode)
            assert is_shown(daemon)
            assert stays.ask("/healthz").status == 200
        assert os.stat(place.address).st_ino == inode
        assert daemon.stop()[0] == 0
    assert os.listdir(short_folder) == []


def test_many_reloads_lose_nobody(gatherd, config, place, other_place):
    """Who connects meanwhile, wherever it is, is answered or refused, and never left alone."""
    with Listening(gatherd, config, place) as daemon:
        daemon.first_document()
        assert is_shown(daemon)
        before = daemon.descriptors()
        asked = {200: 0, None: 0}
        for number in range(20):
            new = (other_place, place)[number % 2]
            daemon.gatherd.config(Listening.at(config, new), daemon.config_path.name)
            begin = len(daemon.lines)
            daemon.signal(signal.SIGHUP)
            for each in (place, other_place):
                try:
                    asked[each.ask("/status.json").status] += 1
                except (OSError, AssertionError):
                    asked[None] += 1
            daemon.wait_log("config reloaded", begin=begin, timeout=PATIENCE)
        daemon.place = place
        assert is_shown(daemon)
        assert asked[200] > 5
        daemon.descriptors_settle(before)

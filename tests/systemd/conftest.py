"""A machine with the build installed, and a unit for each test.

GATHERD_BUILD names a build that was configured with --prefix=/usr --sysconfdir=/etc
--localstatedir=/var, without sanitizers.
"""

import os
import pathlib
import subprocess
import sys

import pytest

from machine import Machine, Unit, Unusable, cached_root

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GATHERD_BUILD", TOP / "build")).resolve()
sys.path.append(str(TOP / "tests" / "e2e"))

from upstream import Upstream  # noqa: E402


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The folder of a `make install`."""
    if os.geteuid() != 0:
        pytest.skip("a container, and what is in it, needs root")
    if b"__asan_init" in (BUILD / "gatherd").read_bytes():
        pytest.skip("sanitizers need system calls that the units refuse")
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        ["make", "-s", "-C", BUILD, "install", f"DESTDIR={folder}"],
        check=True,
        stdout=subprocess.DEVNULL,
        # A make that runs these tests is none of this one's business.
        env={k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))},
    )
    if not (folder / "etc/gatherd").is_dir() or not (folder / "usr/sbin").is_dir():
        pytest.fail(
            f"{BUILD} must be configured with --prefix=/usr --sysconfdir=/etc "
            "--localstatedir=/var"
        )
    return folder


@pytest.fixture(scope="session")
def machine(installed):
    try:
        with Machine(cached_root(installed / "usr/sbin/gatherd"), installed) as machine:
            # As the package of a distribution does.
            machine.run("systemd-sysusers", "gatherd.conf")
            yield machine
    except Unusable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def upstream(machine):
    """The services that are gathered: on the machine's loopback, its only network."""
    upstream = Upstream()
    with machine.network():
        upstream.__enter__()
    yield upstream
    upstream.__exit__()


@pytest.fixture
def unit(machine, request):
    """gatherd@NAME.service of this test alone, stopped when that ends."""
    name = request.node.name.removeprefix("test_").replace("_", "-")
    unit = Unit(machine, f"gatherd@{name}")
    yield unit
    unit.systemctl("stop", check=False)

"""Servers at places that a test chooses: an address and port, or a path."""

import socket

import pytest

from conftest import has_ipv6
from helpers_h2 import H2Upstream

needs_ipv6 = pytest.mark.skipif(not has_ipv6, reason="no IPv6 here")


class PlacedUpstream(H2Upstream):
    """An upstream of both versions of HTTP at PLACE, a path, or an (address, port)."""

    def __init__(self, place, **keywords):
        super().__init__(protocols=keywords.pop("protocols", ("http/1.1",)), **keywords)
        self.place = place

    async def _serve(self, listener, started):
        listener.close()
        if isinstance(self.place, tuple):
            family = socket.AF_INET6 if ":" in self.place[0] else socket.AF_INET
            listener = socket.create_server(self.place, family=family)
            self.port = listener.getsockname()[1]
        else:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(self.place))
        await super()._serve(listener, started)


def gather_in_turn(gatherd, services, rounds=2, **keywords):
    """The documents of some rounds in which one is asked after the other, so that each could
    take the connection of the one before."""
    config = {"max_concurrent": 1, "services": services}
    return gatherd.run("--rounds", rounds, "-o", "-", config=config, **keywords).documents

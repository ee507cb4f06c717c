"""An upstream that speaks HTTP/2 (RFC 9113): over TLS to whom agrees on it (RFC 7301), and
in clear text to whom knows it beforehand. What its paths do is as in upstream.py."""

import asyncio
import contextlib

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import pytest

from helpers_tls import TlsUpstream
from upstream import Request

PSEUDO = {":method": "method", ":path": "target"}


class H2Upstream(TlsUpstream):
    """`versions` are those of all connections, `resets` counts streams the client gave up."""

    def __init__(self, *arguments, protocols=("h2", "http/1.1"), max_streams=None, **keywords):
        super().__init__(*arguments, **keywords)
        self.protocols = protocols
        self.max_streams = max_streams
        self.versions = []
        self.resets = 0

    def _tls_context(self):
        if not self.tls:
            return None
        context = super()._tls_context()
        if self.protocols:
            context.set_alpn_protocols(list(self.protocols))
        return context

    async def _connection(self, reader, writer):
        tls = writer.get_extra_info("ssl_object")
        agreed = tls.selected_alpn_protocol() if tls else self.protocols[0]
        self.versions.append("2" if agreed == "h2" else "1.1")
        if agreed != "h2":
            await super()._connection(reader, writer)
            return
        self._note_connection(+1)
        try:
            await Session(self, reader, writer).serve()
        finally:
            writer.close()
            self._note_connection(-1)

    def note_reset(self):
        with self._changed:
            self.resets += 1
            self._changed.notify_all()


class Session:
    """One connection."""

    def __init__(self, upstream, reader, writer):
        self.upstream = upstream
        self.reader = reader
        self.writer = writer
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        self.streams = {}  # identifier -> Stream
        self.moved = asyncio.Event()  # there is room in a window, perhaps

    async def serve(self):
        self.h2.initiate_connection()
        if self.upstream.max_streams:
            code = h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS
            self.h2.update_settings({code: self.upstream.max_streams})
        self.flush()
        try:
            while data := await self.reader.read(65536):
                for event in self.h2.receive_data(data):
                    self.note(event)
                self.flush()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        finally:
            for stream in self.streams.values():
                stream.cancel()

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    def note(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.streams[event.stream_id] = Stream(self, event.stream_id, event.headers)
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.streams[event.stream_id].request.body += event.data
        elif isinstance(event, h2.events.StreamEnded):
            self.streams[event.stream_id].start()
        elif isinstance(event, h2.events.StreamReset):
            self.upstream.note_reset()
            self.streams.pop(event.stream_id).cancel()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            self.moved.set()

    async def send(self, stream_id, data):
        """DATA, as the windows allow it, and the end of the stream."""
        while data:
            room = min(
                self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size
            )
            if room == 0:
                self.moved.clear()
                await self.moved.wait()
                continue
            self.h2.send_data(stream_id, data[:room])
            data = data[room:]
            self.flush()
            await self.writer.drain()
        self.h2.end_stream(stream_id)
        self.flush()


class Stream:
    """A request and its answer, which is written as one of HTTP/1.1 and taken apart here."""

    def __init__(self, session, number, headers):
        fields = {PSEUDO[name]: value for name, value in headers if name in PSEUDO}
        plain = [(name, value) for name, value in headers if name[0] != ":"]
        plain += [("Host", value) for name, value in headers if name == ":authority"]
        self.session = session
        self.number = number
        self.request = Request(headers=plain, **fields)
        self.answer = b""
        self.task = None

    def start(self):
        self.task = asyncio.ensure_future(self.run())

    def cancel(self):
        if self.task:
            self.task.cancel()

    # What an act of the upstream does to its writer.

    def write(self, data):
        self.answer += data

    async def drain(self):
        pass

    async def run(self):
        upstream = self.session.upstream
        number = upstream._note(self.request)
        try:
            # Who would close the connection of HTTP/1.1 breaks off this stream.
            keep = await upstream._act(self.request, number, self.session.reader, self)
            with contextlib.suppress(h2.exceptions.ProtocolError, ConnectionError):
                await self.finish(keep)
        finally:
            upstream._note_end()

    async def finish(self, keep):
        session = self.session
        head, _, body = self.answer.partition(b"\r\n\r\n")
        if head:
            status, *lines = head.decode("latin-1").split("\r\n")
            fields = [(":status", status.split(" ")[1])]
            fields += [(name.lower(), value) for name, value in (x.split(": ", 1) for x in lines)]
            session.h2.send_headers(self.number, fields)
        if self.request.method == "HEAD":
            body = b""
        if keep:
            await session.send(self.number, body)
            return
        session.h2.reset_stream(self.number, h2.errors.ErrorCodes.INTERNAL_ERROR)
        session.flush()


@pytest.fixture
def h2_upstream(identity):
    """Over TLS."""
    with H2Upstream(tls=identity) as upstream:
        yield upstream

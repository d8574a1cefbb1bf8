"""Scenarios of callers who break off, dawdle, or send what they should not."""

import gzip
import resource
import socket
import struct
import threading
import time

import http2
from harness import (Check, MB, at_least, at_most, equal, ratio, same_bits,
                     wait_until)

LONG = [["word%d" % i for i in range(512)]] * 8  # 4096 tokens, the limit.
SHORT = http2.embed_request([["a", "few", "words"]], mean=True)
# Whom a server shuts out must not be everybody.
FLOOD_ADDRESS = "127.0.0.2"
RESOURCE_EXHAUSTED, UNIMPLEMENTED, INVALID_ARGUMENT = 8, 12, 3


def slow_readers(context):
    """Callers who ask for the largest answers and never read them."""
    quick = context.settings.quick
    count, hold = (4, 2) if quick else (16, 40)
    request = http2.embed_request(LONG, layers=True)
    with context.server() as server:
        capacity = context.measure_capacity(server)
        before = server.rss_mb()
        one = http2.Connection(server.connect(), window=0)
        one.sock.sendall(http2.call(1, request))
        time.sleep(1.5)
        per_connection = server.rss_mb() - before
        others = []
        for _ in range(count - 1):
            slow = http2.Connection(server.connect(), window=0)
            slow.sock.sendall(http2.call(1, request))
            others.append(slow)
        time.sleep(2)
        total = server.peak_rss_mb() - before
        checks = context.calm_line(server, "p99 of others beside them")
        checks.append(at_least("capacity beside them / before",
                               ratio(context.measure_capacity(server),
                                     capacity), 0.9))
        if not quick:
            time.sleep(hold - 5)
            left = sum(_still_open(slow, 1) for slow in others)
            checks.append(equal("their calls left after 30 s", left, 0))
        for slow in [one, *others]:
            slow.close()
        checks += _recovers(context, server, capacity)
    return [at_most("memory of one", per_connection, 64, " MB"),
            at_most(f"memory of {count}", total, 512, " MB"), *checks]


def _still_open(connection, stream):
    """Whether the server has neither ended the stream nor the connection."""
    connection.sock.settimeout(0.2)
    while (got := connection.read_frame()) is not None:
        kind, flags, of, _ = got
        ended = kind == http2.RST_STREAM or (
            kind == http2.HEADERS and flags & http2.END_STREAM)
        if (of == stream and ended) or kind == http2.GOAWAY:
            return False
    try:  # A timeout, or the end of the connection?
        return connection.sock.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def slow_writers(context):
    """Callers who send their request a byte a second, or never finish it."""
    count, seconds = (50, 2) if context.settings.quick else (500, 10)
    whole = http2.call(1, SHORT)
    with context.server() as server:
        capacity = context.measure_capacity(server)
        before = server.rss_mb()
        writers = [http2.Connection(server.connect()) for _ in range(count)]
        for writer in writers:
            writer.sock.setblocking(False)
        stop = threading.Event()

        def dribble():
            for at in range(len(whole) - 1):
                for writer in writers:
                    try:
                        writer.sock.send(whole[at:at + 1])
                    except OSError:
                        pass  # The server may have had enough.
                    # Each once a second, not all at the same moment.
                    if stop.wait(1 / count):
                        return

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            checks = context.calm_line(server, "p99 of others beside them",
                                       seconds=seconds)
            growth = server.rss_mb() - before
        finally:
            stop.set()
            thread.join()
        for writer in writers:
            writer.close()
        checks += _recovers(context, server, capacity)
    return [at_most(f"memory of {count}", growth, 64, " MB"), *checks]


def vanishing_clients(context):
    """Connections reset with calls under way, and clients killed."""
    rounds = 3 if context.settings.quick else 30
    with context.server() as server:
        capacity = context.measure_capacity(server)
        before, fds = server.rss_mb(), server.fds()
        request = http2.embed_request(LONG[:2], layers=True)
        for _ in range(rounds):
            load = context.load(server, "--capacity", "--duration", 60,
                                "--verify-share", 0)
            for _ in range(20):
                connection = http2.Connection(server.connect())
                connection.sock.sendall(http2.call(1, request))
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                           struct.pack("ii", 1, 0))  # RST.
                connection.close()
            time.sleep(0.1)
            load.kill()
        released = wait_until(lambda: server.fds() <= fds + 2, 10)
        checks = _recovers(context, server, capacity)
        growth = server.rss_mb() - before
    return [equal("connections released", released, True),
            at_most("memory", growth, 64, " MB"), *checks]


class _Flood:
    """Threads that write as fast as the server takes it."""

    def __init__(self, server, connections, blocks):
        self.sent = 0
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._write,
                                         args=(server, blocks), daemon=True)
                        for _ in range(connections)]
        for thread in self.threads:
            thread.start()

    def _write(self, server, blocks):
        while not self.stop.is_set():
            try:
                with server.connect(1, FLOOD_ADDRESS) as sock:
                    self._fill(sock, blocks)
            except OSError:
                # Closed by the server, as it may, or not open yet; once more.
                self.stop.wait(0.01)

    def _fill(self, sock, blocks):
        sock.sendall(http2.PREFACE + http2.settings())
        for block, units in blocks():
            if self.stop.is_set():
                return
            sock.sendall(block)
            self.sent += units
            _drop_input(sock)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(timeout=10)


def _drop_input(sock):
    sock.setblocking(False)
    try:
        while sock.recv(1 << 16):
            pass
    except BlockingIOError:
        pass
    finally:
        sock.settimeout(1)


def _reset_blocks():
    """Whole calls, each reset at once; 200 a block, until the stream numbers
    of a connection are used up."""
    headers = http2.request_headers()
    body = http2.message(SHORT)
    cancel = struct.pack(">I", 8)
    for first in range(1, 1 << 22, 400):
        parts = []
        for stream in range(first, first + 400, 2):
            parts += [http2.frame(http2.HEADERS, http2.END_HEADERS, stream,
                                  headers),
                      http2.frame(http2.DATA, http2.END_STREAM, stream, body),
                      http2.frame(http2.RST_STREAM, 0, stream, cancel)]
        yield b"".join(parts), 200


def _frames_block(block, units):
    def blocks():
        while True:
            yield block, units
    return blocks


def _flooded(context, blocks, connections=4, times_calm=None):
    """Good callers beside a flood of frames. Their slowest must be within the
    deadline, or within `times_calm` what it is without the flood: a server CPU
    that reads a flood until it is shut out has less left for them."""
    # A server that takes all it is given must not take the machine with it.
    limits = {resource.RLIMIT_AS: 4096 * MB}
    with context.server(limits=limits, metrics=True) as server:
        capacity = context.measure_capacity(server)
        before = server.rss_mb()
        flood = _Flood(server, connections, blocks)
        began = time.monotonic()
        try:
            limit = (times_calm or context.deadline * 1000 /
                     context.calm["answered"]["p99_ms"])
            checks = context.calm_line(server, "p99 of others", limit,
                                       seconds=context.settings.seconds)
        except RuntimeError as error:  # They could not even connect.
            checks = [Check("others", str(error)[:60], "are answered", False)]
        else:
            asked = time.monotonic()
            answered = _answers(server, FLOOD_ADDRESS, patience=10)
            checks += [equal("others at the flood's address answered",
                             answered, True),
                       at_most("after", time.monotonic() - asked, 3, " s")]
        finally:
            flood.end()
        rate = flood.sent / (time.monotonic() - began)
        closed = server.metric("elmo_connections_closed_for_abuse_total")
        alive = server.is_alive()
        growth = server.peak_rss_mb() - before if alive else float("inf")
        checks += _recovers(context, server, capacity)
    return [Check("sent a second", f"{rate:.0f}", "told", rate > 0),
            Check("connections closed for it", f"{closed:.0f}", "told", True),
            at_most("memory", growth, 64, " MB"), *checks]


def rapid_reset(context):
    """Ten connections that begin calls and reset them at once."""
    return _flooded(context, _reset_blocks, connections=10, times_calm=2)


def frame_floods(context):
    """SETTINGS and PING frames, as many as the server takes."""
    settings = http2.settings([(http2.INITIAL_WINDOW_SIZE, 65535)]) * 500
    ping = http2.frame(http2.PING, 0, 0, b"12345678") * 500
    return [Check(f"{name}: {check.what}", check.measured, check.line, check.ok)
            for name, block in (("SETTINGS", settings), ("PING", ping))
            for check in _flooded(context, _frames_block(block, 500))]


def _first(head, blocks):
    """The same with something before it."""
    def all_blocks():
        yield head, 1
        yield from blocks()
    return all_blocks


def header_floods(context):
    """Headers without end, headers that unpack to a thousand times their
    size, and numbers of any length."""
    begun = http2.frame(http2.HEADERS, 0, 1, http2.request_headers())
    more = http2.frame(http2.CONTINUATION, 0, 1,
                       b"".join(http2.literal(f"x{i}", "y" * 100)
                                for i in range(100)))
    # 3.8 KB go into the table, and are named again with one byte each.
    known = (b"\x40" + bytes([1]) + b"x" + bytes([127]) +
             http2.varint(3800 - 127) + b"y" * 3800)

    def bombs():
        for stream in range(3, 1 << 30, 2):
            block = http2.request_headers() + b"\xbe" * 16000
            yield http2.frame(http2.HEADERS, http2.END_HEADERS |
                              http2.END_STREAM, stream, block), 1

    def endless():
        yield http2.frame(http2.HEADERS, 0, 3, b"\x7f" + b"\x80" * 16000), 1
        while True:
            yield http2.frame(http2.CONTINUATION, 0, 3, b"\x80" * 16000), 1

    bomb = http2.frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, 1,
                       http2.request_headers() + known)
    return [Check(f"{name}: {check.what}", check.measured, check.line, check.ok)
            for name, blocks in (
                ("CONTINUATION", _first(begun, _frames_block(more, 1))),
                ("HPACK bomb", _first(bomb, bombs)),
                ("endless number", endless))
            for check in _flooded(context, blocks)]


def window_floods(context):
    """Windows that overflow, open and shut without end, and priorities."""
    call = http2.frame(http2.HEADERS, http2.END_HEADERS, 1,
                       http2.request_headers())
    updates = http2.window_update(0, 1) * 500
    churn = b"".join(
        http2.settings([(http2.INITIAL_WINDOW_SIZE, size)])
        for size in (0, 65535)) * 250
    priorities = b"".join(
        http2.frame(http2.PRIORITY, 0, stream,
                    struct.pack(">IB", stream - 2 if stream > 2 else 0, 255))
        for stream in range(1, 1001, 2))

    def overflow():
        yield call + http2.window_update(0, (1 << 31) - 1) * 2, 1
        yield http2.window_update(1, (1 << 31) - 1) * 2, 1
        yield from _frames_block(http2.window_update(1, 0), 1)()

    return [Check(f"{name}: {check.what}", check.measured, check.line, check.ok)
            for name, blocks in (
                ("overflow", overflow),
                ("WINDOW_UPDATE", _frames_block(updates, 500)),
                ("windows", _first(call, _frames_block(churn, 500))),
                ("PRIORITY", _frames_block(priorities, 500)))
            for check in _flooded(context, blocks)]


def oversized(context):
    """Messages over the limits, compressed ones, and lies about lengths."""
    bomb = gzip.compress(b"\0" * (100 * MB), 9)
    compressed = (("grpc-encoding", "gzip"),)
    words = ["w"] * 513
    with context.server() as server:
        capacity = context.measure_capacity(server)

        def status(payload, **options):
            connection = http2.Connection(server.connect())
            try:
                return connection.unary(1, payload, **options)
            finally:
                connection.close()

        def embed(sentences):
            return status(http2.embed_request(sentences, mean=True))

        embed([words[:512]] * 8)  # Memory as after the largest request.
        before = server.rss_mb()
        padding = 4 * MB - len(SHORT) - 5  # Of an unknown field.
        at_limit = SHORT + http2.proto_bytes(1000, b"x" * (padding - 1))
        checks = [
            equal("512 tokens a sentence", embed([words[:512]]), 0),
            equal("513", embed([words]), INVALID_ARGUMENT),
            equal("4096 tokens a request", embed([words[:512]] * 8), 0),
            equal("4097", embed([words[:512]] * 8 + [["w"]]), INVALID_ARGUMENT),
            equal("64 sentences", embed([["w"]] * 64), 0),
            equal("65", embed([["w"]] * 65), INVALID_ARGUMENT),
            equal("one byte over 4 MiB",
                  status(at_limit + b"x" * (4 * MB + 1 - len(at_limit))),
                  RESOURCE_EXHAUSTED),
            # gRPC takes in a message whole before it looks at its size; what
            # all of them may take is --max-buffer-bytes. The guard closes what
            # sends more than four times the limit within one call.
            equal("15 MiB", status(b"x" * (15 * MB)), RESOURCE_EXHAUSTED),
            equal("gzip bomb, 1000:1",
                  status(bomb, compressed=True, extra=compressed),
                  UNIMPLEMENTED),
        ]
        liars = []
        for _ in range(50):  # 4 GB are announced, a little is sent.
            liar = http2.Connection(server.connect())
            liar.sock.sendall(
                http2.frame(http2.HEADERS, http2.END_HEADERS, 1,
                            http2.request_headers()) +
                http2.frame(http2.DATA, 0, 1,
                            struct.pack(">BI", 0, 0xffffffff) + b"x" * 1000))
            liars.append(liar)
        time.sleep(0.3)
        growth = server.peak_rss_mb() - before
        for liar in liars:
            liar.close()
        checks += _recovers(context, server, capacity)
    return [*checks, at_most("memory", growth, 64, " MB")]


def idle_connections(context):
    """Thousands of connections that say nothing, then more than there are file
    descriptors."""
    count = 300 if context.settings.quick else 3000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    with context.server() as server:
        capacity = context.measure_capacity(server)
        before = server.rss_mb()
        idle = [http2.Connection(server.connect()) for _ in range(count)]
        checks = context.calm_line(server, f"p99 beside {count}")
        checks.append(at_most("memory of one",
                              (server.rss_mb() - before) * 1024 / count, 64,
                              " KB"))
        for connection in idle:
            connection.close()
        checks += _recovers(context, server, capacity)
    with context.server(limits={resource.RLIMIT_NOFILE: 256}) as server:
        idle = []
        for _ in range(400):
            try:
                idle.append(http2.Connection(server.connect(timeout=0.2)))
            except OSError:
                break
        for connection in idle:
            connection.close()
        began = time.monotonic()
        answered = wait_until(lambda: _answers(server), 5)
        checks.append(equal("answers after the files ran out", answered, True))
        checks.append(at_most("after so long", time.monotonic() - began, 1,
                              " s"))
    return checks


def _answers(server, source="127.0.0.1", patience=1):
    try:
        connection = http2.Connection(server.connect(patience, source))
        status = connection.unary(1, SHORT)
        connection.close()
        return status == 0
    except OSError:
        return False


def _recovers(context, server, capacity):
    """The server lives, and can do as much as before."""
    if not server.is_alive():
        return [Check("the server", f"ended: {server.process.returncode}",
                      "lives", False)]
    if context.settings.quick:  # Where the machine may be busy.
        result = context.bench(server, "--rate", 50, "--requests", 50,
                               "--distinct", 20, "--verify-share", 1)
        return [equal("answered afterwards", result["outcomes"]["ok"], 50),
                same_bits(result)]
    try:
        now = context.measure_capacity(server)
    except RuntimeError as error:
        return [Check("the server afterwards", str(error)[:60], "answers",
                      False)]
    return [at_least("capacity afterwards / before", ratio(now, capacity),
                     0.9)]


SCENARIOS = [slow_readers, slow_writers, vanishing_clients, rapid_reset,
             frame_floods, header_floods, window_floods, oversized,
             idle_connections]

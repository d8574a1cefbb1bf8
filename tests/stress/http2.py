"""HTTP/2 frames by hand, to say what no well-behaved library would say, and
the few protobuf fields that a request needs. Responses are read with Debian's
python3-hpack."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING = 0, 1, 2, 3, 4, 6
GOAWAY, WINDOW_UPDATE, CONTINUATION = 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4
EMBED = "/elmo.v1.EmbeddingService/Embed"


def frame(kind, flags, stream, payload=b""):
    return (struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) +
            struct.pack(">I", stream) + payload)


def literal(name, value):
    """A header field without index and without Huffman code."""
    name, value = name.encode(), value.encode()
    assert len(name) < 127 and len(value) < 127
    return (b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value)


def request_headers(path=EMBED, extra=(), scheme="http"):
    fields = [(":method", "POST"), (":scheme", scheme), (":path", path),
              (":authority", "localhost"), ("te", "trailers"),
              ("content-type", "application/grpc"), *extra]
    return b"".join(literal(name, value) for name, value in fields)


def window_update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def settings(values=()):
    payload = b"".join(struct.pack(">HI", key, value) for key, value in values)
    return frame(SETTINGS, 0, 0, payload)


def message(payload, compressed=False):
    """A gRPC message."""
    return struct.pack(">BI", int(compressed), len(payload)) + payload


def call(stream, payload, path=EMBED, extra=(), compressed=False,
         scheme="http"):
    """One whole unary call; the message in frames of at most 16 KiB."""
    parts = [frame(HEADERS, END_HEADERS, stream,
                   request_headers(path, extra, scheme))]
    body = message(payload, compressed)
    for begin in range(0, len(body), 16384):
        last = begin + 16384 >= len(body)
        parts.append(frame(DATA, END_STREAM if last else 0, stream,
                           body[begin:begin + 16384]))
    return b"".join(parts)


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def proto_bytes(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def embed_request(sentences, layers=False, mean=False):
    """An EmbedRequest of sentences of tokens; all layers, or their average."""
    body = b""
    for sentence in sentences:
        tokens = b"".join(proto_bytes(2, token.encode()) for token in sentence)
        body += proto_bytes(2, tokens)
    output = proto_bytes(1, b"") if layers else b""
    if mean:
        output += varint(3 << 3) + varint(1)
    return body + proto_bytes(3, output)


def proto_fields(payload):
    """(number, bytes or integer) of every field of a message."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = payload[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(payload):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or number()
        yield key >> 3, payload[at:at + size]
        at += size


class Connection:
    """Frames over a socket, both ways. For one thread."""

    def __init__(self, sock, window=None):
        import hpack
        self.sock = sock
        self.decoder = hpack.Decoder()
        self.buffer = b""
        self.body = bytearray()  # What the last unary call was answered.
        self.send_window = 65535
        self.initial_window = 65535
        self.stream_window = 65535
        window_size = (1 << 31) - 1 if window is None else window
        sock.sendall(PREFACE + settings([(INITIAL_WINDOW_SIZE, window_size)]))
        if window is None:  # Let answers come as they like.
            sock.sendall(frame(WINDOW_UPDATE, 0, 0,
                               struct.pack(">I", (1 << 31) - 65536)))

    def close(self):
        self.sock.close()

    def read_frame(self):
        """(kind, flags, stream, payload); None where the server closed."""
        while True:
            if len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + length:
                    head = self.buffer[:9]
                    payload = self.buffer[9:9 + length]
                    self.buffer = self.buffer[9 + length:]
                    stream = int.from_bytes(head[5:9], "big") & 0x7fffffff
                    try:
                        self._react(head[3], head[4], stream, payload)
                    except OSError:
                        pass  # Nobody reads the answer; the frame was read.
                    return head[3], head[4], stream, payload
            try:
                more = self.sock.recv(1 << 16)
            except OSError:  # Closed, or silent for too long.
                return None
            if not more:
                return None
            self.buffer += more

    def _react(self, kind, flags, stream, payload):
        if kind == DATA:
            self.body += payload
        elif kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                key, value = struct.unpack(">HI", payload[at:at + 6])
                if key == INITIAL_WINDOW_SIZE:
                    self.stream_window += value - self.initial_window
                    self.initial_window = value
            self.sock.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.sock.sendall(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            size = int.from_bytes(payload, "big")
            if stream == 0:
                self.send_window += size
            else:  # Of the one call there is.
                self.stream_window += size

    def grpc_status(self, stream):
        """The call's grpc-status; "reset" or "closed" where there is none."""
        while (got := self.read_frame()) is not None:
            kind, flags, of, payload = got
            if kind == HEADERS:
                headers = dict(self.decoder.decode(payload))
                if of == stream and "grpc-status" in headers:
                    return int(headers["grpc-status"])
            elif kind == RST_STREAM and of == stream:
                return "reset"
            elif kind == GOAWAY:
                return "closed"
        return "closed"

    def unary(self, stream, payload, **options):
        """Sends a call by the rules of flow control and awaits its status."""
        whole = call(stream, payload, **options)
        self.stream_window = self.initial_window
        self.body.clear()
        at = 0
        while at < len(whole):
            length = 9 + int.from_bytes(whole[at:at + 3], "big")
            is_data = whole[at + 3] == DATA
            size = length - 9 if is_data else 0
            while size > min(self.send_window, self.stream_window):
                got = self.read_frame()
                if got is None:
                    return "closed"
                if got[0] == RST_STREAM:
                    return "reset"
                if got[0] == HEADERS:
                    headers = dict(self.decoder.decode(got[3]))
                    if "grpc-status" in headers:
                        return int(headers["grpc-status"])
            try:
                self.sock.sendall(whole[at:at + length])
            except ConnectionError:
                return "closed"
            self.send_window -= size
            self.stream_window -= size
            at += length
        return self.grpc_status(stream)

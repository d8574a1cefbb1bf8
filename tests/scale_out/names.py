"""A name server for one name, as a headless Service has: it answers with the
addresses that are ready at the time."""

import socket
import struct
import threading

A, IN = 1, 1
TTL = 1  # Seconds.


class Names:
    """Answers on UDP `address`, port 53, from a thread of its own."""

    def __init__(self, address):
        self._addresses = []
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def set(self, addresses):
        self._addresses = list(addresses)

    def _serve(self):
        while True:
            query, sender = self._socket.recvfrom(512)
            self._socket.sendto(self._answer(query), sender)

    def _answer(self, query):
        number, end = query[:2], 12
        while query[end]:  # The name, label by label.
            end += query[end] + 1
        end += 5  # Its end, type and class.
        kind, = struct.unpack(">H", query[end - 4:end - 2])
        found = self._addresses if kind == A else []
        self.asked += kind == A
        # An answer with authority, without error; the name is the question's.
        header = number + struct.pack(">HHHHH", 0x8580, 1, len(found), 0, 0)
        records = b"".join(
            struct.pack(">HHHIH", 0xc00c, A, IN, TTL, 4) +
            socket.inet_aton(address) for address in found)
        return header + query[12:end] + records

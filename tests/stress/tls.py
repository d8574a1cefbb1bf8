"""The scenario of certificates that change under load. elmo-client speaks no
TLS, so the callers here are Python's ssl and the frames of http2.py."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import http2
from harness import at_most, equal, wait_until

REQUEST = http2.embed_request([["a", "few", "words"]], mean=True)
NAME = "localhost"
CALLS = 10  # Of every caller, between one step and the next.
PATIENCE = 30  # Seconds for a step, also on a busy machine.


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True,
                          text=True, timeout=PATIENCE)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.strip()}")


class Authority:
    """An authority of our own; issue() makes certificates of it."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self.certificate = directory / "ca.crt"
        self.key = directory / "ca.key"
        _openssl("req", "-x509", *self._new_key(self.key), "-days", "2",
                 "-subj", "/CN=stress", "-out", self.certificate)

    @staticmethod
    def _new_key(path):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", path)

    def issue(self, name, usage):
        """(certificate, key): files for NAME; usage: serverAuth, clientAuth."""
        certificate, key, request, extensions = (
            self.directory / f"{name}.{end}"
            for end in ("crt", "key", "csr", "ext"))
        extensions.write_text(
            f"subjectAltName=DNS:{NAME}\nextendedKeyUsage={usage}\n")
        _openssl("req", "-new", *self._new_key(key), "-subj", f"/CN={name}",
                 "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate,
                 "-CAkey", self.key, "-CAcreateserial", "-days", "1",
                 "-extfile", extensions, "-out", certificate)
        return certificate, key


class MountedSecret:
    """tls.crt and tls.key as Kubernetes mounts them: links through the link
    ..data, which alone is replaced, so that both change at one moment."""

    def __init__(self, directory):
        self.directory = directory
        self.versions = 0
        directory.mkdir()
        for name in ("tls.crt", "tls.key"):
            (directory / name).symlink_to(f"..data/{name}")
        self.certificate = directory / "tls.crt"
        self.key = directory / "tls.key"

    def put(self, certificate, key):
        self.versions += 1
        version = self.directory / f"..version{self.versions}"
        version.mkdir()
        shutil.copy(certificate, version / "tls.crt")
        shutil.copy(key, version / "tls.key")
        link = self.directory / "..data_tmp"
        link.symlink_to(version.name)
        os.replace(link, self.directory / "..data")


def _der(certificate):
    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


def _connect(port, context):
    """(connection, certificate of the server in DER)."""
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
    try:
        sock = context.wrap_socket(plain, server_hostname=NAME)
    except BaseException:
        plain.close()
        raise
    if sock.selected_alpn_protocol() != "h2":
        sock.close()
        raise RuntimeError("the server does not speak HTTP/2 over TLS")
    return http2.Connection(sock), sock.getpeercert(binary_form=True)


class Caller(threading.Thread):
    """Calls one after the other, over one connection or a new one each."""

    def __init__(self, port, context, keeps, answer=None):
        super().__init__(daemon=True)
        self.port, self.context, self.keeps = port, context, keeps
        self.answer = answer  # What every call must bring; None: the first.
        self.calls = self.wrong = 0
        self.handshakes = []  # (when it began, the server's certificate)
        self.failures = []
        self.stop = threading.Event()

    def run(self):
        connection, stream = None, 1
        while not self.stop.is_set():
            try:
                if connection is None:
                    began = time.monotonic()
                    connection, certificate = _connect(self.port, self.context)
                    self.handshakes.append((began, certificate))
                    stream = 1
                status = connection.unary(stream, REQUEST, scheme="https")
                if status != 0:
                    raise RuntimeError(f"call: {status}")
                self._compare(connection.body)
                self.calls += 1
                stream += 2
            except (OSError, RuntimeError) as error:
                self.failures.append(str(error))
                self.stop.wait(0.1)
            if connection and not (self.keeps and not self.failures):
                connection.close()
                connection = None
        if connection:
            connection.close()

    def _compare(self, body):
        # Past the five bytes before the message; timings differ every time.
        vectors = [value for number, value in http2.proto_fields(bytes(body[5:]))
                   if number == 1]
        self.answer = self.answer or vectors
        self.wrong += vectors != self.answer or not vectors


def _all_go_on(callers):
    """Whether every caller is answered some more times."""
    goals = [(caller, caller.calls + CALLS) for caller in callers]
    return wait_until(lambda: all(caller.calls >= goal
                                  for caller, goal in goals), PATIENCE)


def _await_certificate(server, context, der):
    """Seconds until a new connection sees the certificate; too many if none
    does."""
    began = time.monotonic()

    def seen():
        try:
            connection, certificate = _connect(server.port, context)
        except (OSError, RuntimeError):
            return False  # The callers tell of it.
        connection.close()
        return certificate == der

    wait_until(seen, PATIENCE)
    return time.monotonic() - began


def _handshakes(callers, since):
    return {der for caller in callers for began, der in list(caller.handshakes)
            if began >= since}


def _swaps(context, server, secret, pairs, tls, callers):
    """The steps, with the callers at work."""
    first, second, third = pairs
    checks = [equal("callers at work", _all_go_on(callers), True)]

    secret.put(second[0], first[1])
    server.signal(signal.SIGHUP)
    noticed = wait_until(
        lambda: server.metric("elmo_tls_reload_failures_total") >= 1, PATIENCE)
    checks += [equal("mismatched pair: counted as a failure", noticed, True),
               equal("callers go on", _all_go_on(callers), True),
               equal("new connections still get the first",
                     _handshakes(callers, 0) == {_der(first[0])}, True)]

    steps = [("good pair, SIGHUP", second, True, 5)]
    if not context.settings.quick:  # It takes ten seconds.
        steps.append(("good pair, no signal", third, False, 15))
    for what, pair, hang_up, limit in steps:
        secret.put(*pair)
        if hang_up:
            server.signal(signal.SIGHUP)
        seconds = _await_certificate(server, tls, _der(pair[0]))
        since = time.monotonic()
        checks += [at_most(f"{what}: seen after", seconds, limit, " s"),
                   equal("callers go on", _all_go_on(callers), True),
                   equal("new connections get it, and no other",
                         _handshakes(callers, since) == {_der(pair[0])}, True)]
    checks.append(equal("pairs taken", server.metric("elmo_tls_reloads_total"),
                        len(steps)))
    return checks


def certificate_swap(context):
    """See fault_scenarios."""
    directory = context.settings.directory
    authority = Authority(directory / f"authority.{time.monotonic_ns()}")
    pairs = [authority.issue(name, "serverAuth")
             for name in ("first", "second", "third")]
    tls = ssl.create_default_context(cafile=str(authority.certificate))
    tls.load_cert_chain(*authority.issue("caller", "clientAuth"))
    tls.set_alpn_protocols(["h2"])
    secret = MountedSecret(directory / f"secret.{time.monotonic_ns()}")
    secret.put(*pairs[0])
    with context.server("--tls-cert", secret.certificate, "--tls-key",
                        secret.key, "--tls-client-ca", authority.certificate,
                        metrics=True) as server:
        first = Caller(server.port, tls, keeps=True)
        callers = [first]
        first.start()
        try:
            alone = wait_until(lambda: first.calls > 0, PATIENCE)
            for keeps in (True, True, True, False, False, False, False):
                callers.append(Caller(server.port, tls, keeps, first.answer))
                callers[-1].start()
            checks = _swaps(context, server, secret, pairs, tls, callers)
        finally:
            for caller in callers:
                caller.stop.set()
            for caller in callers:
                caller.join(PATIENCE)
        lives = server.is_alive()
    failures = [text for caller in callers for text in caller.failures]
    kept = sum(len(caller.handshakes) for caller in callers if caller.keeps)
    return [
        equal("answered alone", alone, True),
        *checks,
        equal("connections of the 4 who keep theirs", kept, 4),
        equal("failed handshakes and calls",
              f"{len(failures)}: {failures[0][:60]}" if failures else 0, 0),
        equal("wrong bits", sum(caller.wrong for caller in callers), 0),
        equal("lives", lives, True),
    ]

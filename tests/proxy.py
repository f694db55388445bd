"""A proxy before a server, through which tests let the server say what it would not say otherwise."""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

from tests.servers import Server

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


class Proxy:
    """Passes connections on to a server, on a port of its own. Each one may first be answered by the test itself.

    :param answer: gets the number of the connection (from 1), and returns what to send instead of passing it on, or
        None to pass it on.
    :param rewrite: changes what the server sends, keeping its length.
    :param rewrite_back: changes what the client sends, keeping its length.
    """

    def __init__(
        self,
        server: Server,
        answer: Callable[[int], bytes | None] = lambda number: None,
        rewrite: Callable[[bytes], bytes] = lambda data: data,
        rewrite_back: Callable[[bytes], bytes] = lambda data: data,
    ) -> None:
        self._server = server
        self._answer = answer
        self._rewrite = rewrite
        self._rewrite_back = rewrite_back
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self._listener.getsockname()[1])
        self.connections = 0
        self._passes = threading.Event()
        self._passes.set()
        self._refuses = False
        self._ends: set[socket.socket] = set()

    def cut(self) -> None:
        """Lets nothing through any more, as a cut network does: neither end hears of it, and what is sent, waits."""
        self._passes.clear()

    def mend(self) -> None:
        """Lets all through again, what has waited first."""
        self._passes.set()

    def reset(self) -> None:
        """Ends all connections, and refuses new ones until ``accept_again``."""
        self._refuses = True
        for end in list(self._ends):
            # Both directions: the other end hears of it at once.
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept_again(self) -> None:
        self._refuses = False

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Answers no more, as a host whose server is gone."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.mend()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            if self._refuses:
                client.close()
                continue
            self.connections += 1
            answer = self._answer(self.connections)
            target, arguments = (self._refuse, (client, answer)) if answer else (self._pass_on, (client,))
            threading.Thread(target=target, args=arguments, daemon=True).start()

    @staticmethod
    def _refuse(client: socket.socket, answer: bytes) -> None:
        with client:
            while True:
                length, code = struct.unpack("!ii", client.recv(8, socket.MSG_WAITALL))
                client.recv(length - 8, socket.MSG_WAITALL)
                if code not in (SSL_REQUEST, GSS_REQUEST):
                    break
                client.sendall(b"N")
            client.sendall(answer)

    def _pass_on(self, client: socket.socket) -> None:
        self._passes.wait()
        try:
            upstream = socket.create_connection(("127.0.0.1", self._server.port))
        except OSError:
            client.close()
            return
        self._ends |= {client, upstream}
        back = threading.Thread(target=self._pump, args=(upstream, client, self._rewrite), daemon=True)
        back.start()
        self._pump(client, upstream, self._rewrite_back)
        back.join()
        self._ends -= {client, upstream}
        client.close()
        upstream.close()

    def _pump(self, source: socket.socket, sink: socket.socket, change: Callable[[bytes], bytes]) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._passes.wait()
                sink.sendall(change(data))
        # Also where the source was killed, so that the other end hears of it.
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def error_response(sqlstate: str, message: str) -> bytes:
    """The server's ErrorResponse, severity FATAL, as PostgreSQL's frontend/backend protocol 3 has it."""
    fields = b"".join(
        code + text.encode() + b"\0" for code, text in ((b"S", "FATAL"), (b"C", sqlstate), (b"M", message))
    )
    return b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0"

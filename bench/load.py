"""A cheap HTTP/1.1 client: keep-alive connections, requests encoded beforehand, one thread."""

from __future__ import annotations

import gc
import select
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

HOST = "127.0.0.1"
TIMEOUT_S = 30.0


class UnexpectedAnswer(RuntimeError):
    """The server answered something else than the measurement is about."""


@dataclass(frozen=True)
class Timing:
    """What a run of requests took."""

    seconds: float
    latencies_ms: Sequence[float]

    @property
    def per_s(self) -> float:
        return len(self.latencies_ms) / self.seconds

    @property
    def p50_ms(self) -> float:
        return median(self.latencies_ms)

    @property
    def p99_ms(self) -> float:
        return quantiles(self.latencies_ms, n=100)[98]


def encode(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def send_all(
    port: int, requests: Sequence[bytes], *, connections: int = 8, status: int = 200
) -> Timing:
    """Send every request over so many connections at once; each must be answered with `status`."""
    left = iter(requests)
    latencies: list[float] = []
    lanes = [_Lane(_connect(port), b"HTTP/1.1 %d " % status) for _ in range(connections)]
    gc.collect()
    gc.disable()
    began = time.perf_counter()
    try:
        _drive(lanes, left, latencies)
        return Timing(time.perf_counter() - began, latencies)
    finally:
        gc.enable()
        for lane in lanes:
            lane.socket.close()


@dataclass
class _Lane:
    """One connection: the request it waits for and what has come of the answer."""

    socket: socket.socket
    status_line: bytes
    sent_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    length: int = 0
    """Of the whole answer; 0 while its head is not complete."""

    def send(self, request: bytes) -> None:
        self.received.clear()
        self.length = 0
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Whether the answer is complete."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise UnexpectedAnswer("The server closed the connection.")
        self.received += chunk
        if not self.length:
            self.length = _answer_length(self.received)
        if not self.length or len(self.received) < self.length:
            return False
        if not self.received.startswith(self.status_line):
            raise UnexpectedAnswer(self.received.decode(errors="replace"))
        return True


def _drive(lanes: Sequence[_Lane], left: Iterator[bytes], latencies: list[float]) -> None:
    by_number = {lane.socket.fileno(): lane for lane in lanes}
    with select.epoll() as poll:
        waiting = 0
        for number, lane in by_number.items():
            if (request := next(left, None)) is not None:
                poll.register(number, select.EPOLLIN)
                lane.send(request)
                waiting += 1
        while waiting:
            events = poll.poll(TIMEOUT_S)
            if not events:
                raise UnexpectedAnswer(f"No answer within {TIMEOUT_S:.0f} s.")
            for number, _ in events:
                lane = by_number[number]
                if not lane.receive():
                    continue
                latencies.append((time.perf_counter() - lane.sent_at) * 1000)
                if (request := next(left, None)) is None:
                    waiting -= 1
                else:
                    lane.send(request)


def _answer_length(received: bytearray) -> int:
    """Of head and body, from the head; 0 while that is not complete."""
    head_end = received.find(b"\r\n\r\n")
    if head_end < 0:
        return 0
    head = bytes(received[:head_end]).lower()
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if not found:
        raise UnexpectedAnswer("The answer has no Content-Length.")
    return head_end + 4 + int(rest.partition(b"\r\n")[0])


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection((HOST, port), TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection

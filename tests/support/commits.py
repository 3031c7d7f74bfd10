"""The answer to an append that never arrives (R08): a proxy's inspector that knows enough of Postgres' protocol to find it.

Frontend messages: https://www.postgresql.org/docs/18/protocol-message-formats.html
"""

from dataclasses import dataclass, field

_APPEND = b"append_events"
_COMMIT = b"COMMIT"
_READY = b"Z\x00\x00\x00\x05"
_IDLE = b"I"


@dataclass
class LostReplies:
    """Shared by the connections of one proxy. Set `armed` to the number of answers to lose and `skip` to how many come through before."""

    armed: int = 0
    lost: int = 0
    skip: int = 0

    def take(self) -> bool:
        """Whether the answer to the commit that passes now is to be lost."""
        if self.armed == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.armed -= 1
        return True

    def inspector(self) -> "CommitInspector":
        """One per connection; give it to `Proxy.start`."""
        return CommitInspector(self)


@dataclass
class CommitInspector:
    """Follows one connection: which prepared statements append, and whether the answer now due is one to lose."""

    shared: LostReplies
    buffer: bytearray = field(default_factory=bytearray)
    statements: dict[bytes, bytes] = field(default_factory=dict)
    started: bool = False
    losing: bool = False
    tail: bytes = _READY + _IDLE

    def sent(self, data: bytes) -> None:
        self.buffer += data
        while (message := self._next()) is not None:
            commits = self._commits(*message)  # always: it learns the names of prepared statements
            if commits and self.shared.take() and not self.losing:
                self.losing = True

    def received(self, data: bytes) -> bytes | None:
        """Everything, until an answer is to be lost: that one is read to its end, so that it is certain, and nobody sees it."""
        self.tail = (self.tail + data)[-len(_READY) - 1 :]
        if not self.losing:
            return data
        if self.tail.startswith(_READY):
            self.shared.lost += 1
            return None
        return b""

    def _next(self) -> tuple[bytes, bytes] | None:
        # The first message of a connection has no type byte, only a length.
        head = 0 if not self.started else 1
        if len(self.buffer) < head + 4:
            return None
        end = head + int.from_bytes(self.buffer[head : head + 4], "big")
        if len(self.buffer) < end:
            return None
        kind, body = bytes(self.buffer[:head]), bytes(self.buffer[head + 4 : end])
        del self.buffer[:end]
        # A request for TLS or GSS encryption is answered and followed by the real first message.
        self.started = self.started or body[:4] not in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30")
        return kind, body

    def _commits(self, kind: bytes, body: bytes) -> bool:
        """Whether this message makes an append durable: a call outside a transaction, or the COMMIT of one."""
        if kind == b"Q":
            return body.startswith(_COMMIT)
        if kind == b"P":
            name, text = body.split(b"\x00", 2)[:2]
            self.statements[name] = text
        elif kind == b"B":
            text = self.statements.get(body.split(b"\x00", 2)[1], b"")
            return _COMMIT in text or (_APPEND in text and self.tail.endswith(_IDLE))
        return False

"""What a key does to bytes: seal, open, digest; and how one key is made of several. Pure but for the random nonces.

AES-256-GCM throughout (NIST SP 800-38D): 12-byte random nonce before the ciphertext, 16-byte tag after it. The additional
data binds a ciphertext to the event (or key) it belongs to, so that it cannot be moved to another row.
"""

import hmac
import os
from collections import deque
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from engine import subjects
from engine.errors import WrongKey

NONCE_BYTES = 12
KEY_BYTES = 32


class DataKey:
    """A subject's key of one epoch, or one made of several. `subject` is the key's name as rows store it (engine.subjects)."""

    __slots__ = ("_digests", "decrypt", "encrypt", "secret", "subject")

    def __init__(self, subject: str, secret: bytes) -> None:
        cipher = AESGCM(secret)
        self.subject, self.secret = subject, secret
        self.encrypt, self.decrypt = cipher.encrypt, cipher.decrypt
        self._digests: bytes | None = None

    def __repr__(self) -> str:
        return f"DataKey({self.subject!r})"

    def digest(self, content: bytes) -> str:
        """HMAC-SHA256 in hexadecimal, by a key derived from this one: tells whoever has the key that content is the same.

        Without the key it says nothing, also not about a text short enough to be guessed, so it dies with the key.
        """
        return self.digest_of([content])

    def digest_of(self, pieces: Iterable[bytes]) -> str:
        """The digest of content that comes in pieces."""
        if self._digests is None:
            self._digests = _derived(self.secret, b"tzurot keyed digest")
        made = hmac.new(self._digests, digestmod="sha256")
        for piece in pieces:
            made.update(piece)
        return made.hexdigest()


Cipher = AESGCM | DataKey


def combined(keys: Sequence[DataKey]) -> DataKey:
    """The key that exists only while all of these do; the one itself when it is one.

    HKDF-SHA256 (RFC 5869) over all secrets in the order of their names, bound to the names. Whoever lacks one of them knows as
    little about the result as about the missing one.
    """
    if len(keys) == 1:
        return keys[0]
    ordered = sorted(keys, key=lambda key: key.subject)
    name = subjects.joined(key.subject for key in ordered)
    return DataKey(name, _derived(b"".join(key.secret for key in ordered), b"tzurot several subjects " + name.encode()))


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose).derive(secret)


def seal(key: Cipher, plain: bytes, bound_to: bytes) -> bytes:
    """nonce + ciphertext + tag."""
    nonce = _nonce()
    return nonce + key.encrypt(nonce, plain, bound_to)


_nonces: deque[bytes] = deque()
os.register_at_fork(after_in_child=_nonces.clear)


def _nonce() -> bytes:
    # Many at once: asking the system costs more than the encryption. `popleft` is atomic, so no two threads get the same.
    try:
        return _nonces.popleft()
    except IndexError:
        block = os.urandom(NONCE_BYTES * 256)
        _nonces.extend(block[at : at + NONCE_BYTES] for at in range(NONCE_BYTES, len(block), NONCE_BYTES))
        return block[:NONCE_BYTES]


def unseal(key: Cipher, sealed: bytes, bound_to: bytes) -> bytes:
    """The plain bytes. Raises WrongKey when the key, the bytes or what they are bound to are not the ones sealed."""
    try:
        return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
    except InvalidTag:
        raise WrongKey("a sealed text does not open: wrong master key, or the row was tampered with") from None

"""Keys made of several people's: nobody opens with some of them what was sealed with all."""

import pytest

from engine.errors import WrongKey
from engine.sealing import KEY_BYTES, DataKey, combined, seal, unseal


def test_a_key_of_several_people_needs_each_of_theirs() -> None:
    """In whatever order they are named; with another key of anyone's, or without it, nothing opens and no digest agrees."""
    ada, ben, cem = (DataKey(f"user:{n}", bytes([n]) * KEY_BYTES) for n in (1, 2, 3))
    whole = combined([cem, ada, ben])
    sealed = seal(whole, b"what they said", b"event 1")
    assert whole.subject == "user:1+user:2+user:3"
    assert unseal(combined([ada, ben, cem]), sealed, b"event 1") == b"what they said"
    fewer = [combined([ada, ben]), combined([ben, cem]), ada]
    forged = [combined([DataKey(k.subject, bytes(KEY_BYTES)) if k is gone else k for k in (ada, ben, cem)]) for gone in (ada, ben, cem)]
    for other in (*fewer, *forged):
        with pytest.raises(WrongKey):
            unseal(other, sealed, b"event 1")
        assert other.digest(b"yes") != whole.digest(b"yes")
    with pytest.raises(WrongKey):
        unseal(whole, sealed, b"event 2")

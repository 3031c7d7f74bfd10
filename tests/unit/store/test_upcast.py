"""Stored events of older versions in today's form, one step at a time."""

from engine.events.turn import TurnCompleted
from engine.store import codec
from engine.store.upcast import upcast
from tests.contract import snapshots


def test_a_stop_sequence_is_sealed_and_in_the_clear_only_that_there_was_one() -> None:
    """People choose them freely: a name, a word of their own. Of what was stored in the clear before, the same is left after an erasure."""
    old = {"stop_sequence": "canary", "model": "m"}
    assert upcast("turn.completed", 1, old) == {"stop_sequence": "canary", "model": "m", "stopped": True}
    assert upcast("turn.completed", 1, {"stop_sequence": None})["stopped"] is False
    assert upcast("turn.completed", 1, {"text": "sealed alone"}) == {"text": "sealed alone"}
    clear, sealed = codec.dump(snapshots.example(TurnCompleted).model_copy(update={"stop_sequence": "canary"}))
    assert b"canary" not in clear
    assert b"canary" in (sealed or b"")
    assert "stop_sequence" not in TurnCompleted.CLEAR

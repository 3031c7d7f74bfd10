"""The process that holds the model: a request a line on standard input, what it writes a line at a time on standard output.

It ends when its input does, so it never outlives who started it, and gives way to everything else on the machine.
"""

import contextlib
import json
import os
import queue
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

from engine.errors import TzurotError
from projections.prompt import reduced
from worker.smallmodel import weights
from worker.smallmodel.architecture import Architecture
from worker.smallmodel.gguf import Gguf
from worker.smallmodel.language import Language, Sampling

KINDNESS: Final = 10
"""How much it steps back (nice) behind what else wants the processor."""
THREADS: Final = 1
BREATH: Final = 45
"""Tokens after which a character's answer ends with its sentence: what a model of this size says later makes less and less sense."""
MOST: Final = 160
LEAST_ROOM: Final = 16

Lines = queue.SimpleQueue[dict[str, Any] | None]


def main() -> int:
    """Load the model, say so, and answer until the input ends."""
    os.nice(KINDNESS)
    lines: Lines = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    shape = Architecture()
    try:
        files = weights.prepared(shape)
        language = Language(Gguf(files.weights), files.graph, shape, THREADS)
    except TzurotError as error:
        _tell({"failed": str(error)})
        return 1
    _tell({"ready": weights.NAME})
    while (asked := lines.get()) is not None:
        if "messages" in asked:
            for told in answered(language, asked, lines):
                _tell({"id": asked["id"], **told})
    return 0


def _listen(lines: Lines) -> None:
    for line in sys.stdin.buffer:
        lines.put(json.loads(line))
    lines.put(None)


def _tell(told: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def answered(language: Language, asked: dict[str, Any], lines: Lines) -> Iterator[dict[str, Any]]:
    """Pieces of the text, then why it ended and how many tokens there were. Whatever comes in meanwhile ends it."""
    acting = bool(reduced.character(asked["messages"]))
    most = max(1, min(int(asked.get("most") or MOST), MOST))
    prompt = fitted(language, reduced.turns(asked["messages"]), language.shape.window - most - LEAST_ROOM)
    sampling = Sampling(**asked.get("sampling", {}))
    stops = [str(stop) for stop in asked.get("stop", []) if stop]
    tokens: list[int] = []
    shown, reason = "", "length"
    for token in language.answer(prompt, most, sampling, lines.empty):
        tokens.append(token)
        text = language.text(tokens)
        cut = min((at for stop in stops if (at := text.find(stop)) >= 0), default=-1)
        whole = text[:cut] if cut >= 0 else text
        safe = whole if cut >= 0 else held_back(whole, stops)
        if len(safe) > len(shown):
            yield {"text": safe[len(shown) :]}
            shown = safe
        if cut >= 0 or (acting and len(tokens) >= BREATH and reduced.ended(text)):
            reason = "stop"
            break
    else:
        reason = "stop" if len(tokens) < most else "length"
        rest = language.text(tokens)[len(shown) :].rstrip("\ufffd")
        if rest:
            yield {"text": rest}
    yield {"done": reason, "prompt": len(prompt), "completion": len(tokens)}


def held_back(text: str, stops: Sequence[str]) -> str:
    """What of a text may be shown already: not half a letter, and nothing that may become a stop string."""
    shown = text.rstrip("\ufffd")
    longest = max((n for stop in stops for n in range(1, len(stop)) if shown.endswith(stop[:n])), default=0)
    return shown[: len(shown) - longest] if longest else shown


def fitted(language: Language, turns: Sequence[reduced.Turn], room: int) -> list[int]:
    """The prompt's tokens, without the oldest turns after the first where it does not fit, and cut where it still does not."""
    kept = list(turns)
    while len(found := language.prompt(kept)) > room and len(kept) > 2:
        del kept[1]
    return found if len(found) <= room else [*found[: room // 2], *found[-(room - room // 2) :]]


if __name__ == "__main__":
    sys.exit(main())

"""The parts of a score, each a function from a question to one number per row. Pure; arrays are float32 [rows] by position.

Sums over terms and tokens are written as loops of element-wise additions, not matrix products: the result for a row must not depend on
where in the array it stands.
"""

import numpy as np
from numpy.typing import NDArray

from worker.memory import dots
from worker.memory import view as views
from worker.memory.ask import Ask
from worker.memory.config import Dates, Dense, Late, Lexical, Signs
from worker.memory.embed import Embedded
from worker.memory.index import Floats, Index, Ints
from worker.memory.vectors import scale
from worker.memory.view import Share, View


def idf(count: int, rows: int) -> float:
    """log(1 + (N - n + 0.5) / (n + 0.5)), Robertson's weight kept above 0."""
    return float(np.log1p((rows - count + 0.5) / (count + 0.5)))


def _spread(view: View, values: Floats, shares: list[Share]) -> Floats:
    """The most a row gets of its own value and the shares of its turn and the turns around; no value is below 0."""
    turns = views.turn_best(view, values)
    best = np.zeros(len(turns), np.float32)
    for share in shares:
        into, given = views.shared(share, turns)
        np.maximum(best[into], given, out=best[into])
    return np.maximum(values, views.by_row(view, best))


def _rarest(index: Index, ask: Ask, rows: int, most: int) -> list[tuple[str, float, tuple[Ints, Floats] | None]]:
    """(term, weight times rarity, postings) of the terms worth most, those that occur first, in the question's order."""
    found = []
    for term, weight in ask.terms.items():
        held = index.postings.get(term)
        found.append((term, weight * idf(len(held[0]) if held else 0, rows), held))
    if len(found) <= most:
        return found
    kept = {term for term, _, _ in sorted(found, key=lambda one: (one[2] is None, -one[1], one[0]))[:most]}
    return [one for one in found if one[0] in kept]


def lexical(index: Index, view: View, ask: Ask, config: Lexical, most: int = 48) -> Floats:
    """BM25 over rows; 1 is a row that holds every term of the question many times."""
    rows = len(view)
    total = np.zeros(rows, np.float32)
    shares = views.shares(view, config.reach) if config.reach else []
    best = 0.0
    for _, rarity, held in _rarest(index, ask, rows, most):
        best += rarity
        if held is None:
            continue
        at = view.position[held[0]]
        values = np.zeros(rows, np.float32)
        values[at] = held[1] / (held[1] + config.k1 * (1 - config.b + config.b * view.norms[at]))
        total += np.float32(rarity) * (_spread(view, values, shares) if shares else values)
    return total / np.float32(best) if best else total


def _whole(question: Floats) -> Ints:
    """The direction of a vector in whole numbers within +-63."""
    most = np.abs(question).max(initial=0.0)
    return np.rint(question * (63.0 / max(float(most), 1e-12))).astype(np.int32)


def _length(whole: Ints) -> np.float32:
    return np.float32(np.sqrt(max(int(whole @ whole), 1)))


def dense(index: Index, view: View, ask: Ask, config: Dense) -> Floats:
    """Cosine of question and row, both less the mean row if centred, with neighbours' shares added."""
    if ask.embedded is None or view.centre is None:
        return np.zeros(len(view), np.float32)
    if config.centred:
        question = _whole(ask.embedded.vector * np.float32(scale(len(view.centre))) - view.centre)
        along = index.slots.vectors.products(question)[view.slots] - view.centre @ question
        found = along.astype(np.float32) / (view.spread * _length(question))
    else:
        question = _whole(ask.embedded.vector)
        lengths = np.sqrt(np.maximum(index.slots.vectors.squares[view.slots], 1).astype(np.float32))
        found = index.slots.vectors.products(question)[view.slots].astype(np.float32) / (lengths * _length(question))
    if config.reach is None:
        return found
    total = found.copy()
    turns = views.turn_best(view, found)
    for share in views.shares(view, config.reach):
        into, given = views.shared(share, turns)
        views.add_by_row(view, total, into, given)
    return total


def signs(index: Index, view: View, ask: Ask, config: Signs) -> dict[str, Floats]:
    """Traits of the rows, weighted; those that answer a kind of question only when it is asked."""
    asks, first, names, number, when = view.traits
    found = {"question": asks * np.float32(config.question), "first_person": first * np.float32(config.first_person)}
    if ask.wants.name:
        found["names"] = names * np.float32(config.names)
    if ask.wants.number:
        found["number"] = number * np.float32(config.number)
    if ask.wants.time:
        found["when"] = when * np.float32(config.when)
    if ask.speaker is not None:
        found["speaker"] = views.said_by(index, view, ask.speaker) * np.float32(config.speaker)
    return found


def dates(index: Index, view: View, ask: Ask, config: Dates) -> Floats:
    """exp(-distance / days) between the times a question names and those of a row; wide spans (a year) count less."""
    best = np.zeros(len(view), np.float32)
    at, starts, ends = views.spans(index, view)
    for span in ask.spans:
        days = (span.end - span.start) / 86400.0
        gap = np.maximum(np.maximum(span.start - ends, starts - span.end), 0.0) / 86400.0
        wide = np.maximum((ends - starts) / 86400.0, days)
        near = np.exp(-gap / (config.days + days / 2)) / np.maximum(1.0, np.sqrt(wide / 31.0))
        np.maximum.at(best, at, near.astype(np.float32))
    return best


def recency(view: View, ask: Ask, days: float) -> Floats:
    """exp(-age / days), of the time of the question."""
    return np.exp(-np.maximum(ask.at - view.times, 0.0) / 86400.0 / days).astype(np.float32)


def _matches(index: Index, view: View, question: Embedded, rows: NDArray[np.int64]) -> Floats:
    """[rows, question tokens]: the best cosine of each question token within each row, at least 0."""
    found = np.zeros((len(rows), len(question.token_ids)), np.float32)
    slots = view.slots[rows]
    sizes = index.slots.tokens.sizes[slots]
    filled = sizes > 0
    if not filled.any():
        return found
    tokens, scales = index.slots.tokens.many(slots)
    # Whole numbers until the scales come in: exact. The question's scale is positive, so it may wait until after the maximum.
    cosines = dots.products(tokens, dots.raised(question.tokens).T).astype(np.float32)
    cosines *= scales[:, None]
    best = np.maximum.reduceat(cosines, (np.cumsum(sizes) - sizes)[filled], axis=0)
    np.maximum(best, 0.0, out=best)
    found[filled] = best * question.scales
    return found


def _weighted(values: Floats, weights: list[float]) -> Floats:
    total = np.zeros(len(values), np.float32)
    for column, weight in zip(np.ascontiguousarray(values.T), weights, strict=True):
        total += column * np.float32(weight)
    return total / np.float32(max(sum(weights), 1e-9))


def _rarest_tokens(index: Index, question: Embedded, most: int, power: float) -> tuple[Embedded, list[float]]:
    """The question with its rarest tokens only, and their weights."""
    rarity = [idf(index.token_rows.get(token, 0), index.vector_count) ** power for token in question.token_ids.tolist()]
    if len(rarity) <= most:
        return question, rarity
    unknown = np.array([index.token_rows[token] == 0 for token in question.token_ids.tolist()])
    kept = np.sort(np.lexsort((-np.array(rarity), unknown))[:most])
    fewer = Embedded(question.vector, question.token_ids[kept], question.tokens[kept], question.scales[kept])
    return fewer, [rarity[i] for i in kept.tolist()]


def _distinct(numbers: Ints, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(the different ones of numbers under `count`, in order; where in that each one stands)."""
    there = np.zeros(count, bool)
    there[numbers] = True
    found = np.flatnonzero(there)
    place = np.empty(count, np.int64)
    place[found] = np.arange(len(found))
    return found, place


def late(index: Index, view: View, ask: Ask, candidates: NDArray[np.int64], config: Late, most: int = 48) -> tuple[Floats, Floats]:
    """Late interaction for the candidate positions: (with neighbours' evidence, own), each [candidates] in 0..1."""
    if ask.embedded is None or not len(ask.embedded.tokens) or not len(candidates):
        return np.zeros(len(candidates), np.float32), np.zeros(len(candidates), np.float32)
    question, rarity = _rarest_tokens(index, ask.embedded, most, config.rarity)
    shares = views.shares(view, config.reach)
    of, last = view.turn[candidates], len(view.turn_starts) - 1
    near = [np.minimum(np.maximum(of - share.offset, 0), last) for share in shares]
    turns, place = _distinct(np.concatenate([of, *near]), last + 1)
    sizes = view.turn_sizes[turns]
    firsts = np.cumsum(sizes) - sizes
    rows = np.arange(sizes.sum()) - np.repeat(firsts - view.turn_starts[turns], sizes)
    best = _matches(index, view, question, rows)
    by_turn = np.maximum.reduceat(best, firsts, axis=0) if len(rows) > len(turns) else best
    own = best[firsts[place[of]] + candidates - view.turn_starts[of]]
    spread = own.copy()
    for share, there in zip(shares, near, strict=True):
        np.maximum(spread, by_turn[place[there]] * share.weight[of][:, None], out=spread)
    return _weighted(spread, rarity), _weighted(own, rarity)


def top(scores: Floats, count: int) -> NDArray[np.int64]:
    """Positions of the best scores, best first; equal scores in the order of positions."""
    if count < len(scores):
        edge = np.partition(scores, len(scores) - count)[len(scores) - count]
        chosen = np.flatnonzero(scores >= edge)
    else:
        chosen = np.arange(len(scores))
    return chosen[np.argsort(-scores[chosen], kind="stable")][:count]

"""Puts an answer together from whatever arrives, and says what it was: a Completion, or a fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.events.craft.tool import AskedTool
from engine.events.turn import Usage
from engine.fault import Category, Fault
from engine.outside import clean
from worker.providers import dialects, errors
from worker.providers.dialects import Mark, Piece, ToolPiece
from worker.providers.errors import Reported
from worker.providers.failure import ProviderFailed
from worker.providers.frames import ENDS, Frame, Frames
from worker.providers.said import TEXT_LIMIT, Said
from worker.providers.shapes import as_dict, as_list, as_str, documents
from worker.providers.toolcalls import ToolCalls
from worker.providers.usage import NO_USAGE, more, usage_of

THOUGHT_LIMIT = 256 * 1024
"""Characters of a model's thoughts that are kept."""
FILTERED = frozenset(
    {
        *("content_filter", "content-filter", "content_filtered", "safety", "recitation", "prohibited_content", "blocklist", "spii"),
        *("refusal", "sensitive", "image_safety", "error_toxic", "guardrail_intervened"),
    }
)
"""Ends by which a filter took the word from the model."""
FAILED = frozenset({"error", "network_error", "server_error", "upstream_error", "engine_error", "exception", "failed"})
"""Ends by which the provider failed."""
CUT = FILTERED | frozenset(
    {"length", "max_tokens", "max_output_tokens", "model_length", "token_limit", "max_length", "incomplete", "insufficient_system_resource"}
    | {"abort", "aborted", "cancelled", "canceled", "malformed_function_call"}
)
"""Ends by which an answer stops in the middle, in lower case."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. `text` may be partial, which `cut` says; `recovered`: found in a failed answer.

    `left_out` names what came with it that is no text, or was too long.
    """

    text: str
    reasoning: str = ""
    model: str = ""
    finish_reason: str = ""
    stop_sequence: str | None = None
    usage: Usage = NO_USAGE
    recovered: bool = False
    left_out: tuple[str, ...] = ()
    calls: tuple[AskedTool, ...] = ()
    """Tools it wants used before it answers, where some were offered."""

    @property
    def cut(self) -> bool:
        """Whether a limit or a filter ended it."""
        return self.finish_reason.lower() in CUT


@dataclass(slots=True)
class _Answer:
    """One of the answers a request may get; only one of them is used."""

    text: Said = field(default_factory=Said)
    reasoning: Said = field(default_factory=Said)
    refusal: Said = field(default_factory=Said)
    finish: str = ""
    stop: str = ""


@dataclass(slots=True)
class Collector:
    """Feed the bytes of an answer with status 200, then ask for its `outcome`; pure, and bounded whatever comes.

    `feed` says whether there is more text than before. Raises ProviderFailed for a text without measure. Without `offered` no tool was,
    and a call of one is no answer.
    """

    offered: bool = False

    frames: Frames = field(default_factory=Frames)
    model: str = ""
    usage: Usage = NO_USAGE
    done: bool = False
    error: Reported | None = None
    error_raw: str = ""
    doubt: Reported | None = None
    """What may have been an error, or a word on how far it is: it counts when no answer follows."""
    odd: str = ""
    """The first thing that was no JSON."""
    too_long: bool = False
    left_out: list[str] = field(default_factory=list)
    _answers: dict[int, _Answer] = field(default_factory=dict)
    _tools: ToolCalls = field(default_factory=ToolCalls)
    _documents: int = 0
    _bare: int = 0
    _filtered: bool = False
    _last: Mapping[str, Any] | None = None

    def feed(self, chunk: bytes) -> bool:
        """Take bytes in, in any slices."""
        return self._take(self.frames.feed(chunk))

    def end(self) -> bool:
        """The answer has ended: take in what was held back."""
        return self._take(self.frames.end())

    def _take(self, frames: list[Frame]) -> bool:
        before = self._chosen.text.size
        for frame in frames:
            self._frame(frame)
        return self._chosen.text.size > before

    def _frame(self, frame: Frame) -> None:
        data = frame.data.strip(" \t\r\n\ufeff\x00")
        ends = frame.event.lower() in ENDS and data in {"", "{}"}
        if ends or data[:40].strip('"[] ').lower() == "done":
            self.done = True
            return
        if not data:
            return
        found = documents(data)
        if found is None:
            self.odd = self.odd or data[:4000]
            if frame.event == "error":
                self._report(errors.of_body(data), data)
            return
        for document in found:
            self._documents += 1
            self._bare += frame.bare
            self._document(document, frame.event)
        self.done = self.done or data[-40:].endswith("[DONE]")

    def _document(self, document: Mapping[str, Any], event: str) -> None:
        if self._repeats(document):
            return
        if (reported := errors.within(document, event)) is not None:
            if reported.doubtful:
                self.doubt = self.doubt or reported
            else:
                self._report(reported, str(document)[:4000])
        message, response = as_dict(document.get("message")), as_dict(document.get("response"))
        named = (document.get("model"), message.get("model"), response.get("model"), document.get("modelVersion"))
        self.model = next((name for value in named if (name := clean.name(value))), self.model)
        self.usage = more(self.usage, usage_of(document))
        self._filtered = self._filtered or _is_filtered(document)
        for found in dialects.read(document):
            if isinstance(found, Piece):
                self._piece(found)
            elif isinstance(found, ToolPiece):
                if self.offered and self._of(found.choice) is self._chosen:
                    self._tools.take(found)
            else:
                self._mark(found)

    def _repeats(self, document: Mapping[str, Any]) -> bool:
        """Whether it is the frame that ended the answer once more, which some gateways send twice."""
        if not any(as_dict(choice).get("finish_reason") for choice in as_list(document.get("choices"))[:8]):
            return False
        if self._last is None and self._chosen.text.size:
            self._last = document
            return False
        return document == self._last

    def _report(self, reported: Reported, raw: str) -> None:
        if self.error is None:
            self.error, self.error_raw = reported, raw

    def _piece(self, piece: Piece) -> None:
        answer = self._of(piece.choice)
        if answer is None or not piece.text:
            return
        said: Said = getattr(answer, piece.kind)
        if piece.kind != "text" and said.size > THOUGHT_LIMIT:
            self._leave_out("thoughts beyond measure" if piece.kind == "reasoning" else "a refusal beyond measure")
            return
        add = said.whole if piece.whole else said.delta
        add(piece.text)
        if piece.kind == "text" and said.size > TEXT_LIMIT:
            details = f"the answer is longer than {TEXT_LIMIT} characters"
            raise ProviderFailed(Fault(Category.BAD_RESPONSE, 200, technical_details=details), said.text[:20_000])

    def _mark(self, mark: Mark) -> None:
        answer = self._of(mark.choice)
        if answer is None:
            return
        finish = clean.name(mark.finish, 60)
        if finish and answer.finish.lower() not in FAILED:
            answer.finish = finish
        answer.stop = clean.name(mark.stop) or answer.stop
        self.done = self.done or mark.done
        if mark.left_out and not (self.offered and mark.left_out == dialects.TOOL_CALL):
            self._leave_out(mark.left_out)

    def _leave_out(self, what: str) -> None:
        if what not in self.left_out:
            self.left_out.append(what)

    def _of(self, choice: int) -> _Answer | None:
        """The first answer, and the first of the others in case it stays empty; None for any more."""
        if choice in self._answers:
            return self._answers[choice]
        if choice != 0 and any(known != 0 for known in self._answers):
            return None
        return self._answers.setdefault(choice, _Answer())

    @property
    def _chosen(self) -> _Answer:
        found = sorted(self._answers.items())
        return next((answer for _, answer in found if answer.text.size), found[0][1] if found else _Answer())

    @property
    def text(self) -> str:
        """Everything said so far."""
        return clean.storable(self._chosen.text.text)

    @property
    def finish_reason(self) -> str:
        return self._chosen.finish

    @property
    def complete(self) -> bool:
        """Whether the answer came to its end, as far as anybody can tell."""
        alone = self._bare == 1 and self._documents == 1
        return self.done or alone or bool(self.finish_reason) or self._chosen.text.is_whole

    def completion(self, *, recovered: bool = False) -> Completion:
        """What was answered."""
        answer = self._chosen
        left_out = tuple(dict.fromkeys([*self.left_out, *self.frames.left_out]))[:8]
        finish = "length" if self.too_long else answer.finish
        reasoning = clean.storable(answer.reasoning.text, THOUGHT_LIMIT)
        return Completion(self.text, reasoning, self.model, finish, answer.stop or None, self.usage, recovered, left_out, self._tools.asked)

    def outcome(self, status: int, headers: Mapping[str, str]) -> Completion:
        """The answer. Raises ProviderFailed with what was said until then when it is none."""
        fault = self._fault(status, headers)
        if fault is not None:
            raise ProviderFailed(fault, self.text)
        return self.completion()

    def _fault(self, status: int, headers: Mapping[str, str]) -> Fault | None:
        said = self.text.strip()
        doubt = None if said and self.complete else self.doubt
        if self.error is not None or doubt is not None or self.finish_reason.lower() in FAILED:
            error = self.error or doubt or Reported("the provider ended the answer with an error")
            fault = errors.fault_of(None, error, headers, raw=self.error_raw)
            return replace(fault, category=Category.CONTENT_POLICY) if self._by_filter and fault.category is Category.UNKNOWN else fault
        if self.too_long and said:
            return None
        if self._documents == 0 and (self.odd or self.too_long or self.frames.left_out):
            return Fault(Category.BAD_RESPONSE, status, technical_details=self._what_it_was(headers))
        if self._documents == 0 and not self.done and not self.frames.comments:
            return Fault(Category.EMPTY_RESPONSE, status, technical_details="an empty body")
        if not self.complete:
            return self._cut_off(status, headers)
        if not said and not self._tools.asked:
            return self._empty(status)
        if said == "ext" and "gemini" in self.model.lower():
            return Fault(Category.CENSORED, status, technical_details="the whole answer was the sentinel 'ext'")
        return None

    def _cut_off(self, status: int, headers: Mapping[str, str]) -> Fault:
        """The fault of an answer that just stops; words that stood where a frame should be may say why."""
        told = errors.fault_of(None, errors.of_body(self.odd), headers, raw=self.odd) if self.odd else None
        if told is not None and told.category is not Category.UNKNOWN:
            return told
        return Fault(Category.NETWORK, status, technical_details="the stream ended in the middle")

    @property
    def _by_filter(self) -> bool:
        return self._filtered or self.finish_reason.lower() in FILTERED or bool(self._chosen.refusal.text)

    def _empty(self, status: int) -> Fault:
        ended = f"finish_reason={self.finish_reason}"
        if self._by_filter:
            return Fault(Category.CONTENT_POLICY, status, clean.storable(self._chosen.refusal.text, errors.WORDS), ended)
        left_out = f", left out: {', '.join(names)}" if (names := self.completion().left_out) else ""
        return Fault(Category.EMPTY_RESPONSE, status, technical_details=f"no content, {ended}{left_out}")

    def _what_it_was(self, headers: Mapping[str, str]) -> str:
        if not self.odd:
            return "an answer without an end and without a word"
        reported, kind = errors.of_body(self.odd), clean.name(headers.get("content-type", ""), 80)
        if self.odd.lstrip().startswith("<"):
            return f"The address of the provider is not right: a page for people answers there ({kind}): {reported.message}"
        return f"not a JSON object ({kind}): {clean.storable(self.odd[:500])}"


def _is_filtered(document: Mapping[str, Any]) -> bool:
    """Whether Azure says that a filter took away the prompt or the answer."""
    found = [*as_list(document.get("prompt_filter_results")), *as_list(document.get("prompt_annotations"))]
    results = [as_dict(as_dict(entry).get("content_filter_results")) for entry in found[:8]]
    results += [as_dict(as_dict(choice).get("content_filter_results")) for choice in as_list(document.get("choices"))[:8]]
    flags = [as_dict(verdict).get("filtered") is True for result in results for verdict in result.values()]
    return any(flags) or as_str(as_dict(document.get("error")).get("code")) == "content_filter"

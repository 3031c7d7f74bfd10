"""What a model has said so far, from pieces, from everything so far again and again, or from the whole at the end."""

from dataclasses import dataclass, field

TEXT_LIMIT = 1024 * 1024
"""Characters of one answer. A model that says more has lost its way."""
SURE = 4
"""So long a first text that the second repeats and goes on with is no accident."""

ALL = 8
"""So long a last piece that says all before it once more is the whole answer and no piece."""


@dataclass(slots=True)
class Texts:
    """Texts of one kind as they come. While each begins with the one before, only the newest and their lengths are kept."""

    newest: str = ""
    lengths: list[int] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    """Characters held."""
    growing: bool = True
    again: str = ""
    """A text that says all before it once more, and counts only when more follows."""
    _count: int = 0

    def add(self, text: str) -> None:
        """Take in the next one."""
        if not text:
            return
        if self.growing and self._goes_on(text):
            self.lengths.append(len(text))
            self.newest, self.size = text, len(text)
            return
        if self.growing:
            self.growing = False
            self.pieces = [self.newest[:length] for length in self.lengths]
            self.size, self._count = sum(self.lengths), len(self.lengths)
        if self.again:
            self._hold(self.again)
            self.again = ""
        if len(text) == self.size >= ALL and self._count > 1 and "".join(self.pieces) == text:
            self.again = text
            return
        self._hold(text)

    def _hold(self, text: str) -> None:
        self.pieces.append(text)
        self.size += len(text)
        self._count += 1

    def _goes_on(self, text: str) -> bool:
        if not self.lengths:
            return True
        return text.startswith(self.newest) and (len(text) > len(self.newest) or len(self.lengths) > 1)

    @property
    def text(self) -> str:
        """Everything said, by the likelier reading: each text holds all before it, or they are pieces."""
        if not self.growing:
            if len(self.pieces) > 1:
                self.pieces = ["".join(self.pieces)]
            return self.pieces[0]
        if len(self.lengths) == 2 and self.lengths[0] < SURE:
            return self.newest[: self.lengths[0]] + self.newest
        return self.newest


@dataclass(slots=True)
class Said:
    """One text of an answer: pieces (`delta`) and whole messages; when both came, the whole one says the same once more."""

    pieces: Texts = field(default_factory=Texts)
    wholes: Texts = field(default_factory=Texts)
    messages: int = 0

    def delta(self, text: str) -> None:
        """Take in a piece."""
        self.pieces.add(text)

    def whole(self, text: str) -> None:
        """Take in a message; the same once more adds nothing."""
        if text and not (self.wholes.growing and text == self.wholes.newest):
            self.messages += 1
            self.wholes.add(text)

    @property
    def text(self) -> str:
        """What was said."""
        pieces, whole = self.pieces.text, self.wholes.text
        if not whole.strip():
            return pieces or whole
        return pieces if pieces.startswith(whole) else whole

    @property
    def size(self) -> int:
        """Characters held, at least as many as the text has."""
        return self.pieces.size + self.wholes.size

    @property
    def is_whole(self) -> bool:
        """Whether exactly one whole message came: then nothing is missing."""
        return self.messages == 1

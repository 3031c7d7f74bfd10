"""What happened to the machinery itself."""

from engine.events.base import Count, Event


class DeadLettered(Event):
    """A delivery that no handler could digest was put aside. Holds where it is, never what it said."""

    consumer: str
    subject: str
    why: str
    error: str
    log_position: Count | None = None
    event_id: str | None = None
    deliveries: Count = 1

    @property
    def stream_name(self) -> str:
        return f"dead-letters:{self.consumer}"


class DeadLetterRetried(Event):
    """An operator sent the reference on its way again."""

    consumer: str
    dead_letter_id: str

    @property
    def stream_name(self) -> str:
        return f"dead-letters:{self.consumer}"


class DeadLetterDiscarded(Event):
    consumer: str
    dead_letter_id: str

    @property
    def stream_name(self) -> str:
        return f"dead-letters:{self.consumer}"

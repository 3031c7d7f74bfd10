"""How a failed call to a provider is raised."""

from engine.errors import TzurotError
from engine.fault import Fault


class ProviderFailed(TzurotError):
    """A call that gave no answer. `partial` is what had been said until then."""

    def __init__(self, fault: Fault, partial: str = "") -> None:
        self.fault, self.partial = fault, partial
        super().__init__(f"{fault.category.value} ({fault.reference})")


class TooLong(ProviderFailed):
    """An answer of more bytes than anybody reads: what was understood until then may still be one."""

"""What people and places are called on pages: `Zoe (…0304)`, `chat with Wren`. Ids stay in addresses only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from bot.console.filters import Filters, number, understand
from bot.console.prose import plain
from bot.console.state import OPERATOR, Console
from projections import said
from projections.models import channels
from projections.models.places import servers
from projections.models.places.servers import PlaceNames

LONGEST = 40


@dataclass(frozen=True, slots=True)
class Called:
    """Names by id: of people, characters, Discord's servers and channels, and of whom a channel of the playground is a chat with."""

    people: Mapping[int, str] = field(default_factory=dict)
    characters: Mapping[UUID, str] = field(default_factory=dict)
    hosts: Mapping[int, UUID] = field(default_factory=dict)
    places: PlaceNames = field(default_factory=PlaceNames)

    def person(self, user_id: int | str) -> str:
        """A person as a page calls them."""
        number = int(user_id)
        name = plain(self.people.get(number, ""))[:LONGEST]
        if number == OPERATOR:
            return f"{name} (you)" if name else "you"
        tail = str(number)[-4:]
        return f"{name} (…{tail})" if name else f"somebody (…{tail})" if number else "the program"

    def character(self, character: UUID | None) -> str:
        """A character's name."""
        return self.characters.get(character, "A deleted character") if character else ""

    def channel(self, channel: int) -> str:
        """A channel as a page calls it."""
        if channel in self.hosts:
            return f"chat with {self.character(self.hosts[channel])}"
        name = plain(self.places.channels.get(channel, ""))[:LONGEST]
        return f"#{name}" if name else f"channel …{str(channel)[-4:]}"

    def server(self, guild: int) -> str:
        """A server of Discord's as a page calls it."""
        name = plain(self.places.servers.get(guild, ""))[:LONGEST]
        return name or f"server …{str(guild)[-4:]}"

    def channel_named(self, text: str) -> int | None:
        """The channel meant by its name, with `#` or without; None when none or several are."""
        return _only(self.places.channels, text.strip().removeprefix("#"))

    def server_named(self, text: str) -> int | None:
        """The server meant by its name; None when none or several are."""
        return _only(self.places.servers, text.strip())

    def payer(self, scope: str) -> str:
        """Who pays, in words: `system` is the operator's key."""
        return {"system": "the operator's key", "keyless": "nobody (no key needed)"}.get(
            scope, "a person's own key" if scope.startswith("key:") else scope
        )

    def understand(self, parameters: Mapping[str, str]) -> Filters:
        """The filter of an address, in which everybody and every place goes by name or number."""
        return understand(parameters, self.characters, self.person_named, self.channel_named, self.server_named)

    def person_named(self, text: str) -> int | None:
        """The person meant by a name or by a label of ours; None when nobody or several are."""
        wanted = text.strip().casefold()
        labels = {number: {self.person(number).casefold(), plain(name).casefold()} for number, name in self.people.items()}
        labels.setdefault(OPERATOR, set()).update({"you", "me"})
        found = [number for number, called in labels.items() if wanted in called]
        return found[0] if len(found) == 1 else None


def _only(names: Mapping[int, str], text: str) -> int | None:
    wanted = plain(text).casefold()
    found = [place for place, name in names.items() if wanted and plain(name).casefold() == wanted]
    return found[0] if len(found) == 1 else None


async def filters(console: Console, parameters: Mapping[str, str]) -> Filters:
    """The filter of an address. Names are looked up only where one was typed."""
    typed = [parameters.get(name, "").strip() for name in ("user", "channel", "guild")]
    return (await called(console, suggestions=any(text and number(text) is None for text in typed))).understand(parameters)


async def called(
    console: Console, people: Collection[int] | None = None, places: Collection[int] = (), *, suggestions: bool = False
) -> Called:
    """The names of these people and places; with `suggestions` also of others whom a person may look for."""
    characters = await console.characters.names()
    async with console.log.pool.connection() as connection:
        known = await said.known_people(connection, console.log.vault) if suggestions else {}
        missing = set(people or ()) - set(known)
        known |= await said.names(connection, console.log.vault, missing) if missing else {}
        hosts = await channels.hosts(connection, places) if places else {}
        asked = 500 if suggestions else 0
        named = await servers.names(connection, console.log.vault, places, newest=asked) if places or asked else PlaceNames()
    return Called(known, characters, hosts, named)

"""What a turn needs from the read models, read in one transaction, so that it is all of one moment."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from engine import clock, ids
from engine.decide.cascade import Tier
from engine.decide.places.profile import resolved
from engine.events.message import MessageReceived
from engine.events.preset import Parameters, PresetSheet, Window
from engine.events.turn import TurnRequested
from engine.store import connect
from engine.store.connect import Connection
from engine.store.together import answers
from projections import registry
from projections.base import stored
from projections.follow import runner
from projections.models import catalog, history, keys, provider_models, quota, windows
from projections.models.catalog import Character, Preset
from projections.models.history import Entry
from projections.models.memories.memory_scope import MemoryScope
from projections.models.places import overrides, profiles
from projections.models.turns import Turn
from projections.prompt import sections
from projections.prompt.assemble import Ingredients
from projections.prompt.section import Chosen, KeptPicture, Moment, Scene, Snapshot
from projections.prompt.sections import history as prompt_history
from projections.snapshot import snapshot
from worker import spend
from worker.turn.answer import Candidate
from worker.work import Work

BYTES_PER_TOKEN = 16
"""More than any script needs: what lies further back than this much text can be in no prompt, and is not read."""
SPARE_ENTRIES = 20
"""Entries read beyond the window, so that it can go on beginning where it began for a while."""
EARLIER_REPLIES = 25
READ = tuple(projection.name for projection in registry.PROMPT)
FREE_MODELS = 3
"""Of those that are known to be free, how many may be tried for a guest."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a prompt is made of, and who may answer. `as_of` are the positions history and catalog were read at."""

    character: Character
    candidates: tuple[Candidate, ...]
    chosen: Mapping[str, Chosen]
    data: Mapping[str, Any]
    begin: int | None
    as_of: int
    catalog_as_of: int
    own_key: keys.Key | None
    today: quota.Today
    """What of the limits was seen, so that they need not be asked again a moment later."""
    tier: Tier = "baseline"
    """Who chose the preset."""
    versions: tuple[str, ...] = ()
    """Texts of the versions there are of the same reply, which a new one must not say again."""
    limit: int = 50
    """Entries of history before the message to answer, at most."""

    @property
    def preset(self) -> Preset:
        return self.candidates[0].preset

    def tier_of(self, preset: Preset) -> Tier:
        """Who chose a candidate's preset; one for people without a key is marked by the bot's owners, or built in."""
        if preset is self.preset:
            return self.tier
        return "admin" if preset.id.int else "baseline"

    @property
    def entries(self) -> list[Entry]:
        """What was said, the message to answer last."""
        talk = self.data[prompt_history.NAME]
        return [line.entry for line in talk.lines] if isinstance(talk, prompt_history.Talk) else []

    @property
    def earlier(self) -> list[str]:
        """What a new reply must not repeat: the character's last replies, the message itself, and versions of the same reply (B9)."""
        entries = self.entries
        replies = [entry.text for entry in entries if entry.kind == "reply" and entry.character == self.character.id]
        return [*replies[-EARLIER_REPLIES:], entries[-1].text, *self.versions]

    @property
    def others(self) -> frozenset[str]:
        """Names of whoever else speaks in what was said."""
        talk = self.data[prompt_history.NAME]
        characters = talk.names.values() if isinstance(talk, prompt_history.Talk) else ()
        return frozenset({entry.author_name for entry in self.entries if entry.kind == "message"} | set(characters))

    def ingredients(self, turn: Turn) -> Ingredients:
        """What the prompt of this turn is assembled from."""
        return Ingredients(scene_of(turn), self.data, self.chosen, limit=self.limit, begin=self.begin)


class ModelsLate(Exception):
    """A read model that a prompt is made from has not reached the turn yet."""


class Missing(Exception):
    """What the turn is about is not there any more: `character` or `message`."""


async def first_candidate(work: Work, turn: Turn) -> Candidate | None:
    """The model that is asked first, with its preset; None when the character is not there any more."""
    async with work.log.pool.connection() as connection:
        who = await catalog.character(connection, work.log.vault, turn.character)
        if who is None:
            return None
        places = (await catalog.defaults(connection, turn.user_id), await _overrides(connection, work, turn))
        _, presets = await _presets(connection, work, who, places, turn)
        return (await _candidates(connection, presets[:1]))[0]


async def read(work: Work, turn: Turn, pictures: Sequence[KeptPicture] = ()) -> Context:
    """`pictures` are those fetched for this turn. Raises Missing, ModelsLate."""
    said = await work.log.row(ids.message_event(turn.message_id, "received"))
    async with work.log.pool.connection() as connection, snapshot(connection):
        live = {entry.name: entry for entry in await runner.progress(connection) if entry.role == "live"}
        if any(name not in live or live[name].position < turn.position for name in READ):
            raise ModelsLate
        with work.unchanged.within(connection, {name: entry.changed for name, entry in live.items()}):
            positions = {name: entry.position for name, entry in live.items()}
            found = await _chosen(work, connection, turn, positions, pictures, said.position if said is not None else None)
    data = await sections.load(work.log, found.chosen, found.as_of)
    moment = Moment(turn.turn, found.preset.window.context_tokens, found.begin, scene_of(turn))
    chosen, data = await sections.settled(work.log, found.chosen, data, found.as_of, moment)
    return replace(found, chosen=chosen, data=data)


async def ahead(work: Work, position: int) -> None:
    """Look at what was asked for at this position, while the read models are still on their way to it.

    What is of the log alone is at hand then, and recall has begun. It may be another turn that comes first; nothing is lost if this fails.
    A message stands right before its first request: both are read at once. For people who were too fast lately it is most often in vain.
    """
    with suppress(*connect.TROUBLE):
        for recorded in await work.log.at([position - 1, position]):
            if isinstance(asked := recorded.event, TurnRequested) and not work.breaker.was_too_fast(asked.user_id, clock.now()):
                await _expect(work, asked.message_id, asked.venue, asked.channel_id, asked.character_id)


async def expect(work: Work, turn: Turn) -> None:
    """Let recall begin with the message to answer, while everything else is still being looked up."""
    await _expect(work, turn.message_id, turn.venue, turn.channel, turn.character)


async def _expect(work: Work, message_id: int, venue: str, channel: int, character: UUID) -> None:
    said = await work.log.find(ids.message_event(message_id, "received"))
    if work.recall is not None and said is not None and isinstance(message := said.event, MessageReceived) and not said.erased:
        work.recall.expect(venue, channel, character, message.text)


def learn(work: Work, turn: Turn, position: int) -> None:
    """Let recall take up what was said up to the turn's end, at `position`, before somebody asks for it."""
    if work.recall is not None:
        scope = MemoryScope(turn.character, turn.user_id, turn.channel, turn.guild, turn.venue, until=position + 1, at=clock.now())
        work.recall.learn(scope)


def scene_of(turn: Turn) -> Scene:
    """Whose prompt a turn's is, when and where."""
    return Scene(turn.character, turn.venue, ids.snowflake_time(turn.message_id), channel=turn.channel, seed=str(turn.turn))


async def _chosen(
    work: Work, connection: Connection, turn: Turn, positions: Mapping[str, int], pictures: Sequence[KeptPicture], asked_at: int | None
) -> Context:
    """Everything but the data."""
    who, profile, *chosen_for = await answers(
        catalog.character(connection, work.log.vault, turn.character),
        profiles.profile(connection, work.log.vault, turn.user_id, turn.character),
        catalog.defaults(connection, turn.user_id),
        _overrides(connection, work, turn),
    )
    tier, presets = await _presets(connection, work, who, (chosen_for[0], chosen_for[1]), turn) if who else ("baseline", [])
    window = _window(presets[0].window if presets else Window(), profile)
    looked_at = replace(_snapshot(work, connection, turn, positions, window), pictures=tuple(pictures), asked_at=asked_at)
    try:
        chosen, candidates, begin, (own_key, today), versions = await answers(
            sections.select(looked_at),
            _candidates(connection, presets),
            windows.begins(connection, turn.channel, turn.character),
            _purse(connection, work, turn),
            _versions(connection, work, turn),
        )
    except prompt_history.Unanswerable:
        raise Missing("message") from None
    if who is None or who.erased:
        raise Missing("character")
    return Context(
        character=who,
        candidates=candidates,
        chosen=chosen,
        data={},
        begin=begin,
        as_of=positions["history"],
        catalog_as_of=positions["catalog"],
        own_key=own_key,
        today=today,
        tier=tier,
        versions=versions,
        limit=window.max_messages,
    )


async def _purse(connection: Connection, work: Work, turn: Turn) -> tuple[keys.Key | None, quota.Today]:
    """The person's own key for this provider, and what may be spent."""
    own_key = await keys.of_user(connection, turn.user_id, work.endpoint.name)
    return own_key, await spend.today(connection, turn, own_key)


def _window(window: Window, held: profiles.Profile) -> Window:
    """How much history this person's answers read: as the preset says, unless their profile says otherwise (C4)."""
    most = resolved({"max_messages": window.max_messages}, held.own, held.with_character)["max_messages"].value
    return window.model_copy(update={"max_messages": most})


def _snapshot(work: Work, connection: Connection, turn: Turn, positions: Mapping[str, int], window: Window) -> Snapshot:
    return Snapshot(
        connection=connection,
        turn=turn.turn,
        channel=turn.channel,
        character=turn.character,
        message_id=turn.message_id,
        positions=positions,
        limit=window.max_messages + SPARE_ENTRIES,
        since=ids.snowflake_time(turn.message_id) - timedelta(seconds=window.max_age_s) if window.max_age_s else None,
        most_bytes=BYTES_PER_TOKEN * max(window.context_tokens, 65_536),
        guild=turn.guild,
        user=turn.user_id,
        venue=turn.venue,
        recall=work.recall,
    )


async def _versions(connection: Connection, work: Work, turn: Turn) -> tuple[str, ...]:
    if turn.epoch == 0:
        return ()
    found = await history.versions_of(connection, work.log.vault, turn.message_id, turn.character)
    return tuple(version.text for version in found)


async def _overrides(connection: Connection, work: Work, turn: Turn) -> overrides.Overrides:
    """The presets chosen for the places this turn is in. A thread has its own channel's, else that of its parent."""
    found = await overrides.held(connection, turn.user_id, turn.character, turn.guild)
    if turn.channel in found.channels or not found.channels:
        return found.at(turn.channel)
    said = await (work.within or work.log).row(ids.message_event(turn.message_id, "received"))
    return found.at(turn.channel, stored(said).get("parent_channel_id") if said is not None else None)


async def _presets(
    connection: Connection, work: Work, character: Character, chosen: tuple[catalog.Defaults, overrides.Overrides], turn: Turn
) -> tuple[Tier, list[Preset]]:
    """The preset that answers, then the one for people without a key; and who chose the first."""
    defaults, places = chosen
    known = await catalog.answering(connection, work.log.vault, (character.preset, defaults.own, defaults.everybody, *places.presets))
    decided = catalog.decided(known, character.preset, defaults, turn.user_id, places)
    free = [preset for preset in reversed(known) if preset.is_global and preset.is_free_default][:1]
    if not free and work.endpoint.api_key is not None and not spend.trusted(work, turn):
        free = await _known_to_be_free(connection)
    if decided is None:
        return "baseline", [fixed(work.settings.default_model), *free]
    return decided.tier, [decided.value, *free]


async def _known_to_be_free(connection: Connection) -> list[Preset]:
    """What answers guests when nobody made a preset for them: the models listed as free, else those the catalogue prices at nothing."""
    limits, _ = await quota.limits_now(connection)
    names = limits.free_models[:FREE_MODELS] or await provider_models.free(connection, limit=FREE_MODELS)
    if not names:
        return []
    sheet = PresetSheet(name="Free models", model=names[0], fallback_models=tuple(names[1:]), is_global=True, is_free_default=True)
    return [Preset(id=UUID(int=0), owner_id=None, position=0, sheet=sheet)]


def fixed(model: str) -> Preset:
    """What answers when nobody made a preset."""
    sheet = PresetSheet(name="Built in", model=model, is_global=True, is_default=True, parameters=Parameters(temperature=0.7))
    return Preset(id=UUID(int=0), owner_id=None, position=0, sheet=sheet)


async def _candidates(connection: Connection, presets: Sequence[Preset]) -> tuple[Candidate, ...]:
    wanted: dict[str, Preset] = {}
    for preset in presets:
        for model in (preset.model, *preset.fallback_models):
            wanted.setdefault(model, preset)
    known = await provider_models.known(connection, list(wanted))
    return tuple(Candidate(known[model], preset) for model, preset in wanted.items())

"""How commands are declared: in one place, so that each of them answers whatever happens to it."""

import asyncio
import re
from inspect import Parameter, signature
from types import SimpleNamespace
from typing import Any, get_type_hints

import nextcord
import pytest

from bot.discord import answers
from tests.contract.command_schema import commands
from tests.support.sources import ROOT, sources

DECLARED = re.compile(r"\.(slash_command|subcommand|message_command|user_command|on_autocomplete)\(")
CHANNEL = 77


def test_commands_are_declared_in_one_place() -> None:
    """Every other file says what a command is called and what it does; deferring, answering and sentences are not repeated."""
    files = [source.file for name, source in sources().items() if name.startswith("bot.")]
    assert [file for file in files if DECLARED.search((ROOT / file).read_text())] == ["bot/discord/features/declare.py"]


class Heard:
    """An interaction that notes what it is answered."""

    def __init__(self) -> None:
        self.first: list[str] = []
        self.told: list[str] = []
        self.suggested: list[dict[str, str]] = []
        self.response = SimpleNamespace(
            defer=self._defer, send_modal=self._form, send_message=self._said, send_autocomplete=self._suggested
        )
        self.followup = SimpleNamespace(send=self._said)
        self.id, self.channel_id, self.guild_id, self.guild = 1, CHANNEL, None, None
        self.user = SimpleNamespace(id=2)
        self.permissions: tuple[()] = ()
        self.client = SimpleNamespace(latency=0.1, guilds=(), place=lambda _: SimpleNamespace(parent_id=None, adult=False))
        self.data = {"target_id": "5"}

    async def _defer(self, **_: Any) -> None:
        self.first.append("deferred")

    async def _form(self, _: object) -> None:
        self.first.append("form")

    async def _suggested(self, choices: dict[str, str]) -> None:
        self.suggested.append(choices)

    async def _said(self, text: str, **_: Any) -> None:
        self.told.append(text)


def leaves(command: Any) -> list[Any]:
    return [leaf for child in command.children.values() for leaf in leaves(child)] if getattr(command, "children", None) else [command]


def given(command: Any) -> dict[str, Any]:
    """A value for every option of a command, as a person would give it."""
    values: dict[type, Any] = {
        nextcord.Attachment: SimpleNamespace(size=10, filename="a.json", content_type="application/json", read=_nothing),
        nextcord.User: SimpleNamespace(id=3),
        nextcord.Message: SimpleNamespace(id=5),
        int: 1,
        bool: True,
        str: "1",
    }
    hints = get_type_hints(command.callback)
    options = [one for name, one in signature(command.callback).parameters.items() if name not in ("self", "interaction")]
    return {one.name: next((v for kind, v in values.items() if _means(hints[one.name], kind)), None) for one in options if _asked(one)}


def _means(hint: Any, kind: type) -> bool:
    return hint is kind or kind in getattr(hint, "__args__", ())


def _asked(option: Parameter) -> bool:
    return option.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


async def _nothing() -> bytes:
    return b"{}"


async def test_every_command_answers_with_the_database_gone() -> None:
    """Nothing that a command looks up is there, and each still answers: with a sentence, or with a form that needs nothing."""
    async with commands() as client:
        every = [leaf for command in client.get_all_application_commands() for leaf in leaves(command)]
        silent = []
        for command in every:
            heard = Heard()
            try:
                await command(heard, **given(command))
            except Exception as error:  # whatever comes out of a command leaves its person without an answer
                silent.append((command.qualified_name, repr(error)))
            if not heard.told and heard.first != ["form"]:
                silent.append((command.qualified_name, repr(heard.first)))
        assert silent == []
        assert len(every) > 80


async def test_every_option_that_suggests_says_so_when_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the database gone: one suggestion with a sentence, which leaves what was typed. None stays silent."""
    monkeypatch.setattr(answers, "SUGGESTED_S", 0.01)
    async with commands() as client:
        every = [leaf for command in client.get_all_application_commands() for leaf in leaves(command)]
        options = [(leaf, option) for leaf in every for option in getattr(leaf, "options", {}).values() if option.autocomplete]
        silent, sentences = [], set[str]()
        for leaf, option in options:
            heard = Heard()
            try:
                await option.invoke_autocomplete_callback(heard, "a" * 200)
            except Exception as error:  # whatever comes out leaves the person with an endless wait
                silent.append((leaf.qualified_name, option.name, repr(error)))
            if len(heard.suggested) != 1:
                silent.append((leaf.qualified_name, option.name, repr(heard.suggested)))
            if heard.suggested and list(heard.suggested[0].values()) == ["a" * 100]:
                sentences |= heard.suggested[0].keys()
        assert silent == []
        assert len(options) > 40
        assert all(len(sentence) <= 100 for sentence in sentences)
        assert sentences


@pytest.mark.parametrize("typed", ["li", ""])
async def test_a_database_that_is_too_slow_for_suggestions_is_told_of(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    """In Discord's three seconds, as one suggestion that means what was typed, and never nothing."""
    monkeypatch.setattr(answers, "SUGGESTED_S", 0.01)
    heard: Any = Heard()

    async def slow() -> dict[str, str]:
        await asyncio.Event().wait()
        return {}

    await answers.suggest(heard, typed, slow)
    assert heard.suggested == [{answers.WAIT: typed or "?"}]

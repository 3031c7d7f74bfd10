"""How commands are declared: in one place, so that each of them answers whatever happens to it."""

import re
from inspect import Parameter, signature
from types import SimpleNamespace
from typing import Any, get_type_hints

import nextcord

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
        self.response = SimpleNamespace(defer=self._defer, send_modal=self._form, send_message=self._said)
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

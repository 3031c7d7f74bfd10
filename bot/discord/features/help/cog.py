"""`/help`: how to begin, by what one wants to do; and `/changelog`: what is new."""

from collections.abc import Mapping

from nextcord import SlashOption

from bot import releases
from bot.discord.answers import Interaction
from bot.discord.features.declare import Cog, answering
from engine.decide.rejected import Rejected

TOPICS: Mapping[str, str] = {
    "talking": (
        "**Talking**\n"
        "- Say `{char}name hello`, or reply to anything a character said. `/character browse` shows who is here.\n"
        "- Where one is activated it answers everything; in a DM it goes on with whoever answered last.\n"
        "- Right click a reply, Apps: another version, your own words, going on, delete, Inspect.\n"
        "- `/why` says why a reply came out so, or why nobody answered.\n"
        "- `/me edit` says who you are and how you want to be answered; `/settings show` says what holds for you.\n"
        "- `/undo` takes back what you changed last."
    ),
    "characters": (
        "**Characters**\n"
        "- `/character create` makes one with a form; `/character edit` changes every field.\n"
        "- `/character import` takes cards of other programs, and `/character export` gives them.\n"
        "- `/character alias` and `/character avatar` give it names and a picture. Who may use it stands in its Access page.\n"
        "- `/preset create` makes a preset: a model and how it is asked; `/preset default` chooses yours."
    ),
    "moderation": (
        "**Moderation**\n"
        "- `/channel activate` lets a character answer everything here.\n"
        "- `/channel edit` says who speaks and how many; `/channel explain` says why.\n"
        "- `/server edit` sets where characters may speak in the whole server, and what people are told.\n"
        "- `/deny add` keeps somebody from being answered; `/deny list` shows who is, by whom and why.\n"
        "- The bot needs View Channel, Send Messages, Read Message History and Manage Webhooks."
    ),
    "owner": (
        "**For the bot's owners**\n"
        "- `/admin health` says how it is doing; `/admin servers` where it is; `/admin server-deny` leaves a server for good.\n"
        "- Everything else is in the console and in `tzurot --help`."
    ),
}
"""Topic to its text; `{char}` is the character that calls by name."""


class HelpCog(Cog):
    """The commands."""

    @answering("help", "How to talk with characters, make them, and look after them")
    async def help(
        self,
        interaction: Interaction,
        topic: str = SlashOption(description="What about", required=False, default="", choices=list(TOPICS)),
    ) -> str:
        shown = [topic] if topic in TOPICS else [name for name in TOPICS if name != "owner" or self.context.actor(interaction).trusted]
        return "\n\n".join(TOPICS[name].replace("{char}", self.context.settings.bot_mention_char) for name in shown)

    @answering("changelog", "What is new in this version of the bot")
    async def changelog(
        self,
        interaction: Interaction,
        version: str = SlashOption(description="Another version; the newest unless given", required=False, default=""),
    ) -> str:
        return _told(version)


def _told(version: str) -> str:
    """The notes of one version. Raises Rejected."""
    known = [release for release in releases.known() if release.notes]
    found = next((one for one in known if not version or one.version.casefold() == version.strip().casefold()), None)
    if found is None:
        names = ", ".join(one.version for one in known[:10]) or "none: it came without its changelog"
        raise Rejected(f"There is no such version. Those I know: {names}.")
    day = f" ({found.day})" if found.day else ""
    return "\n".join([f"**{found.version}**{day} · this is Tzurot {releases.running()}", *(f"- {title}" for title in found.titles)])

"""What the buttons and forms about a reply do. Who may is decided by the rules of the reply, not by who got the panel."""

from collections.abc import Callable

from bot.discord import custom_ids
from bot.discord.answers import Interaction, Told, answer, open_form, update
from bot.discord.components import form, text_input
from bot.discord.context import Context, key_of
from bot.discord.custom_ids import Press, Values
from bot.discord.features.reply.panel import Target, own_words, panel
from bot.discord.features.undo.press import changed
from bot.discord.limits import FORM_TEXT
from bot.discord.payload import Json
from bot.discord.presses import Handler, submitted
from engine.decide import reply
from engine.decide.reacting import opinion
from engine.decide.rejected import Rejected
from engine.execute import execute
from projections import replies

SHOWN_BY = ("history", "deliveries")
type Making = Callable[..., reply.ReplyCommand]
"""A command made of the values of a custom_id."""


async def act(context: Context, interaction: Interaction, command: reply.ReplyCommand) -> None:
    """Carry a command out. Raises Rejected."""
    done = await execute(context.log, context.actor(interaction), command, key_of(interaction.id), see=SHOWN_BY)
    if not done.events:
        raise Rejected("It is so already. `/why` tells how it is.")


def handlers(context: Context) -> dict[Press, Handler]:
    """Every press about a reply."""

    def stepping(make: Making, said: str) -> Handler:
        async def press(interaction: Interaction, values: Values) -> None:
            target = Target(*values[:2])

            async def work() -> Told:
                await act(context, interaction, make(*values))
                return await panel(context.log, target, said)

            await update(interaction, work)

        return press

    return {
        custom_ids.REPLY_SHOW: stepping(reply.ChooseVersion, ""),
        custom_ids.REPLY_AGAIN: stepping(reply.Regenerate, "It is asked for."),
        custom_ids.REPLY_GO_ON: stepping(reply.Continue, "It is asked for."),
        custom_ids.REPLY_DROP: stepping(reply.DeleteReply, "Deleted."),
        custom_ids.REPLY_DELETE: lambda interaction, values: answer(
            interaction, lambda: deleted(context, interaction, reply.DeleteReply(*values))
        ),
        custom_ids.REPLY_WISH: wish_form,
        custom_ids.REPLY_WISHED: lambda interaction, values: wished(context, interaction, Target(*values)),
        custom_ids.REPLY_EDIT: lambda interaction, values: open_form(interaction, lambda: edit_form(context, Target(*values))),
        custom_ids.REPLY_EDITED: lambda interaction, values: edited(context, interaction, Target(*values)),
        custom_ids.REPLY_REPORTED: lambda interaction, values: reported(context, interaction, values),
    }


async def deleted(context: Context, interaction: Interaction, command: reply.DeleteReply) -> Told:
    """Delete it; the answer carries the way back. Raises Rejected."""
    await act(context, interaction, command)
    return changed(interaction, "Deleted.")


async def wish_form(interaction: Interaction, values: Values) -> None:
    """Ask what another version is to be like."""

    async def work() -> Json:
        asked = text_input("wish", "Another version, but …", hint="shorter, please", most=reply.LONGEST_WISH, long=False, required=True)
        return form(custom_ids.REPLY_WISHED.id(*values), "Another version", [asked])

    await open_form(interaction, work)


async def wished(context: Context, interaction: Interaction, target: Target) -> None:
    """Ask for it."""
    wish = submitted(interaction).get("wish", "")

    async def work() -> Told:
        await act(context, interaction, reply.Regenerate(target.message_id, target.character, wish=wish))
        return await panel(context.log, target, "It is asked for.")

    await answer(interaction, work)


async def edit_form(context: Context, target: Target) -> Json:
    """The form with the words of the reply, to be changed. Raises Rejected."""
    text = await own_words(context.log, target)
    if len(text) > FORM_TEXT:
        raise Rejected(f"It is longer than Discord's forms, which take {FORM_TEXT:,} characters. Delete it, or ask for a shorter one.")
    return form(custom_ids.REPLY_EDITED.id(target.message_id, target.character), "Edit the reply", [_words(text)])


def _words(text: str) -> Json:
    return text_input("text", "What it says", text, long=True, required=True)


async def edited(context: Context, interaction: Interaction, target: Target) -> None:
    """Make the words a new version."""
    text = submitted(interaction).get("text", "")

    async def work() -> Told:
        await act(context, interaction, reply.EditReply(target.message_id, target.character, text=text))
        return changed(interaction, "It says that now, as a new version.")

    await answer(interaction, work)


def report_form(shown: replies.Shown) -> Json:
    """The form that asks what is wrong with a reply. Pure."""
    asked = text_input("text", "What is wrong with it?", hint="The bot's owners read this.", most=opinion.LONGEST, long=True)
    return form(custom_ids.REPLY_REPORTED.id(shown.message_id, shown.character, shown.turn), "Report this reply", [asked])


async def reported(context: Context, interaction: Interaction, values: Values) -> None:
    """Keep the report for those who run the bot."""
    message_id, character, version = values
    command = opinion.Report(message_id, character, version, submitted(interaction).get("text", ""))

    async def work() -> Told:
        await execute(context.log, context.actor(interaction), command, key_of(interaction.id))
        return Told("Thank you. The bot's owners can read it.")

    await answer(interaction, work)

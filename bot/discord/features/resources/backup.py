"""A backup of shapes.inc in three steps: what it holds, who was who, and only then it comes in. The steps themselves: bot.shapes."""

from uuid import UUID

from bot import shapes
from bot.discord import custom_ids
from bot.discord.answers import Interaction, Told, answer, open_form
from bot.discord.components import button, form, row, text_input
from bot.discord.context import key_of
from bot.discord.custom_ids import Press, Values
from bot.discord.features.resources.editor import NOTES, Editor, listed
from bot.discord.limits import FORM_INPUTS
from bot.discord.payload import Json
from bot.discord.presses import Handler, submitted
from engine.decide.rejected import Rejected
from engine.shapes import senders


async def preview(editor: Editor, interaction: Interaction, raw: bytes) -> Told:
    """What a backup holds and whose its memories are, with the buttons that go on. Nothing is made yet. Raises Rejected."""
    actor = editor.context.actor(interaction)
    found = await shapes.look(editor.context.log, actor, raw, key_of(interaction.id))
    head = f"A backup of shapes.inc. {found.words}"
    end = "Nothing was made yet; the file is kept for a day for you to bring it in."
    buttons = [button(custom_ids.BACKUP_IN.id(found.held), "Bring it in", "blue")]
    if found.senders:
        buttons.append(button(custom_ids.BACKUP_WHO.id(found.held), "Say who was who first"))
    asked = [f"- {line}" if n else line for n, line in enumerate(shapes.asked(found.senders)[: NOTES + 1])]
    return Told("\n".join([head, *asked]) + listed(found.notes) + f"\n{end}", (row(*buttons),))


def handlers(editor: Editor) -> dict[Press, Handler]:
    """The buttons of the preview, and the form of the second step."""
    context = editor.context

    async def bring(interaction: Interaction, held: UUID, said: dict[str, str]) -> Told:
        begun = await shapes.bring(context.log, context.actor(interaction), held, said)
        job = f"Memories and talk come in by job `{str(begun.job)[:8]}`, as your private talk with it. Twice adds nothing."
        return editor.is_there(interaction, begun.item, (job, *begun.notes))

    async def bring_in(interaction: Interaction, values: Values) -> None:
        await answer(interaction, lambda: bring(interaction, values[0], {}))

    async def who(interaction: Interaction, values: Values) -> None:
        async def work() -> Json:
            found = (await shapes.who(context.log, context.actor(interaction), values[0]))[:FORM_INPUTS]
            if not found:
                raise Rejected("Its memories name nobody. Press Bring it in instead.")
            lines = [text_input(f"s{n}", one.words, hint=senders.HINT, most=100, long=False) for n, one in enumerate(found)]
            return form(custom_ids.BACKUP_MAPPED.id(values[0]), "Who was who? Left empty: you", lines)

        await open_form(interaction, work)

    async def mapped(interaction: Interaction, values: Values) -> None:
        texts = submitted(interaction)

        async def work() -> Told:
            found = await shapes.who(context.log, context.actor(interaction), values[0])
            said = {one.key: text for n, one in enumerate(found[:FORM_INPUTS]) if (text := texts.get(f"s{n}", "").strip())}
            return await bring(interaction, values[0], said)

        await answer(interaction, work)

    return {custom_ids.BACKUP_IN: bring_in, custom_ids.BACKUP_WHO: who, custom_ids.BACKUP_MAPPED: mapped}

"""The buttons, selects and forms of the things people edit. All they mean stands in their custom_ids; who may, the rules say."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.discord import custom_ids
from bot.discord.answers import Interaction, Told, answer, open_form, update
from bot.discord.components import button, row
from bot.discord.custom_ids import Press, Values
from bot.discord.features.resources import backup, known, screens
from bot.discord.features.resources.editor import Editor
from bot.discord.payload import Json
from bot.discord.presses import Handler, chosen, submitted
from bot.editing import KINDS, Item
from bot.sheets import EVERY
from engine.decide.rejected import Rejected
from engine.resources.kinds import Kind
from engine.resources.typed import Wrong

GONE = "There are no such fields any more. Use `/{} edit` instead."


def handlers(editor: Editor) -> dict[Press, Handler]:
    """What each does, by its custom_id."""
    pressed = _Pressed(editor)
    return {
        custom_ids.CREATE: pressed.create,
        custom_ids.CREATE_AGAIN: pressed.create_again,
        custom_ids.BROWSE: pressed.browse,
        custom_ids.OPEN: pressed.open,
        custom_ids.EDIT: pressed.edit,
        custom_ids.SCREEN: pressed.screen,
        custom_ids.FORM_OPEN: pressed.form_open,
        custom_ids.FORM: pressed.form,
        custom_ids.FORM_AGAIN: pressed.form_again,
        custom_ids.SWITCH: pressed.switch,
        custom_ids.CHOOSE: pressed.choose,
        custom_ids.EXPORT: pressed.export,
        custom_ids.DELETE: pressed.delete,
        **backup.handlers(editor),
    }


class _Pressed:
    """The handlers."""

    def __init__(self, editor: Editor) -> None:
        self.editor, self.context = editor, editor.context

    async def _own(self, interaction: Interaction, kind: Kind[Any], values: Values) -> Item:
        return await known.own(self.context, kind, self.context.actor(interaction), values[1])

    async def create(self, interaction: Interaction, values: Values) -> None:
        texts = submitted(interaction)
        await answer(interaction, lambda: self.editor.create(interaction, KINDS[values[0]], texts))

    async def create_again(self, interaction: Interaction, values: Values) -> None:
        kind, user = KINDS[values[0]], self.context.actor(interaction).user_id

        async def work() -> Json:
            return screens.create_form(kind, self.editor.drafts.take(user, kind, None))

        await open_form(interaction, work)

    async def browse(self, interaction: Interaction, values: Values) -> None:
        actor = self.context.actor(interaction)
        await update(interaction, lambda: self.editor.browse(actor, KINDS[values[0]], values[1]))

    async def open(self, interaction: Interaction, values: Values) -> None:
        kind, actor = KINDS[values[0]], self.context.actor(interaction)
        texts = chosen(interaction)

        async def work() -> Told:
            wanted = texts[0] if texts else ""
            if custom_ids.ID.pattern.fullmatch(wanted) is None:
                raise Rejected(f"There is no such {kind.name}. Use `/{kind.name} browse` instead.")
            return await self.editor.view(actor, await known.by_id(self.context, kind, actor, custom_ids.ID.read(wanted)))

        await answer(interaction, work)

    async def edit(self, interaction: Interaction, values: Values) -> None:
        kind, actor = EVERY[values[0]], self.context.actor(interaction)

        async def work() -> Told:
            return await self.editor.dashboard(actor, await self._own(interaction, kind, values), 0)

        await answer(interaction, work)

    async def screen(self, interaction: Interaction, values: Values) -> None:
        kind, actor, texts = EVERY[values[0]], self.context.actor(interaction), chosen(interaction)

        async def work() -> Told:
            number = int(texts[0]) if texts and custom_ids.NUMBER.pattern.fullmatch(texts[0]) else -1
            return await self.editor.dashboard(actor, await self._own(interaction, kind, values), number)

        await update(interaction, work)

    async def form_open(self, interaction: Interaction, values: Values) -> None:
        kind, actor = EVERY[values[0]], self.context.actor(interaction)

        async def work() -> Json:
            item = await self._own(interaction, kind, values)
            found = screens.screens(kind, actor)
            forms = found[values[2]].forms if values[2] < len(found) else []
            specs = [s for s in forms[values[3]] if not screens.too_long(item, s)] if values[3] < len(forms) else []
            if not specs:
                raise Rejected(GONE.format(kind.name))
            return screens.edit_form(item, specs, {})

        await open_form(interaction, work)

    async def form_again(self, interaction: Interaction, values: Values) -> None:
        kind, actor = EVERY[values[0]], self.context.actor(interaction)

        async def work() -> Json:
            item = await self._own(interaction, kind, values)
            texts = self.editor.drafts.take(actor.user_id, kind, item.id)
            specs = [spec for spec in screens.editable(kind, actor) if spec.key in texts]
            if not specs:
                raise Rejected(f"What was typed is not kept any more. Use `/{kind.name} edit` instead.")
            return screens.edit_form(item, specs, texts)

        await open_form(interaction, work)

    async def form(self, interaction: Interaction, values: Values) -> None:
        """A form that was sent: from a dashboard, which then shows it, or from a command."""
        kind, actor = EVERY[values[0]], self.context.actor(interaction)
        mine = {spec.key for spec in screens.editable(kind, actor)}
        texts = {key: text for key, text in submitted(interaction).items() if key in mine}

        async def work() -> Told:
            item = await self._own(interaction, kind, values)
            if not texts:
                raise Rejected(GONE.format(kind.name))
            try:
                after = await self.editor.typed(interaction, item, texts)
                if after != item.values and screens.mark(item, texts) != values[2]:
                    raise Rejected("It was changed elsewhere since you opened the form. Try again to look at it and keep yours.")
                return await self.editor.changed(interaction, item, after, screens.screen_of(kind, actor, next(iter(texts))))
            except (Rejected, Wrong) as error:
                self.editor.drafts.keep(actor.user_id, kind, item.id, texts)
                again = button(custom_ids.FORM_AGAIN.id(kind.name, item.id), "Try again", "blue")
                return Told(str(error), (row(again),), done=False)

        await (update if interaction.message is not None else answer)(interaction, work)

    async def switch(self, interaction: Interaction, values: Values) -> None:
        await self._set(interaction, values, lambda: "yes" if values[3] else "no")

    async def choose(self, interaction: Interaction, values: Values) -> None:
        texts = chosen(interaction)
        await self._set(interaction, values, lambda: "" if texts == [screens.NOTHING] else "".join(texts))

    async def _set(self, interaction: Interaction, values: Values, text: Callable[[], str]) -> None:
        kind, actor, key = EVERY[values[0]], self.context.actor(interaction), values[2]

        async def work() -> Told:
            item = await self._own(interaction, kind, values)
            if key not in {spec.key for spec in screens.editable(kind, actor)}:
                raise Rejected(GONE.format(kind.name))
            after = await self.editor.typed(interaction, item, {key: text()})
            return await self.editor.changed(interaction, item, after, screens.screen_of(kind, actor, key))

        await update(interaction, work)

    async def export(self, interaction: Interaction, values: Values) -> None:
        await self._one(interaction, values, self.editor.exported, own=False)

    async def delete(self, interaction: Interaction, values: Values) -> None:
        await self._one(interaction, values, lambda item: self.editor.delete(interaction, item), own=True)

    async def _one(self, interaction: Interaction, values: Values, work: Callable[[Item], Awaitable[Told]], *, own: bool) -> None:
        kind, actor = KINDS[values[0]], self.context.actor(interaction)

        async def found() -> Told:
            return await work(await (known.own if own else known.by_id)(self.context, kind, actor, values[1]))

        await answer(interaction, found)

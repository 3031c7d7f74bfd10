"""`/character`, `/preset` and so on: one group of commands for each kind of thing that people edit, made of its fields."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import nextcord
from nextcord import SlashOption

from bot import avatars, cards, editing, portable
from bot.discord.answers import Choices, Interaction, Told, answer, open_form
from bot.discord.attached import content
from bot.discord.context import key_of, user_id
from bot.discord.features.declare import UNCHANGED, answering, bare, command_group, suggesting
from bot.discord.features.resources import backup, known, screens
from bot.discord.features.resources.editor import Editor
from bot.discord.features.undo.press import changed
from bot.discord.limits import CHOICE, CHOICES
from bot.discord.payload import Json
from bot.editing import Item
from engine.actor import Actor
from engine.decide import character, preset
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHARACTER, Kind
from projections.models import catalog

WHICH = "Name or short name"
A_FILE = SlashOption(description="A JSON file of ours; for a character also a card (PNG, JSON, CHARX) or a ZIP of shapes.inc")
A_PICTURE = SlashOption(description="A PNG, JPEG, GIF or WebP; leave it out to take the picture away", required=False)


def add_commands(client: nextcord.Client, kind: Kind[Any], editor: Editor) -> Any:
    """Add the commands of one kind; returns their group. What only some kinds have comes from the fields they have."""

    @command_group(kind.name, f"Make, look at and change a {kind.name}", under=client)
    async def group(interaction: Interaction) -> None:
        """Only its sub-commands can be called."""

    _reading(group, kind, editor)
    _exporting(group, kind, editor)
    _making(group, kind, editor)
    _editing(group, kind, editor)
    _deleting(group, kind, editor)
    for key, add in (("aliases", _naming), ("avatar", _picturing), ("is_default", _choosing)):
        if kind.field(key) is not None:
            add(group, kind, editor)
    return group


def _reading(group: Any, kind: Kind[Any], editor: Editor) -> None:
    """Add `view` and `browse`."""
    context = editor.context

    @answering("view", f"Look at a {kind.name}", under=group)
    async def view(interaction: Interaction, name: str = SlashOption(name=kind.name, description=WHICH, autocomplete=True)) -> Told:
        actor = context.actor(interaction)
        return await editor.view(actor, await known.find(context, kind, actor, name))

    @suggesting("name", view)
    async def suggest_view(interaction: Interaction, name: str) -> Choices:
        return await known.suggest(context, interaction, kind, name, editable=False)

    @answering("browse", f"See every {kind.name} you can use", under=group)
    async def browse(interaction: Interaction) -> Told:
        return await editor.browse(context.actor(interaction), kind, 0)


def _exporting(group: Any, kind: Kind[Any], editor: Editor) -> None:
    """Add `export`, with the kinds of cards that a character can be."""
    context = editor.context
    forms = cards.FORMS if kind.field("card") is not None else cards.FORMS[:1]

    @answering("export", f"Get a {kind.name} as a file, with every field", under=group)
    async def export(
        interaction: Interaction,
        name: str = SlashOption(name=kind.name, description=WHICH, autocomplete=True),
        form: str = SlashOption(description="The kind of file", required=False, default=forms[0], choices=list(forms)),
    ) -> Told:
        wanted = next((one for one in forms if one == form), forms[0])
        return await editor.exported(await known.find(context, kind, context.actor(interaction), name), wanted)

    @suggesting("name", export)
    async def suggest_export(interaction: Interaction, name: str) -> Choices:
        return await known.suggest(context, interaction, kind, name, editable=False)


def _making(group: Any, kind: Kind[Any], editor: Editor) -> None:
    """Add `create` and `import`."""

    @bare("create", f"Make a {kind.name} of your own", under=group)
    async def create(interaction: Interaction) -> None:
        async def work() -> Json:
            return screens.create_form(kind, {})

        await open_form(interaction, work)

    @answering("import", f"Make a {kind.name} from a file: ours or the predecessor's", under=group)
    async def import_(interaction: Interaction, file: nextcord.Attachment = A_FILE) -> Told:
        most = portable.MOST_BYTES if kind is CHARACTER and file.filename.casefold().endswith(".zip") else cards.MOST_BYTES
        raw = await content(file, most)
        if kind is CHARACTER and portable.is_backup(raw):
            return await backup.preview(editor, interaction, raw)
        return await editor.imported(interaction, kind, raw, file.filename)


def _editing(group: Any, kind: Kind[Any], editor: Editor) -> None:
    """Add `edit`: the dashboard, the form of one field, or one field at once."""
    context = editor.context

    async def found(interaction: Interaction, name: str) -> Item:
        return await known.find_own(context, kind, context.actor(interaction), name)

    @bare("edit", f"Change your {kind.name}", under=group)
    async def edit(
        interaction: Interaction,
        name: str = SlashOption(name=kind.name, description=WHICH, autocomplete=True),
        field: str = SlashOption(description="One field; leave it out to see them all", required=False, default="", autocomplete=True),
        value: str = SlashOption(description="Its new value; leave it out for a form", required=False, default=""),
    ) -> None:
        await edit_found(editor, interaction, kind, lambda: found(interaction, name), field, value)

    @suggesting("name", edit)
    async def suggest_edit(interaction: Interaction, name: str) -> Choices:
        return await known.suggest(context, interaction, kind, name, editable=True)

    @suggesting("field", edit)
    async def suggest_field(interaction: Interaction, field: str) -> Choices:
        return field_choices(kind, context.actor(interaction), field)


def _deleting(group: Any, kind: Kind[Any], editor: Editor) -> None:
    """Add `delete`."""
    context = editor.context

    @answering("delete", f"Delete your {kind.name}; says first what that does", under=group)
    async def delete(interaction: Interaction, name: str = SlashOption(name=kind.name, description=WHICH, autocomplete=True)) -> Told:
        return editor.deletion(await known.find_own(context, kind, context.actor(interaction), name))

    @suggesting("name", delete)
    async def suggest_delete(interaction: Interaction, name: str) -> Choices:
        return await known.suggest(context, interaction, kind, name, editable=True)


def _naming(group: Any, kind: Kind[Any], editor: Editor) -> None:
    """Add `alias`."""
    context = editor.context

    @answering("alias", f"Give your {kind.name} another name, or take one away", under=group)
    async def alias(
        interaction: Interaction,
        name: str = SlashOption(name=kind.name, description=WHICH, autocomplete=True),
        alias: str = SlashOption(description="The other name", max_length=100),
        remove: bool = SlashOption(description="Take it away", required=False, default=False),
    ) -> Told:
        return await _aliased(editor, interaction, kind, name, alias, remove=remove)

    @suggesting("name", alias)
    async def suggest_alias(interaction: Interaction, name: str) -> Choices:
        return await known.suggest(context, interaction, kind, name, editable=True)


def _picturing(group: Any, kind: Kind[Any], editor: Editor) -> None:
    """Add `avatar`."""
    context = editor.context

    @answering("avatar", f"Give your {kind.name} a picture, or take it away", under=group)
    async def avatar(
        interaction: Interaction,
        name: str = SlashOption(name=kind.name, description=WHICH, autocomplete=True),
        picture: nextcord.Attachment | None = A_PICTURE,
    ) -> Told:
        return await _pictured(editor, interaction, kind, name, picture)

    @suggesting("name", avatar)
    async def suggest_avatar(interaction: Interaction, name: str) -> Choices:
        return await known.suggest(context, interaction, kind, name, editable=True)


def _choosing(group: Any, kind: Kind[Any], editor: Editor) -> None:
    """Add `default`."""
    context = editor.context

    @answering("default", f"Choose the {kind.name} that answers you, or see which does", under=group)
    async def default(
        interaction: Interaction,
        name: str = SlashOption(name=kind.name, description=WHICH, required=False, default="", autocomplete=True),
        clear: bool = SlashOption(description="Choose none of your own any more", required=False, default=False),
        everybody: bool = SlashOption(description="For everybody; the bot's owners only", required=False, default=False),
    ) -> Told:
        return await _default(editor, interaction, kind, name, clear=clear, everybody=everybody)

    @suggesting("name", default)
    async def suggest_default(interaction: Interaction, name: str) -> Choices:
        return await known.suggest(context, interaction, kind, name, editable=False)


def field_choices(kind: Kind[Any], actor: Actor, typed: str) -> dict[str, str]:
    """At most 25 fields for what was typed: label to key."""
    wanted = typed.casefold()
    hits = [s for s in screens.editable(kind, actor) if wanted in s.shown.label.casefold() or wanted in s.key]
    return {spec.shown.label[:CHOICE]: spec.key for spec in hits[:CHOICES]}


async def edit_sheet(editor: Editor, interaction: Interaction, kind: Kind[Any], item_id: UUID, field: str, value: str) -> None:
    """Answer an `edit` of what is simply there (bot.sheets): the dashboard, the form of one field, or one field changed at once."""

    async def found() -> Item:
        return await known.own(editor.context, kind, editor.context.actor(interaction), item_id)

    await edit_found(editor, interaction, kind, found, field, value)


async def edit_found(
    editor: Editor, interaction: Interaction, kind: Kind[Any], found: Callable[[], Awaitable[Item]], field: str, value: str
) -> None:
    """The same for what `found` finds, which is asked for in time to answer whatever it raises."""
    if field and not value:
        await open_form(interaction, lambda: _form_of(kind, editor.context.actor(interaction), found, field))
    else:
        await answer(interaction, lambda: _edited(editor, interaction, kind, found, field, value))


async def _form_of(kind: Kind[Any], actor: Actor, found: Callable[[], Awaitable[Item]], field: str) -> Json:
    item = await found()
    spec = _field(kind, actor, field)
    if screens.too_long(item, spec):
        carried = f"Use `/{kind.name} export`, change the file, and `/{kind.name} import`."
        raise Rejected(f"It is longer than a form of Discord's takes. {carried}")
    return screens.edit_form(item, [spec], {})


def _field(kind: Kind[Any], actor: Actor, key: str) -> Any:
    spec = kind.field(key)
    if spec is None or spec not in screens.editable(kind, actor):
        raise Rejected(f"A {kind.name} has no such field. Choose one of those that are suggested, or use `/{kind.name} edit` without one.")
    return spec


async def _edited(
    editor: Editor, interaction: Interaction, kind: Kind[Any], found: Callable[[], Awaitable[Item]], field: str, value: str
) -> Told:
    """The dashboard, or one field changed at once."""
    actor, item = editor.context.actor(interaction), await found()
    if not field:
        return await editor.dashboard(actor, item, 0)
    spec = _field(kind, actor, field)
    if not await editor.change(interaction, item, await editor.typed(interaction, item, {spec.key: value})):
        raise Rejected(UNCHANGED)
    return changed(interaction, f"**{item.name}** is changed.")


async def _aliased(editor: Editor, interaction: Interaction, kind: Kind[Any], name: str, alias: str, *, remove: bool) -> Told:
    context, actor = editor.context, editor.context.actor(interaction)
    item = await known.find_own(context, kind, actor, name)
    command = (character.RemoveAlias if remove else character.AddAlias)(item.id, alias)
    await editing.carry_out(context.log, actor, command, key_of(interaction.id))
    return changed(interaction, f"**{item.name}** {'lost that name' if remove else 'answers to that name too'}.")


async def _pictured(editor: Editor, interaction: Interaction, kind: Kind[Any], name: str, picture: nextcord.Attachment | None) -> Told:
    context, actor = editor.context, editor.context.actor(interaction)
    item = await known.find_own(context, kind, actor, name)
    key = key_of(interaction.id)
    if picture is None:
        done = await avatars.clear(context.log, actor, item.id, key)
        text = f"**{item.name}** has no stored picture any more."
    else:
        done = await avatars.put(context.log, actor, item.id, await content(picture, avatars.MOST_BYTES), key)
        text = f"**{item.name}** has a new picture."
    if not done.events:
        raise Rejected(UNCHANGED)
    return changed(interaction, text)


async def _default(editor: Editor, interaction: Interaction, kind: Kind[Any], name: str, *, clear: bool, everybody: bool) -> Told:
    context, actor = editor.context, editor.context.actor(interaction)
    if everybody and not actor.trusted:
        raise Rejected("Only the bot's owners can choose for everybody.")
    if clear:
        return await _chosen(editor, interaction, None)
    if not name:
        return Told(await _defaults(editor, kind, actor))
    item = await known.find(context, kind, actor, name)
    if not everybody:
        return await _chosen(editor, interaction, item)
    await editing.make_default(context.log, actor, item, key_of(interaction.id))
    return changed(interaction, f"**{item.name}** answers everybody who chose nothing else.")


async def _chosen(editor: Editor, interaction: Interaction, item: Item | None) -> Told:
    command = preset.ChooseDefault(user_id(interaction), item.id if item else None)
    done = await editing.carry_out(editor.context.log, editor.context.actor(interaction), command, key_of(interaction.id))
    if not done.events:
        raise Rejected(UNCHANGED)
    return changed(
        interaction, f"**{item.name}** answers you from now on, whoever speaks." if item else "You have no default of your own now."
    )


async def _defaults(editor: Editor, kind: Kind[Any], actor: Actor) -> str:
    """Which of them answer this person, and whose choice that is."""
    known_to = {item.id: item.name for item in await known.items(editor.context, kind, actor)}
    async with editor.context.log.pool.connection() as connection:
        chosen = await catalog.defaults(connection, actor.user_id)
        everybody = await catalog.default_preset(connection, editor.context.log.vault)
    own = f"**{known_to[chosen.own]}**" if chosen.own in known_to else f"none: `/{kind.name} default` with a name chooses one"
    theirs = known_to.get(chosen.everybody) if chosen.everybody else None
    last = theirs or (everybody.name if everybody else "none")
    return f"Your own: {own}.\nEverybody's, where a character has none of its own: **{last}**."

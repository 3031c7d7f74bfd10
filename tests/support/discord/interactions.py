"""Interactions: the bot's answers (message, deferral, update, choices, modal, follow-ups) and Discord's clock on them."""

import time

from tests.support.discord import payloads
from tests.support.discord.core import ANSWER_WITHIN, TOKEN_LIVES, Core, Interaction
from tests.support.discord.errors import ALREADY_ACKNOWLEDGED, UNKNOWN_INTERACTION, ApiError, Json, invalid, unknown
from tests.support.discord.messages import EPHEMERAL, attach, change, check, mentioned, publish, shown
from tests.support.discord.routes import Call, Reply, route

MESSAGE, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9


def interaction_by_token(core: Core, token: str) -> Interaction:
    """The interaction whose token is still good (15 minutes); raises 404 10015 or 401 50027."""
    interaction = next((i for i in core.interactions.values() if i.token == token), None)
    if interaction is None:
        raise unknown("Webhook", 10015)
    if time.monotonic() - interaction.at > TOKEN_LIVES:
        raise ApiError(401, 50027, "Invalid Webhook Token")
    return interaction


@route("POST", "/interactions/{interaction_id}/{interaction_token}/callback", public=True)
async def callback(core: Core, call: Call) -> Reply:
    interaction = core.interactions.get(call["interaction_id"])
    if interaction is None or interaction.token != call["interaction_token"]:
        raise ApiError(*UNKNOWN_INTERACTION)
    if interaction.callback is not None:
        raise ApiError(*ALREADY_ACKNOWLEDGED)
    took = time.monotonic() - interaction.at
    if took > ANSWER_WITHIN:
        core.recorder.violations.append(f"interaction answered after {took:.1f} s")
        raise ApiError(*UNKNOWN_INTERACTION)
    await answer(core, interaction, call, int(call.body.get("type", 0)), call.body.get("data") or {})
    interaction.answered_after = took
    core.notify()
    return Reply()


async def answer(core: Core, interaction: Interaction, call: Call, kind: int, data: Json) -> None:
    """Apply the first answer; a refused one leaves the interaction open, as Discord does."""
    interaction.ephemeral = bool(int(data.get("flags") or 0) & EPHEMERAL)
    if kind == MESSAGE:
        await say(core, interaction, call, data)
    elif kind == UPDATE and interaction.source is not None:
        await change(core, core.world.channel(interaction.channel_id), interaction.source, data)
    elif kind == CHOICES:
        interaction.choices = checked_choices(data)
    elif kind == MODAL:
        interaction.modal = checked_modal(data)
    elif kind not in (DEFER, DEFER_UPDATE):
        raise invalid("type", "BASE_TYPE_CHOICES", "Value must be one of {4, 5, 6, 7, 8, 9}.")
    interaction.callback = kind


def checked_choices(data: Json) -> list[Json]:
    """At most 25 choices with names of 1 to 100 characters."""
    choices: list[Json] = data.get("choices") or []
    if len(choices) > 25:
        raise invalid("data.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for choice in choices:
        if not 1 <= len(str(choice.get("name", ""))) <= 100:
            raise invalid("data.choices.name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    return choices


def checked_modal(data: Json) -> Json:
    """A modal: title of 1 to 45, custom_id of 1 to 100, one to five rows."""
    if not 1 <= len(str(data.get("title") or "")) <= 45:
        raise invalid("data.title", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 45 in length.")
    if not 1 <= len(str(data.get("custom_id") or "")) <= 100:
        raise invalid("data.custom_id", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    if not 1 <= len(data.get("components") or []) <= 5:
        raise invalid("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    return data


async def follow_up(core: Core, interaction: Interaction, call: Call) -> Json:
    """A follow-up, or the message that a deferral promised."""
    if interaction.callback is None:
        raise ApiError(404, 10015, "Unknown Webhook")
    message = await say(core, interaction, call, call.body)
    core.notify()
    return shown(core.world, message)


async def say(core: Core, interaction: Interaction, call: Call, data: Json) -> Json:
    """Post a message of the bot in answer to an interaction; ephemeral ones stay out of the channel."""
    check(data, len(call.files))
    channel = core.world.channel(interaction.channel_id)
    content = str(data.get("content") or "").strip()
    flags = int(data.get("flags") or 0) | (EPHEMERAL if interaction.ephemeral and not interaction.messages else 0)
    extra = mentioned(core.world, content) | {"flags": flags, "type": 20, "application_id": core.world.application_id}
    extra |= {
        "embeds": data.get("embeds") or [],
        "components": data.get("components") or [],
        "attachments": attach(core.world, channel, call),
    }
    extra["webhook_id"] = core.world.application_id
    message = payloads.message(core.world, core.world.ids.new(), channel, payloads.user(core.world.bot), content, **extra)
    interaction.messages.append(message)
    return message if flags & EPHEMERAL else await publish(core, channel, message)

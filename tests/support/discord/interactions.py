"""Interactions: the bot's answers (message, deferral, update, choices, modal, follow-ups) and Discord's clock on them."""

import time

from tests.support.discord import payloads
from tests.support.discord.checks import EPHEMERAL, check
from tests.support.discord.components import check_modal
from tests.support.discord.core import ANSWER_WITHIN, TOKEN_LIVES, Core, Interaction
from tests.support.discord.errors import ALREADY_ACKNOWLEDGED, UNKNOWN_INTERACTION, ApiError, Json, invalid, unknown
from tests.support.discord.messages import attach, change, content_fields, publish, shown
from tests.support.discord.routes import Call, Reply, route
from tests.support.discord.shapes import mapping, number, objects, sized, text

MESSAGE, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
COMMAND, COMPONENT, AUTOCOMPLETE, SUBMIT = 2, 3, 4, 5
ANSWERS = {
    COMMAND: (MESSAGE, DEFER, MODAL),
    COMPONENT: (MESSAGE, DEFER, DEFER_UPDATE, UPDATE, MODAL),
    AUTOCOMPLETE: (CHOICES,),
    SUBMIT: (MESSAGE, DEFER, DEFER_UPDATE, UPDATE),
}
"""Which first answers an interaction of each type takes."""


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
    kind = number("type", call.body.get("type"), 1, 12, needed=True) or 0
    await answer(core, interaction, call, kind, mapping("data", call.body.get("data")) or {})
    interaction.answered_after = took
    core.notify()
    return Reply(_callback(core, interaction)) if call.query.get("with_response") in ("1", "true", "True") else Reply()


def _callback(core: Core, interaction: Interaction) -> Json:
    """What `with_response` asks for: the interaction, and the message it was answered with."""
    told: Json = {"id": interaction.id, "type": interaction.payload["type"]}
    found: Json = {"interaction": told}
    shows = interaction.messages[0] if interaction.callback == MESSAGE else interaction.source if interaction.callback == UPDATE else None
    if shows is not None:
        told["response_message_id"] = shows["id"]
        found["resource"] = {"type": interaction.callback, "message": shown(core.world, shows)}
    return found


async def answer(core: Core, interaction: Interaction, call: Call, kind: int, data: Json) -> None:
    """Apply the first answer; a refused one leaves the interaction open, as Discord does."""
    allowed = ANSWERS[interaction.payload["type"]]
    if kind not in allowed:
        raise invalid("type", "BASE_TYPE_CHOICES", f"Value must be one of {allowed}.")
    interaction.ephemeral = bool((number("data.flags", data.get("flags"), 0, 1 << 31) or 0) & EPHEMERAL)
    if kind == MESSAGE:
        await say(core, interaction, call, data)
    elif kind == UPDATE and interaction.source is not None:
        await change(core, core.world.channel(interaction.channel_id), interaction.source, data)
    elif kind == CHOICES:
        interaction.choices = checked_choices(data)
    elif kind == MODAL:
        interaction.modal = check_modal(data)
    interaction.callback = kind


def checked_choices(data: Json) -> list[Json]:
    """At most 25 choices with names of 1 to 100 characters."""
    choices = objects("data.choices", data.get("choices"))
    sized("data.choices", choices, 0, 25)
    for index, choice in enumerate(choices):
        text(f"data.choices.{index}.name", choice.get("name"), 1, 100)
        if isinstance(choice.get("value"), str):
            text(f"data.choices.{index}.value", choice["value"], 1, 100)
        elif not isinstance(choice.get("value"), int | float):
            raise invalid(f"data.choices.{index}.value", "BASE_TYPE_REQUIRED", "This field is required")
    return choices


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
    fields = content_fields(core.world, data)
    own = (number("flags", data.get("flags"), 0, 1 << 31) or 0) & EPHEMERAL
    hidden = own | (EPHEMERAL if interaction.ephemeral and not interaction.messages else 0)
    extra: Json = fields | {"flags": fields["flags"] | hidden, "type": 20 if interaction.payload["type"] == COMMAND else 0}
    extra |= {"application_id": core.world.application_id, "webhook_id": core.world.application_id}
    extra["attachments"] = attach(core.world, channel, call)
    message = payloads.message(core.world, core.world.ids.new(), channel, payloads.user(core.world.bot), **extra)
    interaction.messages.append(message)
    return message if hidden else await publish(core, channel, message)

"""What people do on the stand-in: write, reply, edit, react, run commands, press buttons. The tests' half of the API."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime

from tests.support.discord import payloads
from tests.support.discord.commands import command_data, find_command, focused_data
from tests.support.discord.core import Core, Interaction
from tests.support.discord.errors import Json
from tests.support.discord.faults import Fault
from tests.support.discord.forms import filled, pressed
from tests.support.discord.messages import change, mentioned, publish, reacted, remove, reply_fields, shown, stored
from tests.support.discord.places import start_thread
from tests.support.discord.world import DM, Channel

COMMAND, COMPONENT, AUTOCOMPLETE, SUBMIT = 2, 3, 4, 5
FILE = tuple[str, bytes, str]


class People(Core):
    """Actions of users. Channels and users are named by id or by name; a new user name becomes a member at once."""

    def messages(self, channel: str) -> list[Json]:
        """All messages of a channel, oldest first, as REST would show them."""
        found = self.world.channel(channel).messages.values()
        return [shown(self.world, m) for m in sorted(found, key=lambda m: int(m["id"]))]

    def replies(self, channel: str, after: str = "0") -> list[Json]:
        """Messages by webhooks and the bot that are newer than `after`, oldest first."""
        newer = [m for m in self.messages(channel) if int(m["id"]) > int(after)]
        return [m for m in newer if m.get("webhook_id") or m["author"]["id"] == self.world.bot.id]

    def user_id(self, user: str) -> str:
        """The id behind a name; makes the user if new."""
        return self.world.person(user).id

    def dm(self, user: str) -> str:
        """Channel id of this user's DM with the bot."""
        return self.world.dm(self.world.person(user).id).id

    async def wait_reply(self, channel: str, after: str = "0", count: int = 1, timeout: float = 60.0) -> list[Json]:
        """At least `count` replies newer than `after`."""

        def enough() -> list[Json] | None:
            found = self.replies(channel, after)
            return found if len(found) >= count else None

        return await self.wait_for(enough, timeout, f"{count} replies in {channel}")

    async def wait_connected(self, timeout: float = 60.0) -> None:
        """Until a bot has identified or resumed."""
        await self.wait_for(lambda: self.gateway.connected or None, timeout, "a gateway connection")

    async def say(
        self,
        channel: str,
        user: str,
        text: str,
        *,
        reply_to: str | None = None,
        ping: bool = True,
        at: datetime | None = None,
        files: Sequence[FILE] = (),
        extra: Mapping[str, object] | None = None,
    ) -> str:
        """A user's message; answers its id.

        `reply_to` makes it a reply, `ping` is the reply's toggle (Discord lists the author in `mentions`, but never a webhook);
        `at` backdates it; `extra` overrides wire fields (stickers, embeds, polls, forwards).
        """
        place, author = self.world.channel(channel), self.world.person(user)
        fields = mentioned(self.world, text) | {"attachments": [stored(self.world, place, n, kind, data) for n, data, kind in files]}
        if reply_to is not None:
            fields |= self._reply(place, fields, reply_to, ping)
        message_id = self.world.ids.new(at)
        message = payloads.message(self.world, message_id, place, payloads.user(author), text, **(fields | dict(extra or {})))
        await publish(self, place, message)
        return message_id

    def _reply(self, place: Channel, fields: Json, reply_to: str, ping: bool) -> Json:
        reply = reply_fields(self.world, place, {"message_id": reply_to})
        target = reply["referenced_message"]
        if ping and place.type != DM and target is not None and "webhook_id" not in target:
            known = {m["id"] for m in fields["mentions"]}
            reply["mentions"] = fields["mentions"] + ([target["author"]] if target["author"]["id"] not in known else [])
        return reply

    async def say_as_webhook(self, channel: str, name: str, text: str, *, application_id: str | None = None) -> str:
        """A message through somebody else's webhook, as PluralKit or a bridge posts."""
        place = self.world.channel(channel)
        hook = self.world.add_webhook(place.id, name, application_id)
        author: Json = payloads.user(self.world.bot) | {"id": hook.id, "username": name, "global_name": None, "bot": True}
        message = payloads.message(self.world, self.world.ids.new(), place, author, text, webhook_id=hook.id, **mentioned(self.world, text))
        await publish(self, place, message)
        return str(message["id"])

    async def edit(self, channel: str, message_id: str, text: str) -> None:
        """Edit any message's text."""
        await change(self, self.world.channel(channel), self.world.message(channel, message_id), {"content": text})

    async def delete(self, channel: str, message_id: str) -> None:
        """Delete any message."""
        await remove(self, self.world.channel(channel), self.world.message(channel, message_id))

    async def types(self, channel: str, user: str) -> None:
        """Show that somebody types."""
        place, person = self.world.channel(channel), self.world.person(user)
        payload: Json = {"channel_id": place.id, "user_id": person.id, "timestamp": int(time.time())}
        if place.guild_id:
            payload |= {"guild_id": place.guild_id, "member": payloads.member(person)}
        await self.gateway.dispatch("TYPING_START", payload)

    async def react(self, channel: str, user: str, message_id: str, emoji: str, *, added: bool = True) -> None:
        """Add (or take back) a user's reaction."""
        place = self.world.channel(channel)
        await reacted(self, place.id, self.world.person(user).id, message_id, emoji, added=added)

    async def thread(self, parent: str, name: str, user: str = "owner") -> str:
        """Start a thread; answers its id."""
        thread = await start_thread(self, self.world.channel(parent), name, self.world.person(user).id)
        return thread.id

    def add_channel(self, name: str) -> str:
        """A new text channel; call before the bot connects, or the bot learns of it only through messages."""
        return self.world.add_channel(name).id

    def fault(self, **how: object) -> Fault:
        """Inject a failure (see Fault); the newest fault that matches wins."""
        made = Fault(**how)  # type: ignore[arg-type]
        self.faults.insert(0, made)
        return made

    async def slash(self, channel: str, user: str, command: str, options: Mapping[str, object] | None = None) -> Interaction:
        """Run a slash command such as `character view`."""
        data = command_data(self.world, command, options or {})
        return await self._interact(COMMAND, channel, user, data)

    async def on_message(self, channel: str, user: str, command: str, message_id: str) -> Interaction:
        """Run a message command such as `Inspect` on a message."""
        found = find_command(self.world, command)
        resolved = {"messages": {message_id: shown(self.world, self.world.message(channel, message_id))}}
        data: Json = {"id": found["id"], "name": command, "type": found["type"], "target_id": message_id, "resolved": resolved}
        return await self._interact(COMMAND, channel, user, data)

    async def autocomplete(
        self, channel: str, user: str, command: str, focused: str, text: str, options: Mapping[str, object] | None = None
    ) -> Interaction:
        """Type `text` into one option; the choices arrive in `.choices`."""
        data = focused_data(self.world, command, {**(options or {}), focused: text}, focused)
        return await self._interact(AUTOCOMPLETE, channel, user, data)

    async def click(self, channel: str, user: str, message: Json, custom_id: str, values: Sequence[str] = ()) -> Interaction:
        """Press a button, or choose in a select: the component must be on the message, and the choice one it offers."""
        data = pressed(self.world, message, custom_id, values)
        return await self._interact(COMPONENT, channel, user, data, shown(self.world, message))

    async def submit(self, opened: Interaction, user: str, values: Mapping[str, str | Sequence[str]]) -> Interaction:
        """Send the modal that `opened` was answered with. A text for a field, a list of values for a select."""
        assert opened.modal is not None, "the interaction was not answered with a modal"
        data: Json = {"custom_id": opened.modal["custom_id"], "components": filled(opened.modal["components"], values)}
        return await self._interact(SUBMIT, opened.channel_id, user, data, opened.source)

    async def send_form(self, opened: Interaction, user: str, texts: Mapping[str, object]) -> Interaction:
        """Send a modal with whatever stands in its fields, also what no client would send."""
        assert opened.modal is not None, "the interaction was not answered with a modal"
        rows = [{"type": 1, "components": [{"type": 4, "custom_id": key, "value": value}]} for key, value in texts.items()]
        return await self._interact(
            SUBMIT, opened.channel_id, user, {"custom_id": opened.modal["custom_id"], "components": rows}, opened.source
        )

    async def _interact(self, kind: int, channel: str, user: str, data: Json, source: Json | None = None) -> Interaction:
        place, person = self.world.channel(channel), self.world.person(user)
        interaction_id = self.world.ids.new()
        payload: Json = {
            "id": interaction_id,
            "application_id": self.world.application_id,
            "type": kind,
            "data": data,
            "token": f"interaction-{interaction_id}",
            "version": 1,
            "channel_id": place.id,
            "channel": payloads.channel(self.world, place),
            "app_permissions": self.world.held(place),
            "locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": place.guild_id or "0"},
            "context": 1 if place.type == DM else 0,
            "attachment_size_limit": 10_485_760,
        }
        if place.guild_id:
            payload |= {
                "guild_id": place.guild_id,
                "guild_locale": "en-US",
                "guild": {"id": place.guild_id, "features": [], "locale": "en-US"},
            }
            payload["member"] = payloads.member(person) | {"permissions": person.permissions}
        else:
            payload["user"] = payloads.user(person)
        if source is not None:
            payload["message"] = source
        made = Interaction(interaction_id, str(payload["token"]), payload, place.id, person.id, source)
        self.interactions[made.id] = made
        await self.gateway.dispatch("INTERACTION_CREATE", payload)
        return made

    async def answered(self, interaction: Interaction, timeout: float = 60.0) -> Interaction:
        """Until the user sees a final answer."""
        return await self.wait_for(
            lambda: interaction if interaction.done else None, timeout, f"an answer to {interaction.payload['data']}"
        )

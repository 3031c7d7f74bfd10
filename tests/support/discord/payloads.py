"""Wire shapes: how Discord writes users, members, channels, guilds, messages and webhooks as JSON. Pure."""

from tests.support.discord.errors import Json
from tests.support.discord.world import (
    ALL_PERMISSIONS,
    BITS,
    DM,
    EVERYBODY,
    GUILD_FORUM,
    PUBLIC_THREAD,
    Channel,
    Guild,
    User,
    Webhook,
    World,
    moment,
)

JOINED = "2024-01-01T00:00:00.000000+00:00"


def user(u: User) -> Json:
    """A user object."""
    plain: Json = {
        "id": u.id,
        "username": u.name,
        "discriminator": "0000" if u.bot else "0",
        "global_name": u.global_name,
        "avatar": u.avatar,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
        "avatar_decoration_data": None,
    }
    return plain | ({"bot": True} if u.bot else {})


def me(u: User) -> Json:
    """The bot's own user, as `GET /users/@me` answers."""
    return user(u) | {"mfa_enabled": True, "locale": "en-US", "verified": True, "email": None}


def member(u: User, *, with_user: bool = True) -> Json:
    """A guild member; inside messages the user is left out."""
    plain: Json = {
        "nick": None,
        "avatar": None,
        "banner": None,
        "roles": [],
        "joined_at": JOINED,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "communication_disabled_until": None,
    }
    return plain | ({"user": user(u)} if with_user else {})


def role(role_id: str, name: str) -> Json:
    """A role of a guild."""
    return {
        "id": role_id,
        "name": name,
        "permissions": ALL_PERMISSIONS,
        "position": 0,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }


def channel(world: World, c: Channel) -> Json:
    """Any kind of channel."""
    last = max(c.messages, key=int, default=None)
    plain: Json = {"id": c.id, "type": c.type, "flags": 0, "last_message_id": last}
    if c.type == DM:
        return plain | {"recipients": [user(world.users[c.recipient or ""])]}
    plain |= {"guild_id": c.guild_id, "name": c.name, "parent_id": c.parent_id, "rate_limit_per_user": 0}
    if c.type == PUBLIC_THREAD:
        return plain | _thread(c)
    plain |= {"position": 0, "permission_overwrites": [_hidden(one) for one in sorted(c.hidden_from)], "nsfw": False, "topic": None}
    return plain | ({"available_tags": [], "default_reaction_emoji": None, "default_sort_order": None} if c.type == GUILD_FORUM else {})


def _hidden(user_id: str) -> Json:
    """The overwrite by which a person does not see a channel."""
    return {"id": user_id, "type": 1, "allow": "0", "deny": str(BITS["VIEW_CHANNEL"])}


def _thread(c: Channel) -> Json:
    metadata: Json = {
        "archived": c.archived,
        "auto_archive_duration": 1440,
        "archive_timestamp": moment(c.id),
        "locked": c.locked,
        "create_timestamp": moment(c.id),
    }
    return {
        "owner_id": c.owner_id,
        "thread_metadata": metadata,
        "message_count": len(c.messages),
        "member_count": 1,
        "total_message_sent": len(c.messages),
    }


def guild(world: World, g: Guild) -> Json:
    """A guild as REST answers."""
    return {
        "id": g.id,
        "name": g.name,
        "icon": None,
        "description": None,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "features": [],
        "banner": None,
        "owner_id": g.owner_id,
        "application_id": None,
        "region": "us-east",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 0,
        "roles": [role(g.id, "@everyone") | {"permissions": EVERYBODY}, *(role(*one) for one in g.roles.items())],
        "default_message_notifications": 0,
        "mfa_level": 0,
        "explicit_content_filter": 0,
        "max_presences": None,
        "max_members": 500000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "rules_channel_id": None,
        "safety_alerts_channel_id": None,
        "public_updates_channel_id": None,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
        "incidents_data": None,
    }


def guild_create(world: World, g: Guild) -> Json:
    """The gateway's GUILD_CREATE."""
    own = [c for c in world.channels.values() if c.guild_id == g.id]
    return guild(world, g) | {
        "joined_at": JOINED,
        "large": False,
        "unavailable": False,
        "member_count": len(g.members),
        "members": [member(world.users[i]) for i in sorted(g.members, key=int)],
        "channels": [channel(world, c) for c in own if c.type != PUBLIC_THREAD],
        "threads": [channel(world, c) for c in own if c.type == PUBLIC_THREAD],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def webhook(world: World, w: Webhook) -> Json:
    """An incoming webhook with its token."""
    return {
        "id": w.id,
        "type": 1,
        "guild_id": w.guild_id,
        "channel_id": w.channel_id,
        "name": w.name,
        "avatar": w.avatar,
        "application_id": w.application_id,
        "user": user(world.bot),
        "token": w.token,
        "url": f"{world.base}/api/webhooks/{w.id}/{w.token}",
    }


def application(world: World) -> Json:
    """The bot's application, as `/oauth2/applications/@me` answers."""
    return {
        "id": world.application_id,
        "name": "Tzurot",
        "icon": None,
        "description": "",
        "type": None,
        "bot": user(world.bot),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": (1 << 19) | (1 << 15),
        "flags_new": str((1 << 19) | (1 << 15)),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": user(world.users[world.guild.owner_id]),
        "approximate_guild_count": len(world.guilds),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "rpc_origins": [],
        "eligible_oauth2_scopes": [],
    }


def message(world: World, message_id: str, c: Channel, author: Json, content: str = "", **more: object) -> Json:
    """A fresh message; `more` overrides or adds fields (None values are kept)."""
    plain: Json = {
        "id": message_id,
        "channel_id": c.id,
        "type": 0,
        "author": author,
        "content": content,
        "timestamp": moment(message_id),
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "components": [],
        "pinned": False,
        "flags": 0,
    }
    return plain | more

"""Whether a person may read a channel, from what Discord says of server, channel and member. Pure; what is not known is refused."""

from collections.abc import Collection

from bot.discord.payload import Json, Reader

VIEW, HISTORY, ADMINISTRATOR = 1 << 10, 1 << 16, 1 << 3
READ = VIEW | HISTORY
ROLE, MEMBER = 0, 1
PRIVATE_THREAD = 12


def may_read(guild: Json, channel: Json, member: Json) -> bool:
    """Whether this member has View Channel and Read Message History there.

    `channel` is the one whose overwrites count: a thread's parent. A field that is missing or of another kind is a no.
    """
    server, place, person = Reader(guild), Reader(channel), Reader(member)
    guild_id, user = server.number("id"), person.one("user").number("id")
    roles, overwrites = guild.get("roles"), channel.get("permission_overwrites")
    if not guild_id or not user or not isinstance(roles, list) or not isinstance(overwrites, list):
        return False
    if place.number("guild_id") != guild_id or not isinstance(member.get("roles"), list):
        return False
    if any(one.number(name) is None for one in place.many("permission_overwrites") for name in ("type", "id", "allow", "deny")):
        return False
    if server.number("owner_id") == user:
        return True
    own = {guild_id, *(int(role) for role in member["roles"] if str(role).isdigit())}
    base = _held(server.many("roles"), own)
    return bool(base & ADMINISTRATOR) or _overwritten(base, place.many("permission_overwrites"), guild_id, user, own) & READ == READ


def _held(roles: Collection[Reader], own: Collection[int]) -> int:
    held = 0
    for role in roles:
        if role.number("id") in own:
            held |= role.number("permissions") or 0
    return held


def _overwritten(base: int, overwrites: Collection[Reader], everyone: int, user: int, own: Collection[int]) -> int:
    """Discord's order: everyone's, then all roles' together, then the member's own; within each what is allowed counts more."""
    found = [(one.number("type"), one.number("id"), one) for one in overwrites]
    for counting in (
        [one for kind, whose, one in found if kind == ROLE and whose == everyone],
        [one for kind, whose, one in found if kind == ROLE and whose != everyone and whose in own],
        [one for kind, whose, one in found if kind == MEMBER and whose == user],
    ):
        allowed = denied = 0
        for one in counting:
            allowed |= one.number("allow") or 0
            denied |= one.number("deny") or 0
        base = base & ~denied | allowed
    return base

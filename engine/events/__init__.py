"""The only registry of event names. A name never changes and never names a module: moving a file must not break a replay."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from engine.errors import UnknownEvent
from engine.events import (
    access,
    bulletin,
    channel,
    character,
    claim,
    experiment,
    job,
    key,
    lorebook,
    memory,
    message,
    model,
    note,
    ops,
    persona,
    preset,
    privacy,
    profile,
    provider,
    quota,
    reaction,
    reply,
    scene,
    script,
    server,
    turn,
)
from engine.events.base import SYSTEM_SUBJECT, Event, Part, Sealed, Tags, user_subject
from engine.events.craft import made, tool
from engine.events.playground import chat

_NAMES: Mapping[str, tuple[type[Event], int]] = MappingProxyType(
    {
        "message.received": (message.MessageReceived, 1),
        "message.declined": (message.MessageDeclined, 1),
        "message.drafted": (message.MessageDrafted, 1),
        "message.whispered": (scene.MessageWhispered, 1),
        "message.cued": (message.MessageCued, 1),
        "message.edited": (message.MessageEdited, 2),
        "message.picture_described": (message.PictureDescribed, 1),
        "message.file_kept": (message.FileKept, 1),
        "message.quoted": (message.MessageQuoted, 1),
        "message.deleted": (message.MessageDeleted, 1),
        "turn.requested": (turn.TurnRequested, 2),
        "turn.generation_started": (turn.GenerationStarted, 4),
        "turn.tools_called": (tool.ToolsCalled, 1),
        "turn.tool_answered": (tool.ToolAnswered, 1),
        "notebook.written": (tool.NotebookWritten, 1),
        "turn.completed": (turn.TurnCompleted, 5),
        "turn.failed": (turn.TurnFailed, 1),
        "turn.declined": (turn.TurnDeclined, 1),
        "turn.cancelled": (turn.TurnCancelled, 2),
        "reply.intended": (reply.DeliveryIntended, 2),
        "reply.chunk_delivered": (reply.ChunkDelivered, 1),
        "reply.delivered": (reply.ReplyDelivered, 1),
        "reply.failed": (reply.DeliveryFailed, 1),
        "reply.stream_intended": (reply.StreamIntended, 1),
        "reply.stream_shown": (reply.StreamShown, 1),
        "reply.file_made": (made.ReplyFileMade, 1),
        "reply.file_shown": (made.ReplyFileShown, 1),
        "reply.file_dropped": (made.ReplyFileDropped, 1),
        "reply.regenerated": (reply.ReplyRegenerated, 2),
        "reply.continued": (reply.ReplyContinued, 1),
        "reply.edited": (reply.ReplyEdited, 1),
        "reply.version_chosen": (reply.VersionChosen, 2),
        "reply.deleted": (reply.ReplyDeleted, 1),
        "reply.rated": (reply.ReplyRated, 1),
        "reply.reported": (reply.ReplyReported, 1),
        "experiment.run": (experiment.ExperimentRun, 1),
        "reaction.added": (reaction.ReactionAdded, 1),
        "reaction.removed": (reaction.ReactionRemoved, 1),
        "reaction.cleared": (reaction.ReactionsCleared, 1),
        "reaction.mapped": (reaction.ReactionsMapped, 1),
        "character.created": (character.CharacterCreated, 7),
        "character.edited": (character.CharacterEdited, 7),
        "character.deleted": (character.CharacterDeleted, 1),
        "character.restored": (character.CharacterRestored, 1),
        "preset.created": (preset.PresetCreated, 3),
        "preset.edited": (preset.PresetEdited, 3),
        "preset.deleted": (preset.PresetDeleted, 1),
        "preset.restored": (preset.PresetRestored, 1),
        "preset.default_chosen": (preset.DefaultChosen, 1),
        "preset.override_chosen": (preset.OverrideChosen, 1),
        "claim.made": (claim.Claimed, 1),
        "claim.released": (claim.Released, 1),
        "channel.activated": (channel.CharacterActivated, 1),
        "channel.deactivated": (channel.CharacterDeactivated, 1),
        "channel.context_reset": (channel.ContextReset, 1),
        "channel.context_restored": (channel.ContextRestored, 1),
        "channel.purged": (channel.ChannelPurged, 1),
        "conversation.forked": (channel.ConversationForked, 1),
        "channel.edited": (channel.ChannelEdited, 2),
        "chat.titled": (chat.ChatTitled, 1),
        "chat.deleted": (chat.ChatDeleted, 1),
        "chat.restored": (chat.ChatRestored, 1),
        "chat.imported": (chat.ChatImported, 1),
        "chat.withdrawn": (chat.ChatWithdrawn, 1),
        "chat.readmitted": (chat.ChatReadmitted, 1),
        "chat.line_kept": (chat.ChatLineKept, 1),
        "scene.presence_marked": (scene.PresenceMarked, 1),
        "scene.narrator_chosen": (scene.NarratorChosen, 1),
        "access.denied": (access.PersonDenied, 1),
        "access.allowed": (access.PersonAllowed, 1),
        "profile.edited": (profile.ProfileEdited, 1),
        "presence.set": (bulletin.PresenceSet, 1),
        "release.published": (bulletin.ReleasePublished, 1),
        "release.told": (bulletin.ReleaseTold, 1),
        "persona.created": (persona.PersonaCreated, 1),
        "persona.edited": (persona.PersonaEdited, 1),
        "persona.deleted": (persona.PersonaDeleted, 1),
        "persona.restored": (persona.PersonaRestored, 1),
        "persona.chosen": (persona.PersonaChosen, 1),
        "server.edited": (server.ServerEdited, 3),
        "server.denied": (server.ServerDenied, 1),
        "server.allowed": (server.ServerAllowed, 1),
        "server.disclosed": (server.PersonDisclosed, 1),
        "server.referred": (server.HelpReferred, 1),
        "server.permission_missed": (server.PermissionMissed, 1),
        "server.permission_given": (server.PermissionGiven, 1),
        "server.place_named": (server.PlaceNamed, 1),
        "quota.spend_authorized": (quota.SpendAuthorized, 1),
        "quota.payer_charged": (quota.PayerCharged, 1),
        "quota.guild_charged": (quota.GuildCharged, 1),
        "quota.spend_settled": (quota.SpendSettled, 1),
        "quota.hit": (quota.QuotaHit, 1),
        "quota.block_lifted": (quota.BlockLifted, 1),
        "quota.notice_given": (quota.NoticeGiven, 1),
        "quota.upgrade_hinted": (quota.UpgradeHinted, 1),
        "quota.budget_set": (quota.BudgetSet, 1),
        "quota.limits_changed": (quota.LimitsChanged, 1),
        "key.added": (key.KeyAdded, 1),
        "key.tested": (key.KeyTested, 1),
        "key.removed": (key.KeyRemoved, 1),
        "model.catalogue_fetched": (model.CatalogueFetched, 1),
        "model.overridden": (model.ModelOverridden, 1),
        "model.override_cleared": (model.ModelOverrideCleared, 1),
        "model.quirks_noted": (model.ModelQuirksNoted, 1),
        "model.quirks_forgotten": (model.ModelQuirksForgotten, 1),
        "provider.connected": (provider.ProviderConnected, 1),
        "provider.disconnected": (provider.ProviderDisconnected, 1),
        "note.set": (note.NoteSet, 1),
        "scripts.set": (script.ScriptsSet, 1),
        "lorebook.created": (lorebook.LorebookCreated, 1),
        "lorebook.edited": (lorebook.LorebookEdited, 1),
        "lorebook.entries_set": (lorebook.LoreEntriesSet, 1),
        "lorebook.entries_removed": (lorebook.LoreEntriesRemoved, 1),
        "lorebook.deleted": (lorebook.LorebookDeleted, 1),
        "lorebook.restored": (lorebook.LorebookRestored, 1),
        "lorebook.attached": (lorebook.LorebookAttached, 1),
        "lorebook.detached": (lorebook.LorebookDetached, 1),
        "job.requested": (job.JobRequested, 1),
        "job.started": (job.JobStarted, 1),
        "job.progressed": (job.JobProgressed, 1),
        "job.completed": (job.JobCompleted, 1),
        "job.failed": (job.JobFailed, 1),
        "job.cancelled": (job.JobCancelled, 1),
        "memory.noted": (memory.MemoryNoted, 3),
        "memory.extracted": (memory.FactsExtracted, 1),
        "memory.corrected": (memory.MemoryCorrected, 1),
        "memory.locked": (memory.MemoryLocked, 1),
        "memory.forgotten": (memory.MemoryForgotten, 1),
        "memory.archived": (memory.MemoryArchived, 1),
        "memory.said_forgotten": (memory.SaidForgotten, 1),
        "memory.span_forgotten": (memory.SpanForgotten, 1),
        "memory.session_started": (memory.SessionStarted, 1),
        "memory.session_ended": (memory.SessionEnded, 1),
        "memory.reach_chosen": (memory.ReachChosen, 1),
        "memory.dreamed": (memory.MemoriesDreamed, 2),
        "memory.dream_undone": (memory.DreamUndone, 1),
        "memory.generation_chosen": (memory.GenerationChosen, 1),
        "ops.dead_lettered": (ops.DeadLettered, 1),
        "ops.dead_letter_retried": (ops.DeadLetterRetried, 1),
        "ops.dead_letter_discarded": (ops.DeadLetterDiscarded, 1),
        "privacy.user_erased": (privacy.UserErased, 1),
        "privacy.master_key_rotated": (privacy.MasterKeyRotated, 1),
    }
)


def _register() -> dict[str, type[Event]]:
    for name, (cls, version) in _NAMES.items():
        cls.TYPE, cls.VERSION = name, version
    return {name: cls for name, (cls, _) in _NAMES.items()}


_CLASSES = _register()


def class_of(name: str, version: int) -> type[Event]:
    """The class of a stored event's type. Raises UnknownEvent for a name or a newer schema version than we know."""
    cls = _CLASSES.get(name)
    if cls is None or version > cls.VERSION:
        raise UnknownEvent(name, version)
    return cls


def all_types() -> Iterator[tuple[str, type[Event]]]:
    """Every (name, class), in registry order."""
    return iter(_CLASSES.items())


__all__ = ["SYSTEM_SUBJECT", "Event", "Part", "Sealed", "Tags", "all_types", "class_of", "user_subject"]

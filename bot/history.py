"""What is known of a channel's conversation, in a sentence every face shows alike. Pure."""

from projections.models import history

CONFIRM = "purge"
"""What a person types to confirm that everything of a channel is forgotten."""


def sentence(found: history.ChannelStats, *, plain: bool = False) -> str:
    """The counts of a conversation in Discord's markdown; `plain`: for who reads it anywhere else."""
    if not found.messages and not found.replies:
        return "I know nothing of what was said here. Activate a character with `/channel activate`, or call one by `@Name`."
    first = ""
    if found.first:
        first = f" since {found.first:%Y-%m-%d}" if plain else f" since <t:{int(found.first.timestamp())}:d>"
    hidden = f" Characters do not see {found.hidden} of them any more." if found.hidden else " Characters may see all of it."
    who = f"{found.people} {'person' if found.people == 1 else 'people'}"
    said = f"**{found.messages}** messages of {who} and **{found.replies}** replies{first}.{hidden}"
    return said.replace("**", "") if plain else said

"""Which messages of a channel may be taken for one that we posted and could not write down."""

from typing import Any, cast

import pytest

from bot.discord.post import Post
from bot.discord.translate import Us

BOT, APPLICATION = {"id": "10"}, "20"
POST = Post(cast(Any, None), cast(Any, None), Us(10, 20))


@pytest.mark.parametrize(
    ("message", "in_channel", "in_dm"),
    [
        ({"author": BOT}, True, True),
        ({"author": {"id": "11"}}, False, False),
        ({"author": BOT, "interaction_metadata": {"id": "1"}}, False, False),
        ({"author": {"id": "12"}, "webhook_id": "12", "application_id": APPLICATION}, True, False),
        ({"author": {"id": "12"}, "webhook_id": "12", "application_id": "21"}, False, False),
        ({"author": {"id": "12"}, "webhook_id": "12"}, False, False),
    ],
)
def test_only_what_the_delivery_posted_is_ours(message: dict[str, Any], in_channel: bool, in_dm: bool) -> None:
    """Not the answer to a command, though the bot said it; not another application's webhook; not a person."""
    assert (POST._is_ours(message, dm=False), POST._is_ours(message, dm=True)) == (in_channel, in_dm)

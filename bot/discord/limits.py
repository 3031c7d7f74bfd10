"""Discord's limits. Lengths are UTF-16 units (see bot.delivery.split)."""

NAME = 80
"""Webhook user name."""
PLACE_NAME = 100
"""Name of a server or channel."""
AVATAR_URL = 2048
CDN = "https://cdn.discordapp.com"
EMOJI_NAME, EMOJI_SIDE = 32, 128
"""Characters of an emoji's name, and pixels of its longer side on the CDN."""
INTERACTION_S = 3.0
"""An interaction must be answered within this."""
CHOICES, CHOICE = 25, 100
"""Suggestions for an option, and the length of one's name and value."""
REQUESTS_PER_SECOND = 50
HISTORY_PAGE = 100
TYPING_S = 8.0
"""How often a typing signal is repeated; Discord drops it after ten seconds."""
EPHEMERAL = 1 << 6
UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK = 10003, 10008, 10015
WRONG_CHANNEL_TYPE, TOO_MANY_WEBHOOKS = 50024, 30007
UPLOAD = 10 * 2**20
"""Bytes of a file."""
DESCRIPTION = 1024
"""Length of a file's description, for those who do not see it."""
ROW_BUTTONS, SELECT_OPTIONS, FORM_INPUTS = 5, 25, 5
"""Buttons beside each other, options of a select, inputs of a form."""
LABEL, TITLE, FORM_TEXT = 80, 45, 4000
"""Length of a button's label, of a form's title or the label of an input, and of what an input takes."""

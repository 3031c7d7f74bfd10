"""What stands in addresses: a number that names a place or a message is an id, or the address names nothing."""

from starlette.convertors import IntegerConvertor, register_url_convertor


class _Id(IntegerConvertor):
    """A number that Postgres keeps: what is beyond it is no address of ours, instead of a page that fails."""

    regex = "(?:[0-9]{1,18}|[1-8][0-9]{18})"


register_url_convertor("id", _Id())
CHAT = "/chats/{channel:id}"
REPLY = CHAT + "/replies/{message:id}/{character:uuid}"
CHANNEL, SERVER = "/channels/{number:id}", "/servers/{number:id}"

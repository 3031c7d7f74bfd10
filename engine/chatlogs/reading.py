"""Read chat logs: tell the program by what stands in the file, never by its name. Pure, for a thread."""

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

from engine.cards import trees
from engine.cards.refusal import Unreadable
from engine.cards.trees import Tree
from engine.chatlogs.log import BadLines, ChatLog, ChatVariant, LoggedLine, StreamedLines
from engine.chatlogs.times import moment

MOST_BYTES = 256 * 1024 * 1024
MOST_LINE = trees.MOST_BYTES
_INPUT, _OUTPUT = "{{[INPUT]}}", "{{[OUTPUT]}}"
_OWN = ("name", "is_user", "is_system", "mes", "send_date", "swipes", "swipe_id", "swipe_info")


def read_chats(raw: bytes) -> list[ChatLog]:
    """The conversations in a file. Raises Unreadable when it is none that is known. A line that cannot be read is told, not swallowed."""
    if len(raw) > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 2**20} MB.")
    text = raw if not raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) else trees.text_of(raw).lstrip("\ufeff").encode()
    first = text[: 2 * MOST_LINE].lstrip()[:MOST_LINE].partition(b"\n")[0]
    head = _line(first)
    if isinstance(head, dict) and ("chat_metadata" in head or "user_name" in head or "mes" in head):
        return [_jsonl(text)]
    tree = trees.json_of(text)
    for sign, read in _SIGNS:
        if isinstance(tree, dict) and sign(tree) and (found := [log for log in read(tree) if log.lines or log.bad]):
            return found
    raise Unreadable("The file holds no chat log of a program that is known here.")


def _line(raw: bytes) -> Any:
    try:
        return trees.json_of(raw)
    except Unreadable:
        return None


def _jsonl(raw: bytes) -> ChatLog:
    """SillyTavern's lines of JSON; Chub's are the same with objects for texts. Lines are read anew whenever they are asked for."""
    head, bad, count, chub = Tree(), BadLines(), 0, False
    user, character = None, None
    for number, found in _rows(raw):
        if isinstance(found, dict) and "mes" in found:
            count, chub = count + 1, chub or isinstance(found["mes"], dict)
            name, by_user = _text(found.get("name")), found.get("is_user") is True
            user = name if user is None and by_user else user
            character = name if character is None and not by_user and found.get("is_system") is not True else character
        elif isinstance(found, dict) and not count and not head:
            head = found
        else:
            bad.add(f"Line {number}: {found if isinstance(found, Unreadable) else 'It is no message.'}")
    lines = StreamedLines(lambda: (_tavern_line(found) for _, found in _rows(raw) if isinstance(found, dict) and "mes" in found), count)
    user = _text(head.get("user_name")) if user is None else user
    character = _text(head.get("character_name")) if character is None else character
    return ChatLog("Chub" if chub else "SillyTavern", lines, user, character, bad.told(), head)


def _rows(raw: bytes) -> Iterator[tuple[int, Any]]:
    """The number and the value of each line that is not empty; of one that cannot be read, why."""
    for number, line in enumerate(BytesIO(raw), 1):
        if not line.strip():
            continue
        try:
            yield number, trees.json_of(line)
        except Unreadable as error:
            yield number, error


def _tavern_line(found: Mapping[str, Any]) -> LoggedLine:
    text, at = _text(found["mes"]), moment(found.get("send_date"))
    swipes, info, at_swipe = found.get("swipes"), found.get("swipe_info"), found.get("swipe_id")
    texts = [_text(one) for one in swipes] if isinstance(swipes, list) else []
    chosen = at_swipe if isinstance(at_swipe, int) and 0 <= at_swipe < len(texts) else 0
    infos = info if isinstance(info, list) else []
    variants = [ChatVariant(one, _swiped(infos, n) or at) for n, one in enumerate(texts)]
    if len(variants) < 2:
        variants, chosen = [ChatVariant(text, at)], 0
    elif variants[chosen].text != text:  # the message was edited after it was swiped
        variants[chosen] = ChatVariant(text, variants[chosen].at)
    rest = {name: value for name, value in found.items() if name not in _OWN}
    by_user = found.get("is_user") is True
    return LoggedLine(_text(found.get("name")), by_user, tuple(variants), chosen, found.get("is_system") is True, rest)


def _swiped(infos: list[Any], at: int) -> Any:
    return moment(infos[at].get("send_date")) if at < len(infos) and isinstance(infos[at], dict) else None


def _text(value: object) -> str:
    """A text, or the one in an object: Chub's `mes.message`, Agnai's `msg`."""
    if isinstance(value, dict):
        value = next((value[name] for name in ("message", "text", "msg", "data") if isinstance(value.get(name), str)), "")
    return value if isinstance(value, str) else "" if value is None or isinstance(value, list) else str(value)


def _said(name: str, *, by_user: bool, text: str, at: object = None, rest: Tree | None = None) -> LoggedLine:
    return LoggedLine(name, by_user, (ChatVariant(text, moment(at)),), rest=rest or {})


def _items(value: object) -> Iterator[Tree]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _kobold(tree: Tree) -> Iterator[ChatLog]:
    saved = tree.get("savedsettings")
    settings = saved if isinstance(saved, dict) else {}
    user, opponent = _text(settings.get("chatname")) or "You", _text(settings.get("chatopponent")).split("||$||")[0] or "Assistant"
    actions = tree.get("actions")
    whole = "".join([_text(tree.get("prompt")), *(_text(one) for one in (actions if isinstance(actions, list) else []))])
    lines = []
    for n, piece in enumerate(whole.split(_INPUT)):
        asked, *answered = piece.split(_OUTPUT)
        if asked.strip():
            lines.append(_said(user if n else opponent, by_user=n > 0, text=asked.strip()))
        lines += [_said(opponent, by_user=False, text=text.strip()) for text in answered if text.strip()]
    yield ChatLog("KoboldLite", tuple(lines), user, opponent)


def _cai(tree: Tree) -> Iterator[ChatLog]:
    histories = tree["histories"].get("histories")
    for history in _items(histories):
        lines = []
        for message in _items(history.get("msgs")):
            source = message.get("src")
            source = source if isinstance(source, dict) else {}
            human = source.get("is_human") is True
            name = _text(source.get("name")) or ("You" if human else "Character")
            lines.append(_said(name, by_user=human, text=_text(message.get("text")), at=message.get("created")))
        yield _named_log("CAI Tools", lines)


def _named_log(form: Any, lines: list[LoggedLine], bad: tuple[str, ...] = ()) -> ChatLog:
    user = next((line.name for line in lines if line.by_user), "You")
    return ChatLog(form, tuple(lines), user, next((line.name for line in lines if not line.by_user), "Character"), bad)


def _webui(tree: Tree) -> Iterator[ChatLog]:
    pairs, bad, lines = tree["data_visible"], list[str](), list[LoggedLine]()
    for number, pair in enumerate(pairs if isinstance(pairs, list) else [], 1):
        if not isinstance(pair, list) or len(pair) != 2:
            bad.append(f"Exchange {number}: It is no pair of texts.")
            continue
        lines += [_said("You" if n == 0 else "Character", by_user=n == 0, text=_text(one)) for n, one in enumerate(pair) if _text(one)]
    yield _named_log("text-generation-webui", lines, tuple(bad))


def _agnai(tree: Tree) -> Iterator[ChatLog]:
    name = _text(tree.get("name")) or "Character"
    lines = []
    for message in _items(tree["messages"]):
        human = bool(message.get("userId"))
        spoken = _text(message.get("handle")) or _text(message.get("name")) or ("You" if human else name)
        lines.append(_said(spoken, by_user=human, text=_text(message.get("msg")), at=message.get("createdAt")))
    yield _named_log("Agnai", lines)


def _risu(tree: Tree) -> Iterator[ChatLog]:
    data = tree.get("data")
    inner = data if isinstance(data, dict) else {}
    lines = []
    for message in _items(inner.get("message")):
        human = message.get("role") == "user"
        name = _text(message.get("name")) or ("You" if human else "Character")
        lines.append(_said(name, by_user=human, text=_text(message.get("data")), at=message.get("time")))
    yield _named_log("RisuAI", lines)


_SIGNS: tuple[tuple[Callable[[Tree], bool], Callable[[Tree], Iterator[ChatLog]]], ...] = (
    (lambda tree: "savedsettings" in tree, _kobold),
    (lambda tree: isinstance(tree.get("histories"), dict), _cai),
    (lambda tree: "data_visible" in tree, _webui),
    (lambda tree: tree.get("type") == "risuChat", _risu),
    (lambda tree: isinstance(tree.get("messages"), list), _agnai),
)
"""In the order in which SillyTavern looks."""

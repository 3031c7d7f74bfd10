"""Read chat logs: tell the program by what stands in the file, never by its name. Pure, for a thread."""

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

from engine.cards import trees
from engine.cards.refusal import Unreadable
from engine.cards.trees import Tree
from engine.chatlogs.log import BadLines, ChatLog, ChatVariant, LoggedLine, StreamedLines
from engine.chatlogs.times import moment
from engine.chatlogs.writing import KEPT

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
    lines = StreamedLines(lambda: (line_of(found) for _, found in _rows(raw) if isinstance(found, dict) and "mes" in found), count)
    user = _text(head.get("user_name")) if user is None else user
    character = _text(head.get("character_name")) if character is None else character
    own = {name: value for name, value in head.items() if name != KEPT}
    return ChatLog("Chub" if chub else "SillyTavern", lines, user, character, bad.told(), own, _kept(head))


def _rows(raw: bytes) -> Iterator[tuple[int, Any]]:
    """The number and the value of each line that is not empty; of one that cannot be read, why."""
    for number, line in enumerate(BytesIO(raw), 1):
        if not line.strip():
            continue
        try:
            yield number, trees.json_of(line)
        except Unreadable as error:
            yield number, error


def line_of(found: Tree) -> LoggedLine:
    """The line that an object of SillyTavern's form stands for."""
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
    rest = {name: value for name, value in found.items() if name not in (*_OWN, KEPT)}
    by_user = found.get("is_user") is True
    odd = {name: found[name] for name in _OWN if name in found and not _plain(name, found[name])}
    if len(variants) > 1 and (by_user or variants[chosen].text not in texts):  # a person has no versions here, and an edit is none
        odd |= {name: found[name] for name in ("swipes", "swipe_id", "swipe_info") if name in found}
    kept = _kept(found) | odd
    return LoggedLine(_text(found.get("name")), by_user, tuple(variants), chosen, found.get("is_system") is True, rest, kept)


def _kept(found: Tree) -> Tree:
    """What we wrote beside the form's own members when it went out."""
    return dict(kept) if isinstance(kept := found.get(KEPT), dict) else {}


def _plain(name: str, value: Any) -> bool:
    """Whether a line's own member says nothing that is not read of it."""
    match name:
        case "name" | "mes":
            return isinstance(value, str)
        case "is_user" | "is_system":
            return isinstance(value, bool)
        case "send_date":
            return moment(value) is not None or value in ("", None)
        case "swipe_id":
            return isinstance(value, int)
        case "swipes":
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        case _:
            return isinstance(value, list) and all(isinstance(one, dict) and not _told_more(one) for one in value)


def _told_more(info: Mapping[str, Any]) -> bool:
    """Whether what is told of a variant is more than its time."""
    return any(value not in ({}, None, "") for name, value in info.items() if name != "send_date") or not _plain(
        "send_date", info.get("send_date")
    )


def _swiped(infos: list[Any], at: int) -> Any:
    return moment(infos[at].get("send_date")) if at < len(infos) and isinstance(infos[at], dict) else None


def _text(value: object) -> str:
    """A text, or the one in an object: Chub's `mes.message`, Agnai's `msg`."""
    if isinstance(value, dict):
        value = next((value[name] for name in ("message", "text", "msg", "data") if isinstance(value.get(name), str)), "")
    return value if isinstance(value, str) else "" if value is None or isinstance(value, list) else str(value)


def _said(name: str, *, by_user: bool, text: str, at: object = None, kept: Tree | None = None) -> LoggedLine:
    return LoggedLine(name, by_user, (ChatVariant(text, moment(at)),), kept=kept or {})


def _besides(tree: Tree, *names: str) -> Tree:
    """What stands in an object besides what is read of it; a time that cannot be read is not read."""
    times = [name for name in ("created", "createdAt", "time") if name in names and not _plain("send_date", tree.get(name))]
    return {name: value for name, value in tree.items() if name not in names or name in times}


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
    yield ChatLog("KoboldLite", tuple(lines), user, opponent, kept=_besides(tree, "prompt", "actions"))


def _cai(tree: Tree) -> Iterator[ChatLog]:
    histories = tree["histories"].get("histories")
    for history in _items(histories):
        lines = []
        for message in _items(history.get("msgs")):
            source = message.get("src")
            source = source if isinstance(source, dict) else {}
            human = source.get("is_human") is True
            name = _text(source.get("name")) or ("You" if human else "Character")
            kept = _besides(message, "src", "text", "created") | ({"src": more} if (more := _besides(source, "is_human", "name")) else {})
            lines.append(_said(name, by_user=human, text=_text(message.get("text")), at=message.get("created"), kept=kept))
        around = {"histories": more} if (more := _besides(tree["histories"], "histories")) else {}
        yield _named_log("CAI Tools", lines, kept=_besides(tree, "histories") | around | _besides(history, "msgs"))


def _named_log(form: Any, lines: list[LoggedLine], bad: tuple[str, ...] = (), kept: Tree | None = None) -> ChatLog:
    user = next((line.name for line in lines if line.by_user), "You")
    return ChatLog(form, tuple(lines), user, next((line.name for line in lines if not line.by_user), "Character"), bad, kept=kept or {})


def _webui(tree: Tree) -> Iterator[ChatLog]:
    pairs, bad, lines = tree["data_visible"], list[str](), list[LoggedLine]()
    for number, pair in enumerate(pairs if isinstance(pairs, list) else [], 1):
        if not isinstance(pair, list) or len(pair) != 2:
            bad.append(f"Exchange {number}: It is no pair of texts.")
            continue
        lines += [_said("You" if n == 0 else "Character", by_user=n == 0, text=_text(one)) for n, one in enumerate(pair) if _text(one)]
    yield _named_log("text-generation-webui", lines, tuple(bad), _besides(tree, "data_visible"))


def _agnai(tree: Tree) -> Iterator[ChatLog]:
    name = _text(tree.get("name")) or "Character"
    lines = []
    for message in _items(tree["messages"]):
        human = bool(message.get("userId"))
        spoken = _text(message.get("handle")) or _text(message.get("name")) or ("You" if human else name)
        kept = _besides(message, "msg", "createdAt", "handle")
        lines.append(_said(spoken, by_user=human, text=_text(message.get("msg")), at=message.get("createdAt"), kept=kept))
    yield _named_log("Agnai", lines, kept=_besides(tree, "messages"))


def _risu(tree: Tree) -> Iterator[ChatLog]:
    data = tree.get("data")
    inner = data if isinstance(data, dict) else {}
    lines = []
    for message in _items(inner.get("message")):
        human = message.get("role") == "user"
        name = _text(message.get("name")) or ("You" if human else "Character")
        kept = _besides(message, "data", "time", "name", "role")
        lines.append(_said(name, by_user=human, text=_text(message.get("data")), at=message.get("time"), kept=kept))
    around = {"data": more} if (more := _besides(inner, "message")) else {}
    yield _named_log("RisuAI", lines, kept=_besides(tree, "data") | around)


_SIGNS: tuple[tuple[Callable[[Tree], bool], Callable[[Tree], Iterator[ChatLog]]], ...] = (
    (lambda tree: "savedsettings" in tree, _kobold),
    (lambda tree: isinstance(tree.get("histories"), dict), _cai),
    (lambda tree: "data_visible" in tree, _webui),
    (lambda tree: tree.get("type") == "risuChat", _risu),
    (lambda tree: isinstance(tree.get("messages"), list), _agnai),
)
"""In the order in which SillyTavern looks."""

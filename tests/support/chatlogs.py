"""Chat logs of every program that is read, made on the spot."""

import json
from typing import Any

HEAD = {
    "user_name": "Ada",
    "character_name": "Wren",
    "create_date": "2024-05-03@16h05m09s",
    "chat_metadata": {"integrity": "x", "note_depth": 4},
}


def line(name: str, text: str, *, user: bool = False, at: object = "May 3, 2024 4:05pm", **more: Any) -> dict[str, Any]:
    return {"name": name, "is_user": user, "is_system": False, "send_date": at, "mes": text} | more


def tavern() -> list[dict[str, Any]]:
    """A greeting, swipes, a group's second speaker, a note of the program."""
    infos = [{"send_date": f"2024-05-03T16:0{n}:00Z"} for n in (6, 7, 8)]
    return [
        HEAD,
        line("Wren", "Greetings, {{user}}.", at=1714752309000),
        line("Ada", "Hello ü!", user=True, at="2024-05-03T16:05:30.250Z"),
        line("Wren", "two", swipes=["one", "two", "three"], swipe_id=1, swipe_info=infos, extra={"model": "a/b", "reasoning": "hm"}),
        line("Rook", "And me.", original_avatar="rook.png", at="2024-05-03 @16h 09m 00s 5ms"),
        line("System", "branch", is_system=True),
        line("Ada", "Bye.", user=True, at="2024-05-03T16:10:00Z", extra={"file": 1}),
    ]


def jsonl(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def others() -> dict[str, tuple[bytes, list[tuple[bool, str]]]]:
    """Form -> (file, who said what in it): a question of the person's and an answer, at least."""
    two = [(True, "hi"), (False, "hello")]
    chub = [
        line("Ada", "", user=True) | {"mes": {"message": "hi"}},
        line("Wren", "") | {"mes": {"message": "hello"}, "swipes": [{"message": "hello"}, {"message": "x"}]},
    ]
    kobold = {
        "savedsettings": {"chatname": "Ada", "chatopponent": "Wren||$||Rook"},
        "prompt": "",
        "actions": ["{{[INPUT]}}hi{{[OUTPUT]}}", "hello"],
    }
    cai = {
        "histories": {
            "histories": [
                {"msgs": [{"src": {"is_human": True, "name": "Ada"}, "text": "hi"}, {"src": {"is_human": False}, "text": "hello"}]}
            ]
        }
    }
    agnai = {"name": "Wren", "messages": [{"msg": "hi", "userId": "1"}, {"msg": "hello", "characterId": "2"}]}
    risu = {
        "type": "risuChat",
        "ver": 1,
        "data": {"message": [{"role": "user", "data": "hi", "time": 1714752309000}, {"role": "char", "data": "hello"}]},
    }
    return {
        "Chub": (jsonl(chub), two),
        "KoboldLite": (json.dumps(kobold).encode(), two),
        "CAI Tools": (json.dumps(cai).encode(), two),
        "text-generation-webui": (json.dumps({"internal": [], "data_visible": [["hi", "hello"]]}).encode(), two),
        "Agnai": (json.dumps(agnai).encode(), two),
        "RisuAI": (json.dumps(risu).encode(), two),
    }


def marked() -> dict[str, bytes]:
    """A file of every form with a word of its own, `mark N`, in each field of it."""
    count = iter(range(10_000))

    def word() -> str:
        return f"mark {next(count)}."

    info = {"send_date": "2024-05-03T16:06:00Z", "gen_started": word(), "extra": {"model": word()}}
    odd = {"send_date": word(), "extra": {word(): word()}}
    rows = [
        {"user_name": word(), "character_name": word(), "chat_metadata": {"note_prompt": word(), "main_chat": word()}, word(): word()},
        line("Wren", word(), force_avatar=word(), extra={"model": "a/b", "reasoning": word(), "more": [word()]}),
        line(word(), word(), user=True, force_avatar=word(), extra={"file": {"url": word()}}),
        line("Wren", word(), swipes=[word(), word()], swipe_id=0, swipe_info=[info, odd], bookmark_link=word()),
        line(word(), word(), is_system=True, extra={"type": word()}) | {"is_system": True},
        line("Ada", "x " * 60_000 + word(), user=True, at=word(), swipes=[word(), word()], swipe_info=[odd, info]),
        line("Wren", "x " * 60_000 + word(), title=word()),
        line("Ada", " ", user=True, note=word()),
    ]
    chub = [line("Ada", "", user=True) | {"mes": {"message": word(), "id": word()}}]
    chub += [line("Wren", "") | {"mes": {"message": word(), "id": word()}, "swipes": [{"message": word(), "id": word()}]}]
    kobold = {
        "savedsettings": {"chatname": word(), "chatopponent": word(), "other": word()},
        "prompt": word(),
        "actions": [f"{{{{[INPUT]}}}}{word()}{{{{[OUTPUT]}}}}", word()],
        "memory": word(),
    }
    said = {"src": {"is_human": True, "name": word(), "id": word()}, "text": word(), "created": word(), "uuid": word()}
    cai = {"info": word(), "histories": {"about": word(), "histories": [{"msgs": [said], "external_id": word()}]}}
    webui = {"internal": [[word(), word()]], "data_visible": [[word(), word()]], "metadata": word()}
    agnai = {
        "name": word(),
        "greeting": word(),
        "messages": [{"msg": word(), "userId": word(), "handle": word(), "createdAt": word(), "s": word()}],
    }
    message = {"role": "char", "data": word(), "name": word(), "chatId": word(), "time": word()}
    risu = {"type": "risuChat", "ver": word(), "data": {"note": word(), "message": [message]}}
    whole = {"KoboldLite": kobold, "CAI Tools": cai, "text-generation-webui": webui, "Agnai": agnai, "RisuAI": risu}
    return {"SillyTavern": jsonl(rows), "Chub": jsonl(chub)} | {form: json.dumps(tree).encode() for form, tree in whole.items()}

"""Character cards of every kind and quirk, made on the spot: what real files were seen to look like."""

import base64
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from engine.cards import png

Tree = dict[str, Any]
TEXTS = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
MORE = ("creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version")


def token(name: str) -> str:
    """A word that stands nowhere else."""
    return f"tok-{name}-nekot"


def v1() -> Tree:
    return {name: token(name) for name in TEXTS} | {"metadata": {"tool": token("tool")}, "create_date": token("create_date")}


def book() -> Tree:
    entry = {
        "keys": [token("key")],
        "secondary_keys": [token("secondary")],
        "content": f"@@depth 4\n{token('content')}",
        "extensions": {"probability": 40, "x": token("entry_extension")},
        "enabled": False,
        "insertion_order": 7,
        "id": 3,
        "comment": token("comment"),
        "name": token("entry_name"),
        "position": "after_char",
        "strange": token("entry_strange"),
    }
    return {
        "name": token("book"),
        "scan_depth": 3,
        "extensions": {"y": token("book_extension")},
        "entries": [entry],
        "odd": token("book_odd"),
    }


def v2() -> Tree:
    data: Tree = {name: token(name) for name in (*TEXTS, *MORE)}
    data |= {"tags": [token("tag")], "alternate_greetings": [token("alternate"), ""], "character_book": book()}
    data |= {
        "extensions": {"depth_prompt": {"prompt": token("depth_prompt"), "depth": 4}, "talkativeness": "0.7"},
        "unheard": token("data"),
    }
    return {"spec": "chara_card_v2", "spec_version": "2.0", "data": data, "beside": {"deep": [token("root")]}}


def v3() -> Tree:
    tree = v2()
    data: Tree = tree["data"] | {
        "nickname": token("nickname"),
        "group_only_greetings": [token("group_greeting")],
        "creator_notes_multilingual": {"de": token("german")},
        "source": [token("source")],
        "creation_date": 1_700_000_000,
        "modification_date": 0,
        "assets": [
            {"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"},
            {"type": "x-odd", "uri": token("uri"), "name": "n", "ext": "e"},
        ],
    }
    return {**tree, "spec": "chara_card_v3", "spec_version": "3.0", "data": data}


def coded(tree: object) -> bytes:
    return base64.b64encode(json.dumps(tree).encode())


def chunk(kind: bytes, data: bytes, *, crc: int | None = None) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)


def text_chunk(keyword: bytes, content: bytes, kind: bytes = b"tEXt", *, packed: bool = True) -> bytes:
    """A text chunk of one of PNG's three kinds."""
    match kind:
        case b"tEXt":
            return chunk(kind, keyword + b"\0" + content)
        case b"zTXt":
            return chunk(kind, keyword + b"\0\0" + zlib.compress(content))
        case _:
            return chunk(kind, keyword + b"\0" + bytes([packed]) + b"\0en\0\0" + (zlib.compress(content) if packed else content))


def in_png(*inner: bytes, animated: bool = False) -> bytes:
    """A small picture with these chunks before its end."""
    end = chunk(b"IEND", b"")
    whole = png.plain((90, 120, 160), 8).removesuffix(end)
    head = chunk(b"acTL", struct.pack(">II", 1, 0)) if animated else b""
    at = len(png.SIGNATURE) + 25
    return whole[:at] + head + whole[at:] + b"".join(inner) + end


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    into = BytesIO()
    with zipfile.ZipFile(into, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return into.getvalue()


def charx(tree: Tree, files: Mapping[str, bytes] | None = None) -> bytes:
    return zipped({"card.json": json.dumps(tree).encode(), **(files or {})})


def byaf() -> bytes:
    character = {
        "schemaVersion": 1,
        "id": token("id"),
        "name": token("name"),
        "displayName": token("displayName"),
        "persona": "{character} greets {user}. " + token("persona"),
        "images": [{"path": "images/a.png", "label": ""}],
        "loreItems": [{"key": f"{token('key')}, other", "value": token("lore"), "order": "a0"}],
    }
    scenario = {
        "narrative": token("narrative"),
        "formattingInstructions": token("formatting"),
        "firstMessages": [{"characterID": "1", "text": token("first")}],
        "exampleMessages": [{"characterID": "1", "text": token("example")}],
        "messages": [],
    }
    manifest = {"schemaVersion": 1, "characters": ["characters/a/character.json"], "scenarios": ["scenarios/1.json"]}
    return zipped(
        {
            "manifest.json": json.dumps(manifest).encode(),
            "characters/a/character.json": json.dumps(character).encode(),
            "characters/a/images/a.png": png.plain((9, 9, 9), 8),
            "scenarios/1.json": json.dumps(scenario).encode(),
        }
    )


def corpus() -> dict[str, tuple[bytes, str]]:
    """Name -> (file, its name): every form in every container, and the quirks of real files."""
    return {f"{name}.{ending}": (content, f"{name}.{ending}") for name, ending, content in (*_containers(), *_quirks(), *_others())}


def _containers() -> list[tuple[str, str, bytes]]:
    found = []
    for spec, tree in (("v1", v1()), ("v2", v2()), ("v3", v3())):
        keyword = b"ccv3" if spec == "v3" else b"chara"
        kinds = (b"tEXt", b"zTXt", b"iTXt")
        found += [(f"{spec}-{kind.decode()}", "png", in_png(text_chunk(keyword, coded(tree), kind))) for kind in kinds]
        found.append((f"{spec}-iTXt-plain", "png", in_png(text_chunk(keyword, coded(tree), b"iTXt", packed=False))))
        found.append((f"{spec}-animated", "png", in_png(text_chunk(keyword, coded(tree)), animated=True)))
        found.append((f"{spec}-charx", "charx", charx(tree, {"assets/a.bin": b"\0\1"})))
        text = json.dumps(tree)
        found += [(f"{spec}-{name}", "json", text.encode(name)) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32")]
        found.append((f"{spec}-wrapped", "json", json.dumps({"card": tree, "rating": token("around")}).encode()))
        found.append((f"{spec}-listed", "json", json.dumps([tree]).encode()))
        found.append((f"{spec}-string", "json", json.dumps(text).encode()))
        found.append((f"{spec}-jpeg-and-zip", "jpg", b"\xff\xd8\xff\xe0 a picture" + charx(tree)))
    return found


def _quirks() -> list[tuple[str, str, bytes]]:
    both = in_png(text_chunk(b"chara", coded(v2() | {"stale": True})), text_chunk(b"ccv3", coded(v3())))
    wrong: Tree = v2()
    wrong["data"] |= {
        "alternate_greetings": token("alternate"),
        "character_book": None,
        "tags": token("tag"),
        "description": [token("description")],
    }
    nothing: Tree = {"spec": "chara_card_v2", "data": dict.fromkeys((*TEXTS, *MORE), None) | {"name": token("name")}}
    line = coded(v2())
    lines = b"\n".join(line[at : at + 76] for at in range(0, len(line), 76))
    return [
        ("both", "png", both),
        ("v3-first", "png", in_png(text_chunk(b"ccv3", coded(v3())), text_chunk(b"chara", coded(v2())))),
        ("v2-in-ccv3", "png", in_png(text_chunk(b"ccv3", coded(v2())), text_chunk(b"chara", coded(v2())))),
        ("broken-ccv3", "png", in_png(text_chunk(b"ccv3", b"?!"), text_chunk(b"chara", coded(v2())))),
        ("capital-keyword", "png", in_png(text_chunk(b"Chara", coded(v2())))),
        ("json-without-base64", "png", in_png(text_chunk(b"chara", json.dumps(v2()).encode(), b"iTXt"))),
        ("wrapped-base64", "png", in_png(text_chunk(b"chara", lines))),
        ("no-padding", "png", in_png(text_chunk(b"chara", coded(v2()).rstrip(b"=")))),
        ("old-assets", "png", in_png(text_chunk(b"chara-ext-asset_:1", coded({"a": 1})), text_chunk(b"ccv3", coded(v3())))),
        ("rest-after-end", "png", in_png(text_chunk(b"chara", coded(v2()))) + b"trailing"),
        ("wrong-types", "json", json.dumps(wrong).encode()),
        ("only-a-name", "json", json.dumps(nothing).encode()),
        ("newer-version", "json", json.dumps(v3() | {"spec_version": "3.7"}).encode()),
        ("numbers", "json", json.dumps(v2() | {"big": 2**70, "small": 1e-320, "whole": 1.0}).encode()),
        ("surrogate", "json", json.dumps(v2() | {"half": "\ud83d"}).encode()),
        ("nan", "json", json.dumps(v2() | {"nan": float("nan")}).encode()),
        ("huge-number", "json", json.dumps(v2()).replace('"2.0"', "1e999").encode()),
        ("windows", "json", json.dumps(v2() | {"café": "é"}, ensure_ascii=False).encode("cp1252")),
    ]


def _others() -> list[tuple[str, str, bytes]]:
    pygmalion = {"char_name": token("name"), "char_persona": token("persona"), "char_greeting": token("greeting"), "more": token("more")}
    pygmalion |= {"world_scenario": token("world"), "example_dialogue": token("dialogue")}
    agnai = {"kind": "character", "name": token("name"), "persona": {"kind": "boostyle", "attributes": {"likes": [token("likes"), "tea"]}}}
    agnai |= {"greeting": token("greeting"), "sampleChat": token("sample"), "scenario": token("scenario"), "visualType": token("visual")}
    webui = f"name: {token('name')}\ngreeting: |-\n  {token('greeting')}\ncontext: |-\n  {token('context')}\nextra: {token('extra')}\n"
    inner = "data:image/png;base64," + base64.b64encode(png.plain((1, 2, 3), 8)).decode()
    pictured: Tree = v3()
    pictured["data"]["assets"] = [{"type": "icon", "uri": inner, "name": "main", "ext": "png"}]
    iconed: Tree = v3()
    iconed["data"]["assets"] = [{"type": "icon", "uri": "embeded://assets/icon/1.png", "name": "main", "ext": "png"}]
    return [
        ("pygmalion", "json", json.dumps(pygmalion).encode()),
        ("agnai", "json", json.dumps(agnai).encode()),
        ("webui", "yaml", webui.encode()),
        ("webui-nameless", "txt", webui.encode()),
        ("webui", "json", json.dumps({"name": token("name"), "context": token("context"), "greeting": token("greeting")}).encode()),
        ("backyard", "byaf", byaf()),
        ("picture-inside", "json", json.dumps(pictured).encode()),
        ("icon-inside", "charx", charx(iconed, {"assets/icon/1.png": png.plain((5, 6, 7), 8)})),
    ]

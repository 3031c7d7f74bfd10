"""A backup of shapes.inc as its exporter writes it, made on the spot: a token in every field."""

import io
import json
import zipfile
from functools import partial
from typing import Any

from engine.cards.pieces import Opened
from engine.shapes.mapping import FIELDS, PRESET


def config() -> dict[str, Any]:
    found: dict[str, Any] = {name: f"canary {name}" for name in FIELDS} | {"id": "shape-1", "username": "mochi", "name": "Mochi"}
    found |= {"birthday": "05-03", "avatar": "https://files.example/mochi.png"}
    found |= dict.fromkeys(PRESET, 1) | {"engine_model": "openai/gpt-4o", "engine_temperature": 0.8, "stm_window": 12}
    found |= {"voice_model": "canary voice", "keywords": ["canary keyword"], "tagline": "canary tagline", "private": True}
    found |= {"shape_settings": {"shape_initial_message": "canary greeting", "odd": "canary odd"}, "favorite_reacts": []}
    return found | {"credits_used": 7, "user_id": ["u"], "nothing": None, "never seen before": {"deep": ["canary unknown"]}}


def memory(text: str, **more: Any) -> dict[str, Any]:
    about = {"start_ts": 1714752000.5, "end_ts": 1714752309.25, "discord_guild_id": "", "msg_ids": ["a"]}
    return {"id": "a/b", "senders": ["u"], "result": text, "summary_type": "automatic", "deleted": False, "metadata": about} | more


def files(messages: int = 2) -> dict[str, Any]:
    said: list[Any] = [
        {"id": str(n), "message": f"canary said {n}", "reply": f"canary reply {n}", "ts": 1714752309.123456 + n, "regenerated_replies": []}
        for n in range(messages)
    ]
    said[0]["regenerated_replies"] = ["canary earlier"]
    said += [{"id": "x", "message": None, "reply": "canary alone", "ts": 1714760000.5}, {"id": "y", "message": None, "reply": None}, 7]
    memories = [
        memory("canary memory"),
        memory("canary memory"),
        memory("canary gone", deleted=True),
        memory(" "),
        7,
        memory("long " * 1000),
    ]
    return {
        "mochi/mochi.json": config(),
        "mochi/mochi_memories.json": memories,
        "mochi/mochi_knowledge.json": [{"story_type": "general", "title": "canary title", "content": "canary story"}],
        "mochi/mochi_training.json": [{"prompt": "canary prompt", "response": "canary response"}],
        "mochi/mochi_user_personalization.json": {"backstory": "canary backstory"},
        "mochi/mochi_chat_history.json": {"shape_id": "shape-1", "message_count": len(said), "messages": said},
    }


def raw(messages: int = 2) -> dict[str, bytes]:
    return {name: json.dumps(tree).encode() for name, tree in files(messages).items()}


def opened(found: dict[str, bytes]) -> dict[str, Opened]:
    """Files as they are read."""
    return {name: partial(io.BytesIO, content) for name, content in found.items()}


def zipped(found: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in found.items():
            archive.writestr(name, content)
    return out.getvalue()

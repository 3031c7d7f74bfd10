"""Pictures as providers give them: beside a chat's text, among its parts, as base64 or as an address; and whatever is none."""

import base64
import json
from typing import Any

import pytest

from engine.decide.spending.spend import _SEAL, SYSTEM, Permit
from engine.fault import Category
from tests.support.provider.server import Behaviour, FaultServer, Nothing, ProviderRequest, Raw, Reply, Status
from worker.providers.chat import Endpoint
from worker.providers.drawing import Dialect, Drawn, draw
from worker.providers.failure import ProviderFailed
from worker.providers.http import Http

PICTURE = b"\x89PNG\r\n\x1a\n anything"
CODED = base64.b64encode(PICTURE).decode()
URL = f"data:image/png;base64,{CODED}"
PERMIT = Permit(SYSTEM, "test/draws", None, free=True, guest=False, locks_payer=False, spare_in_guild=None, probe=False, seal=_SEAL)


def chat(**message: Any) -> Behaviour:
    return Raw(json.dumps({"model": "test/draws", "choices": [{"message": {"role": "assistant", **message}}]}).encode())


def data(*entries: object, **more: object) -> Behaviour:
    return Raw(json.dumps({"data": entries, **more}).encode())


async def asked(server: FaultServer, dialect: Dialect) -> Drawn:
    async with Http() as http:
        endpoint = Endpoint("test", server.address, "sk-canary-000000000000")
        return await draw(http, endpoint, PERMIT, "A heron", dialect=dialect, seconds=30)


@pytest.mark.parametrize(
    ("dialect", "answer", "url"),
    [
        ("chat", chat(content="Here.", images=[{"type": "image_url", "image_url": {"url": URL}}]), ""),
        ("chat", chat(content=[{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": URL}}]), ""),
        ("chat", chat(images=[{"image_url": {"url": "https://open.test/a.png"}}]), "https://open.test/a.png"),
        ("images", data({"b64_json": CODED}), ""),
        ("images", data({"b64_json": CODED[:8] + "\n" + CODED[8:]}, usage={"input_tokens": 5, "output_tokens": 1000}), ""),
        ("images", data({"url": "https://open.test/a.png", "revised_prompt": "x"}), "https://open.test/a.png"),
        ("images", data({"url": URL}), ""),
    ],
)
async def test_a_picture_is_found_wherever_it_stands(dialect: Dialect, answer: Behaviour, url: str) -> None:
    async with FaultServer.running(answer) as server:
        drawn = await asked(server, dialect)
        assert (drawn.content, drawn.url) == (b"" if url else PICTURE, url)
        assert server.journal[0].path.endswith("/chat/completions" if dialect == "chat" else "/images/generations")
        assert server.journal[0].body["model"] == "test/draws"


async def test_a_model_that_refuses_to_be_asked_for_base64_is_asked_without() -> None:
    async with FaultServer.running() as server:

        def decide(one: ProviderRequest) -> Behaviour:
            return Status(400, "Unknown parameter: 'response_format'.") if "response_format" in one.body else data({"b64_json": CODED})

        server.decide = decide
        assert (await asked(server, "images")).content == PICTURE
        assert len(server.journal) == 2


@pytest.mark.parametrize(
    ("dialect", "answer", "category"),
    [
        ("chat", chat(content="I cannot draw that."), Category.EMPTY_RESPONSE),
        ("chat", Reply("Just words."), Category.EMPTY_RESPONSE),
        (
            "chat",
            chat(images=[None, 3, {}, {"image_url": "no"}, {"image_url": {"url": "data:image/png;base64,!!"}}]),
            Category.EMPTY_RESPONSE,
        ),
        ("images", data(), Category.EMPTY_RESPONSE),
        ("images", data({"b64_json": 3}, [], None), Category.EMPTY_RESPONSE),
        ("images", data({"url": "file:///etc/passwd"}), Category.EMPTY_RESPONSE),
        ("images", Raw(b"[" * 100_000), Category.BAD_RESPONSE),
        ("images", Raw(b"x" * 20_000_000), Category.BAD_RESPONSE),
        ("images", Status(401, "no key sk-canary-000000000000"), Category.AUTHENTICATION),
        ("images", Nothing("close"), Category.NETWORK),
    ],
)
async def test_what_is_no_picture_is_a_fault_in_a_known_form(dialect: Dialect, answer: Behaviour, category: Category) -> None:
    """Without our key in it."""
    async with FaultServer.running(answer) as server:
        with pytest.raises(ProviderFailed) as failed:
            await asked(server, dialect)
        assert failed.value.fault.category == category
        assert "canary" not in repr(failed.value.fault)

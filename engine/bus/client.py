"""FastStream's and nats-py's client, imported before anything else imports either: without what they could do and we do not ask of them."""

from engine import lean

with lean.without("aiohttp", "uvicorn"):  # nats-py speaks WebSocket by the one (see engine.bus.broker), FastStream ASGI by the other
    import faststream.nats

__all__ = ["faststream"]

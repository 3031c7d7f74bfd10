"""The bus: NATS says that something happened, Postgres says what. Only references travel."""

from engine.bus import client  # noqa: F401  # first: it decides what the client's own imports find
from engine.bus.consumer import Consumer, Handler, Poison, Retry, consume
from engine.bus.reference import Malformed, Reference
from engine.bus.relay import Relay
from engine.bus.subjects import DISCORD, JOBS, PLAYGROUND, WORKER, Durable

__all__ = [
    "DISCORD",
    "JOBS",
    "PLAYGROUND",
    "WORKER",
    "Consumer",
    "Durable",
    "Handler",
    "Malformed",
    "Poison",
    "Reference",
    "Relay",
    "Retry",
    "consume",
]

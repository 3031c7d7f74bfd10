"""The kinds of things of places and people: what is set for a server, what people set for themselves, and who they can be."""

from engine.resources.kinds import Kind
from engine.resources.places import persona, profile, server
from engine.resources.places.persona import PersonaSheet
from engine.resources.places.profile import ProfileSheet
from engine.resources.places.server import ServerSheet

SERVER = Kind("server", ServerSheet, server.problems)
PROFILE = Kind("me", ProfileSheet, profile.problems)
PERSONA = Kind("persona", PersonaSheet, persona.problems)

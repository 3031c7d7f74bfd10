"""The kinds of things that are simply there: what is set for a server, and what people set for themselves."""

from engine.resources.kinds import Kind
from engine.resources.places import profile, server
from engine.resources.places.profile import ProfileSheet
from engine.resources.places.server import ServerSheet

SERVER = Kind("server", ServerSheet, server.problems)
PROFILE = Kind("me", ProfileSheet, profile.problems)

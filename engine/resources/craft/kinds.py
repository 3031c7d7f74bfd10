"""The kinds of things about prompts that people edit."""

from engine.resources.craft import lorebook, note, script
from engine.resources.craft.lorebook import LorebookSheet, LoreEntrySheet
from engine.resources.craft.note import NoteSheet
from engine.resources.craft.script import ScriptSheet
from engine.resources.kinds import Kind

LOREBOOK = Kind("lorebook", LorebookSheet, lorebook.problems)
LORE_ENTRY = Kind("entry", LoreEntrySheet, lorebook.entry_problems)
CRAFT = Kind("note", NoteSheet, note.problems)
SCRIPT = Kind("script", ScriptSheet, script.problems)

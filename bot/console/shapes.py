"""A face for every character, made of a few plain shapes and its id: the same everywhere, no picture to store. Pure."""

from uuid import UUID

PALETTES = (
    ("#2f6f73", "#f2b872", "#f6efe2"),
    ("#7a4a6d", "#f0a58f", "#f7ece6"),
    ("#37598c", "#9fd0c6", "#eef3ee"),
    ("#8a5a2b", "#f3d08b", "#f8f0df"),
    ("#4d6b3c", "#e9b44c", "#f4f1de"),
    ("#a4483e", "#f2c6a0", "#faefe6"),
    ("#2d5d62", "#e58f65", "#f3ecdf"),
    ("#5b4a8a", "#b9c4f2", "#f0eef7"),
)
"""(ground, figure, light): each pair has been looked at on a light and on a dark page."""

_BACK = (
    '<circle cx="{x}" cy="{y}" r="30" fill="{c}"/>',
    '<rect x="{x}" y="{y}" width="52" height="52" fill="{c}" transform="rotate({t} 32 32)"/>',
    '<path d="M0 {y} A44 44 0 0 1 64 {y} V64 H0 Z" fill="{c}"/>',
    '<path d="M{x} 6 L72 70 L-8 70 Z" fill="{c}"/>',
    '<path d="M0 64 L64 {y} V64 Z" fill="{c}"/>',
)
_FRONT = (
    '<circle cx="32" cy="32" r="13" fill="{c}"/>',
    '<path d="M19 32 A13 13 0 0 1 45 32 Z" fill="{c}" transform="rotate({t} 32 32)"/>',
    '<rect x="21" y="21" width="22" height="22" fill="{c}" transform="rotate({t} 32 32)"/>',
    '<path d="M32 17 L46 43 L18 43 Z" fill="{c}" transform="rotate({t} 32 32)"/>',
    '<path d="M32 18 A14 14 0 1 1 31.9 18 M32 25 A7 7 0 1 0 32.1 25" fill="{c}" fill-rule="evenodd"/>',
)


def face(identity: UUID) -> str:
    """An SVG of 64 by 64 units."""
    bits = identity.int ^ identity.int >> 67
    ground, figure, light = PALETTES[bits % len(PALETTES)]
    back = _BACK[(bits >> 8) % len(_BACK)]
    front = _FRONT[(bits >> 16) % len(_FRONT)]
    x, y = 12 + (bits >> 24) % 40, 16 + (bits >> 32) % 28
    turn = (0, 45, 90, 180)[(bits >> 40) % 4]
    shapes = back.format(x=x, y=y, t=turn, c=figure) + front.format(t=turn, c=light)
    back_ground = f'<rect width="64" height="64" fill="{ground}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">{back_ground}{shapes}</svg>'

"""Where bars and corporate actions come from.

``provider`` is the interface; the others are one source each, or what several of them share. What
they hand out may be wrong. Stays out: storing it (``lake``) and judging it (``quality``).
"""

"""Where bars and corporate actions come from.

``provider`` is the interface; the others are one source each. Everything they hand out has passed
``domain.bars``. Stays out: storing what was fetched (``lake``) and judging it (checks).
"""

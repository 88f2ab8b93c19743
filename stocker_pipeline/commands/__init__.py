"""Groups of commands of ``stocker``, a module each.

Belongs here: options, tables and JSON. A command parses, calls a stage, prints, and decides
nothing. Stays out: whatever a program without a terminal would need too (``stages``).
"""

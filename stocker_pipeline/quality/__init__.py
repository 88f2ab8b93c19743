"""The data-quality gate: prices and corporate actions in, findings out.

Belongs here: every rule that says a bar is wrong or odd, with its bound, its evidence in words and
what it asks for. Pure: no files, no clock, no network, no Dagster; nothing here repairs, removes or
stores a bar. Stays out: whether a table has the right columns and form at all (``domain.bars``),
what a person decided about a finding, and what is done with a quarantined bar (``stages``).

One door: ``gate.judge``. One module per family of rules, one small class per rule.
"""

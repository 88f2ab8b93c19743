"""Stocker: a systematic portfolio, run once a day, as a Dagster project.

The folders are the architecture; imports go down only (see ``pyproject.toml``, import contracts):
definitions → defs, cli → orchestration → stages → gateways, ledger, lake → analytics, risk,
strategies → engine → domain.
"""

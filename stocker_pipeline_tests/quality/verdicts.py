"""Judge a market and ask the answer questions."""

from stocker_pipeline.quality.gate import judge


def judged(market, **options):
    """The gate's table for a market."""
    return judge(market.bars, market.actions, calendar_last=market.calendar_last, **options)


def rows(findings, rule=None, treatment=None):
    """Findings as dicts, of one rule or treatment."""
    return [
        row
        for row in findings.to_pylist()
        if rule in (None, row["rule"]) and treatment in (None, row["treatment"])
    ]


def keys(findings, rule=None, treatment=None):
    """(symbol, session as text) of findings."""
    return {(row["symbol"], str(row["session"])) for row in rows(findings, rule, treatment)}


def rules_at(findings, symbol, session):
    """Rules found on one bar."""
    return {
        row["rule"]
        for row in findings.to_pylist()
        if row["symbol"] == symbol and str(row["session"]) == session
    }

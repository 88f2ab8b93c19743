"""What each column of the lake means, with its unit and sign; shown in the asset graph.

Stays out: types and keys (``schemas``).
"""

from collections.abc import Mapping

from stocker_pipeline.lake.schemas import Dataset

_EVERYWHERE: Mapping[str, str] = {
    "portfolio": "Name of the portfolio.",
    "session": "Trading date.",
    "symbol": "Ticker, a share class after a dot: BRK.B.",
    "source": "Provider that sent the row.",
    "known_at": "When the row was received, UTC; what it says was not known before.",
    # prices and actions
    "open": "First price of the session, dollars per share, raw as traded.",
    "high": "Highest price of the session, dollars per share, raw as traded.",
    "low": "Lowest price of the session, dollars per share, raw as traded.",
    "close": "Last price of the session, dollars per share, raw as traded.",
    "volume": "Shares traded, as traded.",
    "adj_close": "Close without later splits and dividends, by the source, dollars per share.",
    "split": "New shares per old share on this ex-date; 1 = no split.",
    "dividend": "Cash per share of the ex-date's basis, dollars; 0 = none.",
    # judgements
    "verdict": "A person's answer about the bar: accept, replace or hold.",
    "bar_hash": "SHA-256 of the bar that was judged: another bar needs another verdict.",
    "author": "Who said so.",
    "decided_at": "When it was said, UTC.",
    "judged_adj_close": "Adjusted close of the bar that was judged, dollars per share.",
    "replacement_source": "Where the replacement comes from, in the person's words.",
    "rule": "Code of the rule that the bar breaks.",
    "severity": "info, warning or error.",
    "evidence": "What was found, in words, with the numbers.",
    "threshold": "The rule's bound, in words.",
    "treatment": "quarantined = not traded on; flagged = traded on, and shown.",
    "judged_at": "When the whole market was judged, UTC.",
    "calendar_last": "Last session of the calendar that was judged by.",
    # what was asked of a source
    "first_session": "First session of the range or of the listing.",
    "last_session": "Last session of the range or of the listing; null = still listed.",
    "role": "primary = traded on; reference = compared with.",
    "outcome": "bars, missing (no data) or failed (no answer that can be believed).",
    "actions": "Corporate actions in the answer.",
    "source_hash": "SHA-256 of what the source answered.",
    # instruments and breadth
    "name": "Name of the company or fund.",
    "asset_class": "Kind of instrument, such as us_equity.",
    "exchange": "Where it is listed.",
    "currency": "ISO code of the currency that it trades in.",
    "sector": "Sector in the source's words; null = not known.",
    "tradable": "Whether the broker takes orders; null = not known.",
    "shortable": "Whether the broker lends it; null = not known.",
    "advancing": "Symbols whose close is above the one before.",
    "declining": "Symbols whose close is below the one before.",
    "unchanged": "Symbols whose close is the one before.",
    "new_highs_252": "Symbols at their highest close of 252 bars.",
    "new_lows_252": "Symbols at their lowest close of 252 bars.",
    "above_200_share": "Share of symbols above their average of 200 bars, 0 to 1.",
    "symbols": "Symbols with a bar of the session.",
    # the decision
    "momentum": "Log return over the look-back; null where the strategy has none.",
    "direction": "Sign of the view: 1 long, -1 short, 0 none; null without a forecast.",
    "vol": "Forecast volatility of the symbol, a fraction per year.",
    "weight": "Weight before scaling, a signed fraction of NAV.",
    "parameters_hash": "Hash of the parameters that the signal depends on.",
    "x_raw": "Target before scaling and caps, a signed fraction of NAV.",
    "sigma_p": "Forecast volatility of the book before scaling, a fraction per year.",
    "k": "Factor that brings the forecast to the target volatility.",
    "single_capped": "Whether the cap per symbol cut the target.",
    "x_single": "Target after the cap per symbol, a signed fraction of NAV.",
    "gross_factor": "Factor of the cap on gross exposure; 1 = not reached.",
    "tripped": "Whether the drawdown breaker was in force.",
    "breaker_factor": "Factor of the drawdown breaker; 1 = not tripped.",
    "target": "Target weight, a signed fraction of NAV.",
    "decision": "Code of the decision, such as OPEN, REDUCE, IN_BUFFER.",
    "held": "Shares before the session's order, negative for a short.",
    "desired": "Shares wanted, negative for a short.",
    # orders, fills, positions
    "quantity": "Shares, negative for a sale or a short.",
    "reference_price": "Close that the order was sized with, dollars per share of today's basis.",
    "delta": "Shares wanted less shares held.",
    "filled": "Shares filled, with the sign of the order.",
    "status": "What became of the order.",
    "price": "Price of the fill, slippage included, dollars per share.",
    "commission": "Commission of the fill, dollars, positive.",
    "realised": "Profit that the fill realised, before commission, dollars.",
    "split_new": "New shares of the split; null for a dividend.",
    "split_old": "Old shares of the split; null for a dividend.",
    "shares_change": "Shares added or taken by the split, signed.",
    "mark": "Price that the shares are valued at, dollars per share.",
    "mark_age_sessions": "Sessions since the bar of the mark; 0 = this session's close.",
    "cost": "Cost of the open lots, dollars; negative for a short.",
    "market_value": "Quantity times mark, dollars; negative for a short.",
    # the book at the close
    "nav": "Net asset value at the close, dollars.",
    "cash": "Cash at the close, dollars; negative where borrowed.",
    "positions_value": "Sum of quantity times mark, dollars, shorts negative.",
    "peak_nav": "Highest NAV so far, adjusted for flows, dollars.",
    "drawdown": "Fall from the peak, a fraction at or above 0.",
    "gross_exposure": "Sum of absolute market values as a multiple of NAV.",
    "net_exposure": "Sum of signed market values as a multiple of NAV.",
    "unrealised": "Market value less cost of open lots, dollars.",
    "dividends": "Dividends since the start, dollars; shorts pay.",
    "cash_in_lieu": "Cash for fractions of shares after splits since the start, dollars.",
    "commissions": "Commissions since the start, dollars, positive.",
    "flows": "Deposits less withdrawals since the start, dollars.",
    "initial_capital": "Cash before the first session, dollars.",
    "positions_count": "Symbols held at the close.",
    # parity
    "backtest_nav": "NAV of the backtest of the same sessions, dollars.",
    "gap": "NAV of the book less that of the backtest, dollars.",
    "gap_data": "Part of the gap from bars that were corrected since, dollars.",
    "gap_timing": "Part of the gap from fills at another session, dollars.",
    "gap_price": "Part of the gap from fills at another price, dollars.",
    "gap_overrides": "Part of the gap from what a person or a limit said, dollars.",
    "gap_missed_trades": "Part of the gap from orders that were not filled, dollars.",
    "gap_rounding": "What is left of the gap, dollars.",
}
_OF_A_TABLE: Mapping[tuple[str, str], str] = {
    ("verdicts", "reason"): "Why, in the person's words.",
    ("refused_rows", "reason"): "Code of why the row can be no bar or action.",
    ("retrievals", "reason"): "Why there are no bars; null where there are.",
    ("signals", "reason"): "Why there is no forecast; null where there is one.",
    ("signals", "bars"): "Bars of the symbol in the window.",
    ("retrievals", "bars"): "Bars in the answer.",
    ("retrievals", "refused_rows"): "Rows of the answer that can be no bar.",
    ("corporate_action_entries", "cash"): "Cash of the action, dollars; shorts pay.",
    ("corporate_action_entries", "dividend"): "Dividend per share, dollars; 0 for a split.",
    ("snapshots", "realised"): "Realised profit since the start, before commissions, dollars.",
}


def meaning_of(dataset: Dataset, column: str) -> str:
    """The sentence about a column of a table.

    Raises:
        KeyError: Nobody has said what it means.
    """
    said = _OF_A_TABLE.get((dataset.name, column)) or _EVERYWHERE.get(column)
    if said is None and column.startswith("replacement_"):
        return f"{column.removeprefix('replacement_').capitalize()} in place of the bar's own."
    if said is None and dataset.name == "judgements":
        return f"Version of the table {column} that was judged."
    if said is None:
        raise KeyError(f"{dataset.name}.{column} has no meaning in lake/columns.py")
    return said

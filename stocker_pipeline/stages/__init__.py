"""The day, one file per verb: ingest, forecast, trade, report. No Dagster, no vendor SDK.

Each stage reads what it needs, calls the engine and writes the result, and can be called by an
asset, a command or a test alike.
"""

"""The outside world behind small interfaces, one folder per kind of thing.

Each folder has the interface, its implementations and nothing else; vendor SDKs are imported only
here. Stays out: decisions about what to fetch or send, and anything that knows Dagster.
"""

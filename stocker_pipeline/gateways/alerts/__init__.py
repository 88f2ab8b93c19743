"""Channels to a person: Slack, e-mail, PagerDuty, and the dead man's ping.

Belongs here: a message in a vendor's own format, one request with a time-out, and what it answered.
Stays out: who is told what and when (``risk.alerting``), and retries (the outbox does them).
"""

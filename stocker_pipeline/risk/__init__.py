"""Judgements about a book and its orders: what may be done, and what is to be believed.

Pure: values in, verdicts with a reason code and a sentence out; no files, no clock, no database, no
broker, no Dagster. Nothing here acts. Stays out: what the strategy and the sizing want
(``strategies``, ``engine``), and what is done about a verdict (``stages``).
"""

"""What a book's record says: metrics, benchmarks, the tear sheet and pictures.

Pure functions from tables to numbers, HTML text and PNG bytes. No files, no clock, no network, no
Dagster; nothing here decides or changes anything. Plotly and matplotlib are imported by the
functions that draw, so that reading a metric does not pay for them.
"""

"""What a person does in the Dagster UI, done by a browser. Slow; `make browser` runs it."""

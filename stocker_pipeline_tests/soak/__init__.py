"""Years of paper trading with faults drawn by a seed, against a twin that nothing happened to.

``make soak`` runs many seeds of ten years and writes the table into docs/reliability.md;
``test_soak`` runs some short ones in the suite. Stays out: which fault at which step must end how
(``stages/faults``).
"""

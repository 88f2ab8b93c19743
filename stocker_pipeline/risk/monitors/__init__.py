"""What is watched while nobody looks: one pure function for each monitor, facts in, verdict out.

Belongs here: when a monitor speaks up, and in which words. Stays out: reading the facts, the
control state and the alerts (``stages.monitor``), and single orders (``risk.limits``).
"""

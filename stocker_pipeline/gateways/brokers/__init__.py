"""Who takes orders and holds the account, behind one interface (``broker``).

Belongs here: the vendors' protocols and the simulated account. Stays out: whether an order may be
sent, and our own book of it.
"""

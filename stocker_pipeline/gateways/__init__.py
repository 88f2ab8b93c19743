"""The outside world behind small interfaces: market data now, brokers and alert channels beside it.

The only room that may import a vendor's package or read a file of a user's.
"""

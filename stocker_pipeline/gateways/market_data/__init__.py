"""Where bars and corporate actions come from. Checking them is ``domain.bars``; keeping them, the lake."""

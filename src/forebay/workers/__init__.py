"""A message is worked off: the pool, what failures mean, the ledger."""

"""A message waits: topics and subscriptions over the driver contract."""

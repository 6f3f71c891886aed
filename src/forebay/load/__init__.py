"""The cannon: load profiles, shots, results. Knows nothing of queues and brokers."""

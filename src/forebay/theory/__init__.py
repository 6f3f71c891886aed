"""Queueing systems: formulas, simulation, pictures, plans. Knows nothing of queues and brokers."""

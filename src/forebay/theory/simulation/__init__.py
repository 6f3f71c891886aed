"""Simulation: from instants of arrival and times of work to what became of each customer, in three layers.

`engine` is deterministic: the same arrays give the same path, bit for bit, so that two systems meet the same customers
(common random numbers) and a trace is replayed by the same call. It is written twice: `specification` is what a student
reads, `compiled` (the extra ``fast``) is what runs where numba is installed. Sources of random numbers feed it in
blocks, and statistics watch what comes out.
"""

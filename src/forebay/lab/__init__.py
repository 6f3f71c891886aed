"""Experiments: local servers, faults, proofs."""

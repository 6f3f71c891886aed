"""Formulas, a family of models each; every module offers MODELS, from which `solving` takes the first that fits."""

"""From the log of a run to the model that it is: laws first, then arrivals, service, a model and its prediction."""

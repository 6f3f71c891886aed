"""From the log of a run to the model that it is: laws first, then arrivals, service, a model and its forecast.

columns -> reading -> log        a file becomes the Path of its messages
operational                      Little's law and the utilisation law: is it a log at all?
trend, bursts -> arrivals        who comes
goodness, candidates -> service  how long work takes
model, forecast -> fitting       A/B/n/q, and what it says beside what was measured
"""

from forebay.theory.fit.fitting import Fit, fit
from forebay.theory.fit.operational import ClosedLoop
from forebay.theory.fit.reading import read, read_log

__all__ = ["ClosedLoop", "Fit", "fit", "read", "read_log"]

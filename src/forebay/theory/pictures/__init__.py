"""Pictures of queueing systems, as SVG for pages and as text for terminals; see `drawing.draw`.

A picture is either the lanes of a timeline or a `chart.Figure`: panels of lines, areas and points that both renderers
understand. Colours mean the same everywhere: blue is work, amber is waiting, red is loss.
"""

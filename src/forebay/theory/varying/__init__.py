"""Loads that change with time: the fluid, the forward equations, and the stationary stand-ins for them."""

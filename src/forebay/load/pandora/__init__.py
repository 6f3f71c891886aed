"""The configuration of Pandora, accepted as it is; `pools.read` makes of each pool what is fired."""

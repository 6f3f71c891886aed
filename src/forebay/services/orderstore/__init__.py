"""The order store: orders from a consumer group, kept in memory and in a database, told over HTTP."""

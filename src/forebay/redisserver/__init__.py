"""One Redis or Valkey server, as queue and store both see it: its address, the wire to it, what its settings prove."""

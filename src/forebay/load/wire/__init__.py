"""What goes over the wire: the target, its connections, and the answers of HTTP/1.1."""

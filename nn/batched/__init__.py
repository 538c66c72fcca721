"""One image a slot, thousands at once: plan, client and server."""

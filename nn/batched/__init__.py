"""The batched layout, one image in each slot, thousands at once: plans, client and server."""

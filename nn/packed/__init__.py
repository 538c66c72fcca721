"""The packed layout, one image in a ciphertext: layouts, planner, plan, client and server."""

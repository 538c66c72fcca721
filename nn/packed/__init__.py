"""One image a ciphertext: layout, plan, client and server."""

"""Encrypted inference over HTTP: the service, its client, the page to draw on."""

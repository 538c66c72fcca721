"""The client side: it holds the secret key, talks to a service, and shows a page to draw on."""

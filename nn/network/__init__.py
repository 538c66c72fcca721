"""Networks as data, each layer with its cleartext meaning."""

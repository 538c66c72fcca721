"""Converters from other frameworks' models to `nn.graph.Network`."""

"""Converters from other frameworks' models to `nn.network.graph.Network`."""

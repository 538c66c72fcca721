"""Converters from the models of other frameworks to `nn.Network`."""

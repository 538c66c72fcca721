"""How each object is laid out in a container: headers, sections, and the checks on reading."""

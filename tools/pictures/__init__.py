"""The pictures of docs/architecture.md, drawn from the code that they show."""

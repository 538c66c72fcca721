"""The tables of README.md and docs/, written from the committed result files."""

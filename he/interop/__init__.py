"""The bytes of other libraries."""

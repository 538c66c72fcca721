"""What both layouts share: options, the search for parameters, the types of client and server."""

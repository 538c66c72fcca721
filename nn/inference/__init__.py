"""What both layouts share: options, the search for parameters, the faces of client and server."""

"""The server side: it stores keys and jobs, runs networks, and has nothing that makes keys."""

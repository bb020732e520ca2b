"""Partners' systems: what is sent to them over HTTP, where it may go, and what their answers say."""

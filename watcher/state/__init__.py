"""Documents of the state, leases, index templates and installation."""

"""Rules and the tests beside them → which tests pass, and what no test ever tried."""

"""What is odd about rules as they are written: nothing of it stops a rule that can be read."""

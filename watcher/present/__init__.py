"""Tables, panels and JSON for people and programs."""

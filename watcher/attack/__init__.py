"""ATT&CK: its tactics and techniques, their names and former ids."""

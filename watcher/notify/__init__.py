"""Alert → notification, and out of the door."""
